"""What a server says while it runs: text for people, or a line of JSON for each event."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from participant_kit.cli import console

_log = logging.getLogger(__name__)


class LogFormat(StrEnum):
    """How lines are written to standard error."""

    TEXT = "text"
    JSON = "json"


Option = Annotated[
    LogFormat, typer.Option(help="Log on standard error; json has a line for each request or event, text for trouble.")
]


def configure(wanted: LogFormat, service: str) -> None:
    """Write the logs of this process: as text warnings alone, as JSON also what goes well."""
    handler = logging.StreamHandler()
    if wanted is LogFormat.JSON:
        from pythonjsonlogger.json import JsonFormatter

        handler.setFormatter(
            JsonFormatter(
                ["levelname", "name", "message"],
                rename_fields={"levelname": "level", "name": "logger"},
                static_fields={"service": service},
                timestamp="time",
            )
        )
        logging.getLogger("participant_kit").setLevel(logging.INFO)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def say(line: str, *, timed: bool = False) -> None:
    """One event: a line of plain text for people, with the time if it is ``timed``, or a line of the log."""
    if _log.isEnabledFor(logging.INFO):
        _log.info(line)
    else:
        console.note(Text(f"{datetime.now(UTC):%H:%M:%S} {line}" if timed else line))
