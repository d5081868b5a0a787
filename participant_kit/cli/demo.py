"""``pkit demo``: the main job on real data, every part a process of its own on this machine."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from platformdirs import user_data_path

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console

NOTEBOOK = "02_baseline.ipynb"


class DemoError(KitError):
    """A part of the demonstration did not start, or ended early."""

    code = "demo"


class Part:
    """One process of the demonstration, with its log."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._file: IO[bytes] = self.log.open("wb")
        machine = folder.parent / "machine"  # both roles work on it, and the marks of that are not for this one
        machine.mkdir(mode=0o700, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "participant_kit.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=self._file,
            env=os.environ | {"TMPDIR": str(machine)},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def wait_for(self, file: Path, seconds: float = 600) -> str:
        """The text of ``file``, once this part has written it."""
        deadline = time.monotonic() + seconds
        while not file.exists() or not file.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
                raise DemoError(f"The {self.name} did not start:\n{tail}", hint=f"Its whole log is {self.log}.")
            time.sleep(0.02)
        return file.read_text().strip()

    def end(self) -> None:
        """Ask it to end, as an operator would."""
        self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended, and make sure that it does."""
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._file.close()


def end_all(parts: Sequence[Part]) -> None:
    """End those that were started, the last one first."""
    for part in reversed(parts):
        part.end()
    for part in parts:
        part.wait()


def demo(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option(help="Where the demonstration keeps its files.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave all running and print the addresses.")] = False,
    lab: Annotated[bool, typer.Option("--lab", help="Open JupyterLab as the participant; ends with it.")] = False,
    json: console.Json = False,
) -> None:
    """Run one notebook blind on a health survey, with a gateway, a rehearsal runner and a runner of its own.

    Example: pkit demo
    """
    started = time.monotonic()
    root = (folder or user_data_path("participant-kit") / "demo").resolve()
    parts: list[Part] = []
    try:
        result = run_demo(root, parts, context.find_root().command.main)
        console.note(f"\n[green]Done in {time.monotonic() - started:.1f} s.[/]")
        if keep:
            console.note(f"Left running: {', '.join(f'{part.name} ({part.pid})' for part in parts)}")
            console.note(f"Gateway: {result['gateway']}   files: {root}")
            console.note(f"Stop all with: kill {' '.join(str(part.pid) for part in parts)}")
        console.emit(result, "")
        if lab:
            open_lab(root / "participant")
    finally:
        if not keep or sys.exc_info()[0]:
            end_all(parts)


def open_lab(folder: Path) -> None:
    """JupyterLab on the participant's folder, until it is stopped."""
    console.note("\n[bold]Opening JupyterLab[/]: open 02_baseline.ipynb, and press Submit blind. Stop it with Ctrl-C.")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run([*command, *as_root], check=False)


def run_demo(root: Path, parts: list[Part], pkit: Callable[..., Any]) -> dict[str, Any]:
    """Do it all below ``root`` with the commands of ``pkit``; ``parts`` gets every process that was started."""
    from participant_kit.secure_side.egress import read_egress

    challenge, tokens = root / "holder" / "nhanes-diabetes", root / "tokens"
    kit = root / "participant" / "nhanes-diabetes"
    for name in ("PKIT_TOKEN", "PKIT_GATEWAY"):
        os.environ.pop(name, None)
    os.environ.update(PKIT_HOME=str(root / "participant" / "home"), PKIT_KEYRING="off")
    with step("Making accounts, starting the gateway"):
        make_accounts(root, tokens)
        start_gateway(root, parts)
    with step("Preparing the challenge from the survey, and the runners' keys"):
        prepare(root, challenge)
        gateway = parts[0].wait_for(root / "gateway" / "address")
    organizer = ("--gateway", gateway, "--token-file", str(tokens / "organizer"))
    # without parity, because that would run three notebooks twice, as long as all the rest together
    show(pkit, "challenge", "publish", str(challenge), *organizer, "--no-parity")
    start_runners(root, challenge, gateway, parts)
    show(pkit, "login", gateway, "--token-file", str(tokens / "ada"))
    show(pkit, "join", f"{gateway}/nhanes-diabetes", "--folder", str(kit))
    with step("Waiting for the two runners, whose self-tests try to get out of the sandbox"):
        wait_for_runners(root, parts)
    show(pkit, "submit", str(kit / "starter_notebooks" / NOTEBOOK), "--wait")
    submission = read_egress(root / "blind" / "egress.jsonl")[-1].submission
    show(pkit, "leaderboard", f"{gateway}/nhanes-diabetes")
    show(pkit, "receipt", "verify", submission, "--challenge", str(kit))
    show(pkit, "holder", "egress", "--state", str(root / "blind"))
    return {"gateway": gateway, "folder": str(root), "submission": submission}


def make_accounts(root: Path, tokens: Path) -> None:
    """An empty ``root``, with a gateway's folder and the tokens of its four accounts; what was there goes."""
    from participant_kit.gateway.accounts import create_token
    from participant_kit.protocol.messages import AccountRole

    shutil.rmtree(root, ignore_errors=True)
    for folder in (root, root / "gateway", root / "keys", root / "logs", tokens):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    accounts: dict[str, AccountRole] = {
        "organizer": "organizer",
        "blind": "runner",
        "rehearsal": "rehearsal",
        "ada": "participant",
    }
    for name, account in accounts.items():
        (tokens / name).touch(mode=0o600)
        (tokens / name).write_text(create_token(root / "gateway", name, account))


def start_gateway(root: Path, parts: list[Part]) -> None:
    """Start the gateway; it writes its address into ``gateway/address`` below ``root``."""
    address = str(root / "gateway" / "address")
    options = ("--data", str(root / "gateway"), "--port", "0", "--address-file", address)
    parts.append(Part("gateway", root / "logs", "gateway", "start", *options))


def start_runners(root: Path, challenge: Path, gateway: str, parts: list[Part]) -> None:
    """Start a runner of each role."""
    for role, folder in (("rehearsal", challenge / "starter_kit"), ("blind", challenge)):
        words = (
            *("--gateway", gateway, "--role", role, "--challenge", str(folder)),
            *("--keys", str(root / "keys" / f"{role}.key"), "--state", str(root / role)),
            *("--token-file", str(root / "tokens" / role), "--ready-file", str(_ready(root, role)), "--demonstration"),
        )
        parts.append(Part(role, root / "logs", "runner", "start", *words))


def wait_for_runners(root: Path, parts: list[Part]) -> None:
    """Wait until both have tried their sandbox and ask for work."""
    for part in parts[1:]:
        part.wait_for(_ready(root, part.name))


def _ready(root: Path, role: str) -> Path:
    return root / "logs" / f"{role}.ready"


def prepare(root: Path, challenge: Path) -> None:
    """The challenge's folder, and a key for each role of the runner."""
    from participant_kit.organizer.demonstration.prepare import prepare_demonstration
    from participant_kit.protocol.keys import Role
    from participant_kit.secure_side.keys import make_keys

    challenge.mkdir(parents=True, mode=0o700)
    prepare_demonstration(challenge)
    for role in Role:
        make_keys(root / "keys" / f"{role.value}.key", challenge, role)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    console.note(f"[bold]{title}[/] ...")
    yield
    console.note(f"  done in {time.monotonic() - started:.1f} s")


def show(pkit: Callable[..., Any], *words: str) -> None:
    """Run one command of ``pkit`` before the eyes of who watches, in this process: starting one takes half a second."""
    console.note(f"\n[bold cyan]$ pkit {' '.join(words)}[/]")
    with contextlib.redirect_stdout(io.StringIO()) if console.as_json() else contextlib.nullcontext():
        code = pkit(list(words), prog_name="pkit", standalone_mode=False)
    if code:
        raise DemoError(f"pkit {words[0]} ended with exit code {code}.")
