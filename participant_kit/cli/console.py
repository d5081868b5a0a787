"""How every command speaks: text for people, JSON for programs, errors with a next step."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

_mode = {"json": False}


def _set_json(value: bool) -> bool:
    _mode["json"] = value or _mode["json"]
    return value


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", callback=_set_json, is_eager=True)]
"""Every command takes ``json: Json = False`` and ends with :func:`emit`."""


def as_json() -> bool:
    """Whether this run prints JSON; then nothing else may be written to standard output."""
    return _mode["json"]


def emit(result: Any, text: RenderableType) -> None:
    """Print ``result`` as JSON when asked for, else ``text`` (anything that Rich renders)."""
    if as_json():
        sys.stdout.write(json.dumps(_plain(result), indent=2, default=str) + "\n")
    else:
        out.print(text)


def note(text: RenderableType) -> None:
    """Tell a person something on the way, on standard error."""
    if not as_json():
        err.print(text)


def fail(code: str, message: str, hint: str = "", details: Any = None) -> None:
    """Print an error. With ``--json`` it is ``{"error": {...}}`` on standard output."""
    if as_json():
        content = {"code": code, "message": message, "hint": hint}
        if details is not None:
            content["findings"] = _plain(details)
        sys.stdout.write(json.dumps({"error": content}, indent=2) + "\n")
        return
    err.print("[bold red]Error:[/] ", end="")
    err.print(message, markup=False)
    if hint:
        err.print("[bold]Next:[/] ", end="")
        err.print(hint, markup=False)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.to_dict() if hasattr(value, "to_dict") else value
