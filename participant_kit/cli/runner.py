"""``pkit runner``: for who operates the secure side or the rehearsal machine."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from participant_kit.cli import console
from participant_kit.cli.token import TokenError, read_token
from participant_kit.protocol.errors import printable
from participant_kit.protocol.keys import Role

app = typer.Typer(
    name="runner", help="Operate a runner on the secure side, or a rehearsal runner.", no_args_is_help=True
)


@app.command()
def start(
    gateway: Annotated[str, typer.Option(help="Address of the gateway; https, or http on loopback.")],
    challenge: Annotated[Path, typer.Option(help="Challenge folder; the unpacked starter kit for a rehearsal.")],
    keys: Annotated[
        list[Path], typer.Option(help="Key file, or folder of *.key; again for the older keys after a rotation.")
    ],
    state: Annotated[Path, typer.Option(help="Folder of the egress log; runners on one data set share it.")],
    role: Annotated[Role, typer.Option(help="What this runner does.")] = Role.BLIND,
    token_file: Annotated[Path | None, typer.Option(help="File with the runner's token; else PKIT_TOKEN.")] = None,
    sandbox: Annotated[str, typer.Option(help="Kind of sandbox: bubblewrap or oci.")] = "bubblewrap",
    runtime: Annotated[
        str | None, typer.Option(help="Program of the sandbox, for example crun, runc or runsc.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for environments.")] = None,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Let both roles share this machine. Never with private data.")
    ] = False,
    warm: Annotated[int, typer.Option(min=0, help="Sandboxes that are started ahead: 2 for notebook and scorer.")] = 0,
    ready_file: Annotated[Path | None, typer.Option(help="Written when the runner asks for work.")] = None,
    json: console.Json = False,
) -> None:
    """Claim, run, score and release until stopped; SIGTERM gives a running job back.

    Example: pkit runner start --gateway https://b.example.org --challenge ./heart --keys blind.key --state ./state
    """
    from participant_kit.secure_side.service import Settings, serve

    token = read_token(token_file)
    if not token:
        raise TokenError("A runner needs a token.", hint="Give --token-file FILE, or set PKIT_TOKEN.")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    settings = Settings(
        gateway, token, challenge, keys, state, role, sandbox, runtime, cache, demonstration=demonstration, warm=warm
    )

    def ready() -> None:
        console.note(escape(f"Asking {gateway} for work as {role.value} runner"))  # IPv6 is written in brackets
        if ready_file:
            ready_file.write_text(str(os.getpid()))

    def say(line: str) -> None:
        """One line of plain text: a gateway chooses parts of it, and would else write markup, escapes and lines."""
        console.note(Text(f"{datetime.now(UTC):%H:%M:%S} {' '.join(printable(line).splitlines())}"))

    serve(settings, say, stopping, ready)
    console.emit({"stopped": True}, "Stopped.")


@app.command()
def doctor(
    sandbox: Annotated[str, typer.Option(help="Kind of sandbox: bubblewrap or oci.")] = "bubblewrap",
    runtime: Annotated[str | None, typer.Option(help="Program of the sandbox.")] = None,
    json: console.Json = False,
) -> None:
    """Try every wall of the sandbox from inside: held, out, or not available on this kernel.

    Example: pkit runner doctor
    """
    from participant_kit.execution.sandbox.probes import HELD, NOT_AVAILABLE, OUT, Probe
    from participant_kit.secure_side.machine import shared_roles
    from participant_kit.secure_side.service import make_sandbox, self_test

    table = Table("wall", "tried", "outcome", "seen", title=f"Sandbox {sandbox}")
    colours = {HELD: "green", OUT: "bold red", NOT_AVAILABLE: "yellow"}
    probes: list[Probe] = []

    def report(probe: Probe) -> None:
        probes.append(probe)
        colour = colours[probe.outcome]
        table.add_row(probe.wall, probe.tried, f"[{colour}]{probe.outcome}[/]", probe.detail)

    try:
        self_test(make_sandbox(sandbox, runtime), report)
    finally:
        roles = shared_roles()
        console.emit({"sandbox": sandbox, "probes": probes, "roles_on_this_machine": roles}, table)
        if len(roles) > 1:
            console.note(
                "[bold red]Both roles have worked on this machine.[/] That is a demonstration: a blind run can speak "
                "to a rehearsal beside it, whose log leaves. Rehearse on a machine that never held real data."
            )
