"""Pages are tried on SQLite, and ``both`` marks what databases may do differently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databases import CHOSEN, fresh_database


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a fresh database; None is SQLite's file."""
    with fresh_database(getattr(request, "param", CHOSEN or "sqlite")) as url:
        yield url
