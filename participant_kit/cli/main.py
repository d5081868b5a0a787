"""The entry point of ``pkit``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from participant_kit import __version__
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import FindingsError
from participant_kit.cli import console, demo, gateway, holder, organizer, participant, runner

app = typer.Typer(
    name="pkit",
    help="Compete on data that never leaves its holder: notebooks run blind, scores come back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
participant.add_commands(app)
app.add_typer(participant.receipt, name="receipt")
app.add_typer(organizer.app, name="challenge")
app.add_typer(holder.app, name="holder")
app.add_typer(runner.app, name="runner")
app.add_typer(gateway.app, name="gateway")
app.command()(demo.demo)

_mode = {"debug": False}


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"participant-kit {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command; they stand before it."""
    _mode["debug"] = debug


def main() -> None:
    """Run ``pkit``: exit 0 when done, 1 with a message when not, 2 for words it does not know."""
    try:
        app()
    except KitError as error:
        if _mode["debug"]:
            raise
        findings = error.findings if isinstance(error, FindingsError) else None
        console.fail(error.code, error.message, error.hint, findings)
        sys.exit(1)
    except OSError as error:
        if _mode["debug"]:
            raise
        where = f"{error.filename}: " if error.filename else ""
        console.fail("file", f"{where}{error.strerror or error}.", "Check the path, its rights and the space there.")
        sys.exit(1)
    except KeyboardInterrupt:
        console.fail("interrupted", "Stopped by you.")
        sys.exit(130)


if __name__ == "__main__":
    main()
