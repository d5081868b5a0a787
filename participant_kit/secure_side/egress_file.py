"""The egress log as a table for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from participant_kit.challenge.spreadsheet import harmless
from participant_kit.secure_side.egress import EgressLine
from participant_kit.secure_side.errors import SecureSideError

COLUMNS = ("sequence", "time", "kind", "challenge", "phase", "participant", "submission", "dataset", "hash")


def write_csv(path: Path, lines: Iterable[EgressLine]) -> None:
    """One row a field, or a row without one. Raises :class:`SecureSideError` where ``path`` cannot be made anew."""
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, "field", "value", "bits"])
            for line in lines:
                start = [getattr(line, name) for name in COLUMNS]
                fields: list[tuple[Any, ...]] = [(field.name, field.value, field.bits) for field in line.fields]
                for rest in fields or [("", "", "")]:
                    writer.writerow([harmless(_text(value)) for value in (*start, *rest)])
    except FileExistsError:
        raise SecureSideError(f"{path} exists already.", hint="Give a new file.") from None
    except OSError as error:
        raise SecureSideError(f"{path} cannot be written ({error.strerror}).", hint="Give another file.") from None


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
