"""One mistake found in a challenge or a notebook: where, what was found, what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from participant_kit.challenge.errors import ChallengeError


@dataclass(frozen=True)
class Finding:
    """One mistake. ``file`` is relative to the checked folder; ``line`` and ``cell`` count from 1."""

    file: str
    expected: str
    found: str = ""
    key: str = ""
    line: int | None = None
    cell: int | None = None
    level: Literal["error", "warning"] = "error"

    @property
    def where(self) -> str:
        """``file:line key``, or ``file cell 3``, as far as it is known."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        if self.cell:
            place += f" cell {self.cell}"
        return f"{place} {self.key}".rstrip()

    def __str__(self) -> str:
        found = f"found {self.found}; " if self.found else ""
        return f"{self.where}: {found}expected {self.expected}"

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for ``--json``."""
        return asdict(self)


class FindingsError(ChallengeError):
    """Everything that is wrong, at once. ``findings`` holds each mistake."""

    code = "findings"

    def __init__(self, findings: Iterable[Finding], *, hint: str = "") -> None:
        self.findings = list(findings)
        super().__init__("\n".join(map(str, self.findings)), hint=hint)


class NewerSchemaError(FindingsError):
    """A document was written for a newer version of this package than the one that reads it."""

    code = "newer_schema"
