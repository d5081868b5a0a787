"""What became of a key on its way from one side to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["guessed", "closed", "changed", "left out", "kept"]

MEANING: dict[Kind, str] = {
    "guessed": "Read these first: they were guessed, and only you know.",
    "closed": "Open on Codabench, off here; how to allow it, and what that costs.",
    "changed": "Means something else here, or nearly the same.",
    "left out": "Has no counterpart.",
    "kept": "Kept beside the challenge; nothing here reads it.",
}


@dataclass(frozen=True)
class Note:
    """What became of ``key``, and why."""

    kind: Kind
    key: str
    text: str

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return asdict(self)


class Notes(list[Note]):
    """What became of each key, in the order in which that was found out."""

    def add(self, kind: Kind, key: str, text: str) -> None:
        """One more, if it is not there already."""
        if (note := Note(kind, key, text)) not in self:
            self.append(note)


def to_markdown(title: str, first: str, notes: Sequence[Note], meaning: dict[Kind, str] = MEANING) -> str:
    """The notes as a page: a section for each kind, a line for each note."""
    text = f"# {title}\n\n{first}\n"
    for kind, said in meaning.items():
        if lines := [f"- `{note.key}`: {note.text}" for note in notes if note.kind == kind]:
            text += f"\n## {kind.capitalize()}\n\n{said}\n\n" + "\n".join(lines) + "\n"
    return text
