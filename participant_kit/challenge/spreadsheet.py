"""Tables for a spreadsheet, in which no cell is a formula."""

from __future__ import annotations

from typing import Any


def harmless(value: Any) -> Any:
    """``value``; text that a spreadsheet would take for a formula gets an apostrophe (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
