"""``pkit runner``: for who operates the secure side or the rehearsal machine."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from participant_kit.challenge.units import parse_duration, parse_size
from participant_kit.cli import console, logs, tracing
from participant_kit.cli.token import TokenError, read_token
from participant_kit.protocol.errors import printable
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.errors import SecureSideError

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
    sandbox: Annotated[
        str, typer.Option(help="Kind of sandbox: template, bubblewrap (each run started anew), or oci.")
    ] = "template",
    runtime: Annotated[
        str | None, typer.Option(help="Program of the sandbox, for example crun, runc or runsc.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for environments.")] = None,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Let both roles share this machine. Never with private data.")
    ] = False,
    warm: Annotated[str, typer.Option(help="Memory for sandboxes that are started ahead; 0 B for none.")] = "1 GiB",
    jobs: Annotated[
        int, typer.Option(min=0, help="Submissions at once; 0: as many as cores and memory, or workers, hold.")
    ] = 0,
    executor: Annotated[
        str,
        typer.Option(help="Who runs and scores: threads here; dask, a scheduler's workers; slurm, pbs, htcondor, ..."),
    ] = "threads",
    scheduler: Annotated[str | None, typer.Option(help="Dask's: tls://HOST:8786, or tcp on loopback.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificate (PEM) of who vouches for Dask's machines.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="This machine's certificate (PEM) for Dask.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")] = None,
    worker_challenge: Annotated[
        Path | None, typer.Option(help="Challenge folder on the workers, where it is not the same.")
    ] = None,
    max_wall_time: Annotated[
        str | None, typer.Option(help='Keep this runner for challenges whose notebooks run no longer, as "30 min".')
    ] = None,
    drain: Annotated[
        bool, typer.Option("--drain", help="Let SIGTERM end the running job first; a second one gives it back.")
    ] = False,
    metrics: Annotated[
        int | None, typer.Option(min=0, help="Port of /metrics, on this machine alone; none by default.")
    ] = None,
    log_format: logs.Option = logs.LogFormat.TEXT,
    health_file: Annotated[
        Path | None, typer.Option(help="Touched while the runner works, every 10 s or so: an old one is stuck.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written when the runner asks for work.")] = None,
    json: console.Json = False,
) -> None:
    """Claim, run, score and release until stopped; SIGTERM gives running jobs back.

    Example: pkit runner start --gateway https://b.example.org --challenge ./heart --keys blind.key --state ./state
    """
    from participant_kit.secure_side.service import Settings, serve
    from participant_kit.secure_side.watch import keep_health_file

    token = read_token(token_file)
    if not token:
        raise TokenError("A runner needs a token.", hint="Give --token-file FILE, or set PKIT_TOKEN.")
    logs.configure(log_format, f"{role.value}-runner")
    tracing.configure(f"{role.value}-runner", stays_here=True)
    stopping, draining = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        (draining if drain and not draining.is_set() else stopping).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if metrics is not None:
        logs.say(f"Metrics at http://127.0.0.1:{_serve_metrics(metrics)}/metrics")
    if health_file:
        keep_health_file(health_file)
    settings = Settings(
        gateway,
        token,
        challenge,
        keys,
        state,
        role,
        sandbox,
        runtime,
        cache,
        demonstration=demonstration,
        warm=_size(warm),
        jobs=jobs,
        executor=executor,
        scheduler=scheduler,
        tls=(tls_ca, tls_cert, tls_key),
        worker_challenge=worker_challenge,
        max_wall_time=_duration(max_wall_time) if max_wall_time is not None else None,
    )

    def ready() -> None:
        logs.say(f"Asking {gateway} for work as {role.value} runner")
        if ready_file:
            ready_file.write_text(str(os.getpid()))

    def say(line: str) -> None:
        """One line of plain text: a gateway chooses parts of it, and would else write markup, escapes and lines."""
        logs.say(" ".join(printable(line).splitlines()), timed=True)

    serve(settings, say, stopping, ready, draining)
    console.emit({"stopped": True}, "Stopped.")


def _serve_metrics(port: int) -> int:
    """Answer on this machine alone: here is no private value, and still nothing that another machine has to know."""
    from prometheus_client import start_http_server

    from participant_kit.secure_side.watch import REGISTRY

    try:
        server, _ = start_http_server(port, "127.0.0.1", REGISTRY)
    except OSError as error:
        hint = "Try --metrics 0."
        raise SecureSideError(f"127.0.0.1:{port} cannot be listened on: {error.strerror}.", hint=hint) from None
    return int(server.server_port)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def doctor(
    sandbox: Annotated[str, typer.Option(help="Kind of sandbox: template, bubblewrap or oci.")] = "template",
    runtime: Annotated[str | None, typer.Option(help="Program of the sandbox.")] = None,
    json: console.Json = False,
) -> None:
    """Try every wall of the sandbox from inside: held, out, or not available on this kernel.

    Example: pkit runner doctor
    """
    from participant_kit.execution.sandbox.probes import HELD, NOT_AVAILABLE, OUT, Probe
    from participant_kit.secure_side.machine import shared_roles
    from participant_kit.secure_side.workplace import make_sandbox, self_test

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
