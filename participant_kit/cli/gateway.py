"""``pkit gateway``: for who operates the public server."""

from __future__ import annotations

import json as jsonlib
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console, logs, tracing
from participant_kit.protocol.address import gateway_address, is_loopback

if TYPE_CHECKING:
    from participant_kit.gateway.settings import Settings

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


def _read_address(value: str | None) -> str | None:
    return gateway_address(value) if value else None


Data = Annotated[Path, typer.Option(help="Folder of the gateway's files.")]
Blobs = Annotated[
    str | None,
    typer.Option(
        envvar="PKIT_BLOBS",
        metavar="URL",
        help="s3://BUCKET/PREFIX: keep sealed notebooks there, not in the data folder. Keys and endpoint: AWS_*.",
    ),
]
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
    blobs: Blobs = None,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="PKIT_ADDRESS",
            callback=_read_address,
            metavar="URL",
            help="How people reach it, such as https://gateway.example.org; it stands in pages and feeds.",
        ),
    ] = None,
    openid: Annotated[
        Path | None,
        typer.Option(
            envvar="PKIT_OPENID", help="JSON file with an OpenID provider: issuer, client_id, client_secret, title."
        ),
    ] = None,
    jupyterhub: Annotated[
        bool, typer.Option("--jupyterhub", help="Know people by the JupyterHub that starts this as its service.")
    ] = False,
    smtp: Annotated[
        str | None,
        typer.Option(
            envvar="PKIT_SMTP",
            callback=_read_database,
            metavar="URL",
            help="URL of a mail server, smtps://USER:PASSWORD@HOST, or a file with it: news may go by mail.",
        ),
    ] = None,
    mail_from: Annotated[
        str | None, typer.Option(envvar="PKIT_MAIL_FROM", help="Address that mail comes from.")
    ] = None,
    private_webhooks: Annotated[
        bool, typer.Option("--private-webhooks", help="Let webhooks go to machines of private networks, without TLS.")
    ] = False,
    lease: Annotated[float, typer.Option(help="Seconds for which a runner holds a submission.")] = 60.0,
    metrics: Annotated[
        int | None, typer.Option(min=0, help="Port of /metrics, apart from the public one; none by default.")
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address of /metrics; whoever reaches it may read it.")
    ] = "127.0.0.1",
    log_format: logs.Option = logs.LogFormat.TEXT,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds that SIGTERM leaves to what has begun; a second one ends at once.")
    ] = 10.0,
    address_file: Annotated[Path | None, typer.Option(help="Gets the address once the gateway listens.")] = None,
    json: console.Json = False,
) -> None:
    """Serve until stopped: SIGTERM answers what has begun, and refuses what is new.

    Example: pkit gateway start --data ./gateway
    """
    from participant_kit.gateway.app import create_app
    from participant_kit.gateway.hub import hub_of
    from participant_kit.gateway.metrics import serve_metrics
    from participant_kit.gateway.server import Server
    from participant_kit.gateway.settings import Settings

    logs.configure(log_format, "gateway")
    tracing.configure("gateway")
    hub = hub_of(os.environ) if jupyterhub else None
    application = create_app(
        Settings(
            data,
            database,
            lease,
            blobs=blobs,
            address=address,
            smtp=smtp,
            mail_from=mail_from,
            private_webhooks=private_webhooks,
            openid=openid,
            hub=hub,
        )
    )
    if hub and not hub.public:
        logs.say("Pages offer no login by the JupyterHub: it has no public_url.")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it: no answer waits 40 ms
    except OSError as error:
        raise OperatorError(f"{host}:{port} cannot be listened on: {error.strerror}.", hint="Try --port 0.") from None
    if metrics is not None:
        try:
            taken = serve_metrics(application.state.service.database, metrics_host, metrics)
        except OSError as error:
            where = f"{metrics_host}:{metrics}"
            raise OperatorError(f"{where} cannot be listened on: {error.strerror}.", hint="Try --metrics 0.") from None
        logs.say(f"Metrics at http://{metrics_host}:{taken}/metrics")
    listens = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    logs.say(f"The gateway listens at {listens}")
    if not is_loopback(listens):
        logs.say("This is plain HTTP: put a server with TLS in front of it.")
    if address_file:
        temporary = address_file.with_suffix(".new")
        temporary.write_text(listens)
        temporary.replace(address_file)
    Server(application, drain_seconds).run(sockets=[listener])
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
def audit(
    data: Data,
    database: Database = None,
    limit: Annotated[int, typer.Option(min=1, help="Lines, the newest.")] = 100,
    json: console.Json = False,
) -> None:
    """Print the audit log: every administrative act, by whom and when.

    Example: pkit gateway audit --data ./gateway
    """
    from participant_kit.gateway.audit import read_audit
    from participant_kit.gateway.database import Database as Opened

    opened = Opened(_existing(data, database))
    with opened.read() as connection:
        lines = read_audit(connection, limit=limit)
    opened.close()
    text = [f"{line['at']:%Y-%m-%d %H:%M:%S}  {line['account']}  {line['act']}  {line['subject']}" for line in lines]
    console.emit([{**line, "at": line["at"].isoformat()} for line in lines], "\n".join(text) or "No line yet.")


@app.command()
def withdraw(
    slug: Annotated[str, typer.Argument(help="The challenge.")],
    data: Data,
    reason: Annotated[str, typer.Option(help="Why; everybody who comes to its page reads it.")],
    database: Database = None,
    json: console.Json = False,
) -> None:
    """Let nobody take part in a challenge any more, and say why on its page; publishing it again takes that back.

    Example: pkit gateway withdraw icu --data ./gateway --reason "The data holder has ended the agreement."
    """
    from participant_kit.gateway import challenges
    from participant_kit.gateway.audit import OPERATOR, record
    from participant_kit.gateway.database import Database as Opened

    if not reason.strip() or len(reason) > challenges.MAX_REASON:
        found = f"The reason has {len(reason)} letters."
        raise OperatorError(found, hint=f"Write a sentence of at most {challenges.MAX_REASON} letters.")
    opened = Opened(_existing(data, database))
    try:
        with opened.write() as connection:
            challenges.withdraw(connection, slug, reason.strip())
            record(connection, OPERATOR, "withdraw", slug, reason=reason.strip())
    finally:
        opened.close()
    console.emit({"challenge": slug, "reason": reason.strip()}, f"{slug} is withdrawn.")


@app.command()
def upgrade(
    data: Data,
    database: Database = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done.")] = False,
    json: console.Json = False,
) -> None:
    """Bring the database to this version's schema, as starting does; back it up before.

    Example: pkit gateway upgrade --data ./gateway --check
    """
    from participant_kit.gateway.database import Database as Opened
    from participant_kit.gateway.schema import check_known, newest, revision_of

    settings = _existing(data, database)
    looked = Opened(settings, as_it_is=True)
    with looked.read() as connection:
        before, after = revision_of(connection), newest()
    looked.close()
    check_known(before)
    if not check:
        Opened(settings).close()
    goes = "would go" if check else "went"
    text = f"The schema is {after}, the newest." if before == after else f"The schema {goes} from {before} to {after}."
    console.emit({"from": before, "to": after, "done": not check}, text)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The backup; a new file.")],
    data: Data,
    database: Database = None,
    blobs: Blobs = None,
    json: console.Json = False,
) -> None:
    """Write database and blobs into one file; works while the gateway runs.

    Example: pkit gateway backup 2026-05-01.zip --data ./gateway
    """
    from participant_kit.gateway.backup import back_up

    made = back_up(_existing(data, database), file)
    text = f"{file}: {len(made.members)} parts, schema {made.revision}."
    if made.missing:
        text += f" The gateway itself has lost {len(made.missing)} blobs: {', '.join(made.missing[:3])}."
    console.emit(made, text)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that backup has written.")],
    data: Data,
    database: Database = None,
    blobs: Blobs = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the gateway that is there.")] = False,
    json: console.Json = False,
) -> None:
    """Bring a backup back: whole, or not at all. Runners begin again what they were at.

    Example: pkit gateway restore 2026-05-01.zip --data ./gateway
    """
    from participant_kit.gateway import backup as backups
    from participant_kit.gateway.settings import Settings

    restored = backups.restore(Settings(data, database, blobs=blobs), file, force=force)
    console.emit(restored, f"The gateway is as it was at {restored.made_at:%Y-%m-%d %H:%M} UTC.")


def _existing(data: Path, database: str | None, blobs: str | None = None) -> Settings:
    from participant_kit.gateway.settings import Settings

    if database is None and not (data / "gateway.sqlite").exists():
        raise OperatorError(f"There is no gateway in {data}.", hint="Give the folder that it was started with.")
    return Settings(data, database, blobs=blobs)


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
