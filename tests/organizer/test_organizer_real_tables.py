"""Real tables, all of their columns: a private sample of each fits its codebook, and models learn from it."""

from __future__ import annotations

import pandas as pd
import pytest
from real_tables import TABLES, challenge_of

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.draft_giveaways import find_giveaways
from participant_kit.organizer.synthesize import Request, write_sample


@pytest.fixture(scope="module", params=sorted(TABLES))
def challenge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ChallengeFolder:
    table = TABLES[request.param]()
    assert len(table.frame) > 500
    made = challenge_of(table, tmp_path_factory.mktemp("real") / request.param.replace("_", "-"))
    assert set(made.codebook.columns) == set(table.frame.columns)
    return made


def test_a_private_sample_of_every_column_has_no_mistakes(challenge: ChallengeFolder) -> None:
    sample = write_sample(challenge, "private", Request(epsilon=1, rows=500))
    assert sample.notes == []
    assert {finding.file for finding in check_challenge(challenge)} <= {"keys.json"}


def test_nothing_of_it_is_in_the_sample_but_by_chance(challenge: ChallengeFolder) -> None:
    sample = pd.read_parquet(challenge.sample_dir / "train.parquet")
    real = pd.read_parquet(challenge.private_dir("development") / "train.parquet")
    assert list(sample.dtypes) == list(real.dtypes)
    assert not set(sample[challenge.card.data.identifier]) - set(range(1, 10**7))


def test_only_columns_that_are_known_with_the_target_are_said_to_tell_it(challenge: ChallengeFolder) -> None:
    data = challenge.card.data
    real = pd.read_parquet(challenge.private_dir("development") / "train.parquet")
    found = set(find_giveaways(real, challenge.codebook.columns, data.identifier, data.target))
    known = set(TABLES[challenge.card.slug.replace("-", "_")]().giveaways)
    assert found <= known
    assert bool(found) == (len(known) > 1)  # the days until an event are not enough
