"""The pinned packages are those of a fresh Debian or Ubuntu, whose Python may be as old as 3.11.0."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

LINES = (Path(__file__).parents[1] / "constraints.txt").read_text().splitlines()
PINS = [Requirement(line) for line in LINES if line and not line.startswith("#")]


def test_no_pin_names_a_download_address() -> None:
    assert all(pin.url is None and str(pin.specifier).startswith("==") for pin in PINS)


@pytest.mark.parametrize("pin", PINS, ids=str)
def test_a_pin_is_what_is_installed_and_needs_no_newer_python(pin: Requirement) -> None:
    try:
        assert version(pin.name) in pin.specifier
    except PackageNotFoundError:
        pytest.skip("not needed on this system")
    assert "3.11.0" in SpecifierSet(metadata(pin.name).get("Requires-Python") or "")
