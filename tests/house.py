"""The whole house in real processes: a gateway, runners with their sandboxes, and a participant's client."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import sample
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from databases import everything, fresh_database, query
from sqlalchemy import select, update
from support import make_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.gateway.accounts import create_token
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.tables import challenges
from participant_kit.organizer.publish import publish_challenge
from participant_kit.organizer.scaffold import new_challenge
from participant_kit.participant import Client, Submission
from participant_kit.participant.login import login
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import AccountRole
from participant_kit.secure_side.egress import EgressLine, read_egress
from participant_kit.secure_side.keys import make_keys
from participant_kit.secure_side.ledger import STARTED

ROOT = Path(__file__).parents[1]
SLUG = "small"
LEASE = 2.0
"""Seconds for which a runner holds a submission: short, so that a lost one is soon found."""

SOLUTION = """
import pandas as pd
test = pd.read_parquet(f"{data_dir}/test.parquet")
predictions = pd.DataFrame({"id": test["id"], "prediction": test["x"]})
predictions.to_csv(f"{output_dir}/predictions.csv", index=False)
"""
ON_REAL_DATA = 'import pandas as pd\nreal = pd.read_parquet(f"{data_dir}/test.parquet").id.min() >= 100_000\n'
"""A first cell after which ``real`` tells the real data from the sample."""


def wait_until(happens: Callable[[], bool], seconds: float = 60, what: str = "", every: float = 0.05) -> None:
    """Wait for ``happens``, and fail when it does not."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"in {seconds} s this did not happen: {what or happens}"
        time.sleep(every)


def free_port() -> int:
    """A port below those that the kernel gives away, so that it stays free while its server is down."""
    for port in sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("Of a hundred ports none is free.")


def processes(words: str, ancestor: int | None = None) -> list[int]:
    """The processes whose command line or name matches ``words``, of all or of those below ``ancestor``."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])

    def below(pid: int) -> bool:
        while pid > 1:
            if pid == ancestor:
                return True
            pid = parents.get(pid, 0)
        return ancestor is None

    def matches(pid: int) -> bool:
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            return bool(re.search(words, line + Path(f"/proc/{pid}/comm").read_text()))
        return False

    return [pid for pid in parents if pid != ancestor and below(pid) and matches(pid)]


class House:
    """A challenge with a gateway and runners; ``roles`` says which, ``release`` is more of its card.

    Everything lives in ``root``.
    """

    lease = LEASE

    warm: ClassVar[str] = "0 B"
    """Memory for sandboxes that wait. None do, so that what is seen of a sandbox is of a submission."""

    def __init__(self, root: Path, roles: tuple[Role, ...], *, quota: int = 1000, release: str = "") -> None:
        self.root, self.roles = root, roles
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.words: dict[str, tuple[str, ...]] = {}  # more options, by the part that gets them
        self.environment: dict[str, str] = {}
        self.home = Path(os.environ["PKIT_HOME"])
        self._database = fresh_database()
        self.settings = Settings(root / "gateway", self._database.__enter__())
        self.port = free_port()
        self.challenge = self.make_challenge(quota, release)
        for role in roles:
            make_keys(root / f"{role.value}.key", self.challenge.root, role)
        self.tokens = {name: self.token(name, role) for name, role in ACCOUNTS.items()}

    def make_challenge(self, quota: int, release: str) -> ChallengeFolder:
        """The challenge in ``root``, with its sample."""
        root, random = self.root, np.random.default_rng(0)
        frame = pd.DataFrame({"id": np.arange(100_000, 100_400), "x": random.random(400).round(3)})
        frame["ill"] = (frame.x + random.normal(0, 0.2, 400) > 0.5).astype(int)
        frame.to_csv(root / "real.csv", index=False)
        challenge = new_challenge(root / SLUG, root / "real.csv", "ill", "id")
        (root / "real.csv").unlink()
        text = challenge.card_path.read_text()
        changes = {
            "environment:\n": "environment:\n  preload: [pandas]\n",  # all else takes each runner seconds
            "wall_time: 30 min": "wall_time: 60 s",
            "memory: 4 GiB": "memory: 1 GiB",
            "disk: 1 GiB": "disk: 64 MiB",
            "completion_tick: 1 s": "completion_tick: 100 ms",
            "per_day: 10, total: 100": f"total: {quota}",
            "budget_bits: 512 ": "budget_bits: 99999 ",
            "release:\n": f"release:\n{release}",
        }
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        challenge.card_path.write_text(text)
        challenge = ChallengeFolder(challenge.root)
        codebook = challenge.codebook_path
        codebook.write_text(codebook.read_text().replace("minimum: 100000,", "minimum: 1,"))
        challenge.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
        from participant_kit.organizer.synthesize import Request, write_sample

        write_sample(challenge, "schema", Request(rows=60, test_rows=30))
        return challenge

    def token(self, name: str, role: AccountRole, valid_days: int | None = 365) -> str:
        token = create_token(self.settings.data, name, role, valid_days, self.settings.database)
        path = self.root / f"{name}.token"
        path.touch(mode=0o600)
        path.write_text(token)
        return token

    def expired_token(self, name: str) -> str:
        token = self.token(name, "participant", valid_days=1)
        self.expire(name)
        return token

    def expire(self, name: str) -> None:
        """End the validity of every token of ``name``."""
        query(self.settings, "UPDATE tokens SET expires_at = 1 WHERE account = :name", {"name": name})

    @contextlib.contextmanager
    def other_card(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """The gateway has a card that ``change`` has changed, until the end."""
        ((card,),) = query(self.settings, select(challenges.c.card))
        changed = copy.deepcopy(card)
        change(changed)
        assert changed != card
        put = update(challenges).values(updated_at=challenges.c.updated_at + 1)
        query(self.settings, put.values(card=changed))
        try:
            yield
        finally:
            query(self.settings, put.values(card=card))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, *, runners: bool = True) -> None:
        """Start everything (without ``runners``, the gateway alone), publish, log in, join."""
        self.start_gateway()
        publish_challenge(self.challenge, self.address, self.tokens["organizer"], parity=False)
        for role in self.roles if runners else ():
            self.start_runner(role, wait=False)
        for role in self.roles if runners else ():
            self.wait_ready(role)
        login(self.address, self.tokens["ada"])
        self.kit = Client(self.address).join(self.challenge.card.slug, self.root / "kit", kernel=False)

    def close(self) -> None:
        for part in self.parts.values():
            with contextlib.suppress(ProcessLookupError):
                part.terminate()
        for part in self.parts.values():
            try:
                part.wait(10)
            except subprocess.TimeoutExpired:
                part.kill()
        self._database.__exit__(None, None, None)

    def program(self, name: str) -> tuple[str, ...]:
        """How the interpreter starts ``pkit`` for the part ``name``."""
        return ("-m", "participant_kit.cli.main")

    def start(self, name: str, *words: str, inside: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """A ``pkit`` command as a process of its own, its output in ``<name>.log``.

        Each has a folder for temporary files of its own, by which runners know who shares a machine with them: every
        part is on a machine of its own, and no runner waits for that of another house or drops what the others read.
        """
        temporary = self.root / f"{name}-tmp"
        temporary.mkdir(exist_ok=True)
        database = {"PKIT_DATABASE": self.settings.database} if self.settings.database else {}
        with (self.root / f"{name}.log").open("ab") as log:
            command = [*inside, sys.executable, *self.program(name), *words, *self.words.get(name, ())]
            self.parts[name] = subprocess.Popen(
                command,
                env=os.environ | {"TMPDIR": str(temporary)} | database | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.parts[name]

    def start_gateway(self, *, data: Path | None = None, inside: tuple[str, ...] = ()) -> None:
        file = self.root / "address"
        file.unlink(missing_ok=True)
        words = ("--data", str(data or self.root / "gateway"), "--port", str(self.port), "--lease", str(self.lease))
        self.start("gateway", "gateway", "start", *words, "--address-file", str(file), inside=inside)
        wait_until(file.exists, what="the gateway starts")

    def start_runner(
        self,
        role: Role,
        *more: str,
        name: str = "",
        wait: bool = True,
        gateway: str | None = None,
        inside: tuple[str, ...] = (),
    ) -> None:
        """A runner; one with a ``name`` has keys of its own and shares the state of its role. ``more`` are options."""
        name = name or role.value
        (self.root / f"{name}.ready").unlink(missing_ok=True)
        folder = self.challenge.root if role == Role.BLIND else self.challenge.root / "starter_kit"
        words = {
            "--gateway": gateway or self.address,
            "--role": role.value,
            "--challenge": str(folder),
            "--keys": str(self.root / f"{name}.key"),
            "--state": str(self.root / f"{role.value}-state"),
            "--token-file": str(self.root / f"{role.value}.token"),
            "--ready-file": str(self.root / f"{name}.ready"),
            "--warm": self.warm,
        }
        options = (word for pair in words.items() for word in pair)
        self.start(name, "runner", "start", "--demonstration", *options, *more, inside=inside)
        if wait:
            self.wait_ready(role, name)

    def make_spare(self) -> None:
        """Keys of its own for a second blind runner, before the challenge is published."""
        make_keys(self.root / "spare.key", self.challenge.root, Role.BLIND)

    def wait_ready(self, role: Role, name: str = "") -> None:
        name = name or role.value

        def ready() -> bool:
            assert self.parts[name].poll() is None, self.log_of(name)
            return (self.root / f"{name}.ready").exists()

        wait_until(ready, 300, "the runner is ready")  # the first of all makes the environment

    def stop(self, name: str) -> None:
        """End one of ours as an operator would."""
        self.parts[name].terminate()
        assert self.parts[name].wait(10) == 0, self.log_of(name)

    def kill(self, name: str) -> None:
        """End one of ours as the kernel would."""
        self.parts[name].send_signal(signal.SIGKILL)
        self.parts[name].wait()

    def log_of(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text()

    def client(self) -> Client:
        return Client(self.address)

    def write(self, *cells: str, **options: object) -> Path:
        """A notebook in the joined kit; each has another text, because the same one is the same submission."""
        self.count = getattr(self, "count", 0) + 1
        path = self.kit.notebooks_dir / f"notebook-{self.count}.ipynb"
        path.write_bytes(make_notebook(f"# {self.count}", *cells, **options))  # type: ignore[arg-type]
        return path

    def submit(self, *cells: str, **options: object) -> Submission:
        return self.client().submit(self.write(*cells, **options))

    def egress(self, role: Role = Role.BLIND) -> list[EgressLine]:
        return read_egress(self.root / f"{role.value}-state" / "egress.jsonl")

    def released(self, submission: Submission) -> list[EgressLine]:
        """What left for one submission."""
        return [line for line in self.egress() if line.submission == submission.id and line.kind != STARTED]

    def gateway_bytes(self) -> Iterator[bytes]:
        """Every file that the gateway keeps, and its database."""
        for path in (self.root / "gateway").rglob("*"):
            if path.is_file():
                yield path.read_bytes()
        yield everything(self.settings)


ACCOUNTS: dict[str, AccountRole] = {
    "organizer": "organizer",
    "blind": "runner",
    "rehearsal": "rehearsal",
    "ada": "participant",
}
