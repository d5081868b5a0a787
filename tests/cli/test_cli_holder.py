from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from participant_kit.challenge.errors import KitError
from participant_kit.cli.main import app


@pytest.mark.parametrize("command", ["egress", "ledger"])
def test_a_log_that_is_not_there_is_not_shown_as_an_empty_one(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(app, ["holder", command, "--state", str(tmp_path)])
    assert isinstance(done.exception, KitError)
    assert "There is no egress log" in done.exception.message
