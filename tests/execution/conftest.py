"""Tables that stay where they are, so that what is forked from a template of one test serves the next."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tables(same_tables: Path) -> Path:
    """Those of the small challenge."""
    return same_tables
