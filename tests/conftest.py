"""What every test may ask for: the environment in which notebooks run, and the tables of a small challenge."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from participant_kit.execution.environment import Environment, ensure_environment

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def environment() -> Environment:
    """The environment in which notebooks run; made once and kept between runs of the tests."""
    return ensure_environment(ROOT / "tests" / "requirements.txt")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with the three tables of a phase, six rows to predict."""
    folder = tmp_path / "tables"
    folder.mkdir()
    x = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]
    pd.DataFrame({"id": range(100, 106), "x": x, "ill": [0, 0, 0, 1, 1, 1]}).to_parquet(folder / "train.parquet")
    pd.DataFrame({"id": range(1, 7), "x": x}).to_parquet(folder / "test.parquet")
    pd.DataFrame({"id": range(1, 7), "ill": [0, 0, 1, 0, 1, 1]}).to_parquet(folder / "labels.parquet")
    return folder
