"""``pkit challenge confirm``: a person reads each drafted column of the codebook, and says that it may be published."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.prompt import Prompt
from rich.table import Table

from participant_kit.challenge.errors import KitError
from participant_kit.cli import console

if TYPE_CHECKING:
    from participant_kit.challenge.codebook import Column
    from participant_kit.challenge.folder import ChallengeFolder

_SHOWN = 60
"""Levels of one column that are shown."""


class ConfirmError(KitError):
    """It was not said what is to be confirmed."""

    code = "confirm"


def confirm(
    folder: Annotated[Path, typer.Argument(help="The challenge folder, which holds challenge.yaml.")],
    columns: Annotated[list[str] | None, typer.Argument(help="Columns to confirm. Default: ask for each.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Confirm every drafted column.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask once more.")] = False,
    json: console.Json = False,
) -> None:
    """Show each drafted column of the codebook, which becomes public, and confirm it.

    Without columns it asks for one after another.

    Example: pkit challenge confirm heart age bmi
    """
    from participant_kit.challenge.folder import ChallengeFolder
    from participant_kit.organizer.confirm import confirm_columns, draft_columns

    challenge = ChallengeFolder(folder)
    if everything and columns:
        raise ConfirmError("There are both columns and --all.", hint="Give one of them.")
    drafts = draft_columns(challenge)
    chosen = drafts if everything or not columns else draft_columns(challenge, columns)
    if columns or everything or not drafts:
        for name in chosen:
            console.note(view(name, challenge.codebook.columns[name]))
        if chosen and _asks() and not yes:
            typer.confirm(f"Confirm these {len(chosen)} of {len(drafts)} drafts?", abort=True, err=True)
        confirmed = confirm_columns(challenge, chosen)
    elif _asks() and not yes:
        confirmed = _ask_each(challenge, drafts)
    else:
        hint = f"Name columns, or give --all. Drafts: {', '.join(drafts[:20])}."
        raise ConfirmError("It is not said which columns to confirm.", hint=hint)
    left = [name for name in drafts if name not in confirmed]
    text = f"{len(confirmed)} confirmed, {len(left)} still drafts."
    if not chosen:
        text = "Nothing to confirm: " + ("none of these is a draft." if drafts else "no column is a draft.")
    console.emit({"confirmed": confirmed, "drafts": left}, text)


def view(name: str, column: Column) -> Table:
    """What the codebook says of one column, a line for each key."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(f"[bold]{escape(name)}[/]", escape(f"{column.type} {f'({column.unit})' if column.unit else ''}"))
    said = column.model_dump(exclude_defaults=True, exclude={"type", "unit", "draft", "minimum", "maximum"})
    if column.minimum is not None:
        said = {"bounds": f"{column.minimum} to {column.maximum}"} | said
    for key, value in said.items():
        grid.add_row(f"  {key}", escape(_shown(value)))
    grid.add_row("")
    return grid


def _shown(value: Any) -> str:
    if isinstance(value, list):
        more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
        return ", ".join(map(str, value[:_SHOWN])) + more
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_shown(part)}" for key, part in value.items())
    return str(value)


def _ask_each(challenge: ChallengeFolder, drafts: Sequence[str]) -> list[str]:
    """Ask for one column after another; what is confirmed is written at once."""
    from participant_kit.organizer.confirm import confirm_columns

    confirmed: list[str] = []
    for number, name in enumerate(drafts, 1):
        console.note(view(name, challenge.codebook.columns[name]))
        question = f"{number} of {len(drafts)}: confirm? (y)es, (n)o, (q)uit"
        answer = Prompt.ask(question, choices=["y", "n", "q"], show_choices=False, console=console.err)
        if answer == "q":
            break
        if answer == "y":
            confirmed += confirm_columns(challenge, [name])
    return confirmed


def _asks() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and not console.as_json()
