"""``pkit gateway``: for who operates the public server."""

from __future__ import annotations

import json as jsonlib
import re
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console
from participant_kit.protocol.address import is_loopback

app = typer.Typer(name="gateway", help="Operate the public server that stores sealed notebooks.", no_args_is_help=True)


class OperatorError(KitError):
    """The gateway cannot be operated as asked."""

    code = "operator"


def _read_database(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> str | None:
    """The URL, which the option may give, a file, or the environment; one with a password is not taken from argv."""
    if value is None or context.resilient_parsing:
        return value
    if "://" not in value:
        return Path(value).read_text().strip()
    source = context.get_parameter_source(parameter.name or "")
    if source and source.name == "COMMANDLINE" and re.search(r"://[^/@]*:[^/@]+@", value):
        hint = "Write the URL into a file that only the gateway can read, and give that: --database FILE"
        raise OperatorError("Every process of this machine can read a password on the command line.", hint=hint)
    return value


Data = Annotated[Path, typer.Option(help="Folder of the gateway's files.")]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="PKIT_DATABASE",
        callback=_read_database,
        help="URL of the database, or a file with it; a SQLite file in the data folder by default.",
    ),
]


@app.command()
def start(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8750,
    database: Database = None,
    lease: Annotated[float, typer.Option(help="Seconds for which a runner holds a submission.")] = 30.0,
    address_file: Annotated[Path | None, typer.Option(help="Gets the address once the gateway listens.")] = None,
    json: console.Json = False,
) -> None:
    """Serve until stopped.

    Example: pkit gateway start --data ./gateway
    """
    import uvicorn

    from participant_kit.gateway.app import create_app
    from participant_kit.gateway.settings import Settings

    application = create_app(Settings(data, database, lease))
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it: no answer waits 40 ms
    except OSError as error:
        raise OperatorError(f"{host}:{port} cannot be listened on: {error.strerror}.", hint="Try --port 0.") from None
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    console.note(f"The gateway listens at {address}")
    if not is_loopback(address):
        console.note("[bold yellow]This is plain HTTP.[/] Put a server with TLS in front of it.")
    if address_file:
        temporary = address_file.with_suffix(".new")
        temporary.write_text(address)
        temporary.replace(address_file)
    config = uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=5)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            application.state.service.bell.close()  # requests that wait for a change are answered now
            self.force_exit = self.should_exit  # being told twice is being in a hurry
            self.should_exit = True

    Server(config).run(sockets=[listener])
    console.emit({"stopped": True}, "Stopped.")


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who gets it.")],
    data: Data,
    role: Annotated[str, typer.Option(help="participant, organizer, runner or rehearsal.")] = "participant",
    valid_days: Annotated[int, typer.Option(help="Days until it expires.")] = 365,
    database: Database = None,
    json: console.Json = False,
) -> None:
    """Make a token and show it this once; works while the gateway runs.

    Example: pkit gateway token ada --data ./gateway --role organizer
    """
    from pydantic import ValidationError

    from participant_kit.gateway.accounts import create_token
    from participant_kit.protocol.messages import NewAccount

    try:
        new = NewAccount.model_validate({"name": name, "role": role, "valid_days": valid_days})
    except ValidationError as error:
        said = "; ".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors())
        raise OperatorError(f"No account was made: {said}.", hint="See: pkit gateway token --help") from None
    secret = create_token(data, new.name, new.role, new.valid_days, database)
    console.emit({"name": name, "role": role, "token": secret}, secret)


@app.command()
def openapi(json: console.Json = False) -> None:
    """Print the OpenAPI document of the HTTP interface.

    Example: pkit gateway openapi > openapi.json
    """
    import tempfile

    from participant_kit.gateway.app import create_app
    from participant_kit.gateway.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        document: dict[str, Any] = create_app(Settings(Path(folder))).openapi()
    sys.stdout.write(jsonlib.dumps(document, indent=2) + "\n")
