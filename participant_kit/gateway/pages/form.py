"""What a person typed into a form: it stays there, and each field says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
Word = Annotated[str, Query(max_length=300)]
"""What a form with which one looks for something puts into the address."""


class Form:
    """Text by name, and by name what is wrong. What is asked for and wrong is noted in ``faults``."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = {name: value.replace("\x00", "").replace("\r\n", "\n") for name, value in (values or {}).items()}
        self.faults: dict[str, str] = {}

    def get(self, name: str) -> str:
        """What was typed, without the space around it."""
        return self.values.get(name, "").strip()

    def text(self, name: str, longest: int, *, may_be_empty: bool = False) -> str:
        """Text that is not too long."""
        value = self.get(name)
        if not value and not may_be_empty:
            self.faults[name] = "This is needed."
        elif len(value) > longest:
            self.faults[name] = f"This is {len(value)} characters long; at most {longest} are possible."
        return value

    def name(self, name: str) -> str:
        """The name of an account."""
        value = self.text(name, 64)
        if value and name not in self.faults and not NAME.fullmatch(value):
            self.faults[name] = "A name begins with a letter or digit, and goes on with letters, digits, _ . @ or -."
        return value

    def number(self, name: str, low: int, high: int) -> int:
        """A whole number."""
        value = self.get(name)
        if not value.isascii() or not value.isdigit() or len(value) > 12 or not low <= int(value) <= high:
            self.faults[name] = f"This is a whole number from {low} to {high}."
            return low
        return int(value)

    def number_or_none(self, name: str, low: int, high: int) -> int | None:
        """A whole number, or nothing."""
        return self.number(name, low, high) if self.get(name) else None

    def moment(self, name: str) -> datetime:
        """A moment in UTC, as 2026-11-30 or 2026-11-30 12:00."""
        try:
            found = datetime.fromisoformat(self.get(name).removesuffix(" UTC"))
        except ValueError:
            self.faults[name] = "This is a moment in UTC, such as 2026-11-30 or 2026-11-30 12:00."
            return datetime.now(UTC)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def choice(self, name: str, known: Iterable[str]) -> str:
        """One of those."""
        value, names = self.get(name), list(known)
        if value not in names:
            self.faults[name] = f"This is one of: {', '.join(names)}."
        return value

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.get(name))
