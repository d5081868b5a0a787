"""A table of patients, and a challenge made of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.scaffold import new_challenge
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys


def make_patients() -> pd.DataFrame:
    """300 rows with every kind of column."""
    random, count = np.random.default_rng(7), 300
    frame = pd.DataFrame({"patient": np.arange(20_001, 20_001 + count)})
    frame["age"] = random.integers(18, 94, count)
    frame["bmi"] = random.normal(27, 4, count).round(2)
    frame.loc[random.random(count) < 0.12, "bmi"] = np.nan
    frame["sex"] = random.choice(["f", "m"], count)
    frame["ward"] = random.choice(["A", "B", "C"], count)
    frame.loc[[3, 7], "ward"] = ["Z-secret", "Y-secret"]
    frame["smoker"] = random.choice([True, False], count)
    frame["admitted"] = (pd.Timestamp("2021-02-03") + pd.to_timedelta(random.integers(0, 500, count), "D")).astype(str)
    frame["note"] = [f"note on person {number}" for number in range(count)]
    frame["died"] = (frame.age + random.normal(0, 12, count) > 60).astype(int)
    return frame


@pytest.fixture
def patients() -> pd.DataFrame:
    return make_patients()


@pytest.fixture
def table(patients: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    patients.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is made of the patients, once for all tests."""
    folder = tmp_path_factory.mktemp("scaffold")
    make_patients().to_csv(folder / "patients.csv", index=False)
    return new_challenge(folder / "heart", folder / "patients.csv", "died", "patient").root


@pytest.fixture
def challenge(scaffold: Path, tmp_path: Path) -> ChallengeFolder:
    """A challenge as scaffolded, with the public keys of a runner."""
    made = ChallengeFolder(shutil.copytree(scaffold, tmp_path / "heart"))
    add_keys(made)
    return made


def add_keys(folder: ChallengeFolder) -> None:
    folder.keys_path.write_text(KeyRing(runners=[SecretKeys.generate(Role.BLIND).public]).model_dump_json())
