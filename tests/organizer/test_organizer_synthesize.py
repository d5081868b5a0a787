"""A sample from the codebook alone."""

from __future__ import annotations

import shutil
import sys
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import check_table, conform
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize import Guarantee, Request, get_synthesizer, write_sample
from participant_kit.organizer.synthesize.schema import draw_rows


def sample(folder: ChallengeFolder, seed: int = 0) -> dict[str, pd.DataFrame]:
    return get_synthesizer("schema").synthesize(folder, Request(rows=300, test_rows=200, seed=seed)).tables


def test_the_data_is_not_looked_at(challenge: ChallengeFolder) -> None:
    before = sample(challenge)
    shutil.rmtree(challenge.root / "private")
    after = sample(ChallengeFolder(challenge.root))
    for name in ("train", "test"):
        pd.testing.assert_frame_equal(before[name], after[name])


def test_another_seed_gives_other_rows(challenge: ChallengeFolder) -> None:
    assert not sample(challenge, 0)["train"].age.equals(sample(challenge, 1)["train"].age)


def test_train_and_test_are_of_different_rows_and_test_has_no_answer(challenge: ChallengeFolder) -> None:
    made = sample(challenge)
    assert (len(made["train"]), len(made["test"])) == (300, 200)
    assert not set(made["train"].patient) & set(made["test"].patient)
    assert "died" not in made["test"]


def test_a_column_more_changes_no_other(challenge: ChallengeFolder) -> None:
    codebook = challenge.codebook
    more = Codebook(schema_version=1, columns={"new": Column(type="boolean"), **codebook.columns})
    before, after = draw_rows(codebook, 50, 0), draw_rows(more, 50, 0)
    pd.testing.assert_frame_equal(before, after[list(before.columns)])


def test_what_is_missing_is_what_the_codebook_says() -> None:
    codebook = Codebook(
        schema_version=1,
        columns={
            "smoker": Column(type="boolean"),
            "packs": Column(type="number", minimum=0, maximum=9, nullable=True, missing_when={"smoker": [False]}),
            "height": Column(type="number", minimum=0, maximum=9, nullable=True, missing=0.3),
        },
    )
    rows = draw_rows(codebook, 2000, 0)
    assert rows.packs.isna().equals(~rows.smoker.astype(bool))
    assert 0.25 < rows.height.isna().mean() < 0.35


def test_too_few_identifiers_are_told(challenge: ChallengeFolder) -> None:
    text = challenge.codebook_path.read_text()
    maximum = challenge.codebook.columns["patient"].maximum
    minimum = challenge.codebook.columns["patient"].minimum
    challenge.codebook_path.write_text(text.replace(f"maximum: {maximum}", f"maximum: {minimum + 99}"))
    with pytest.raises(OrganizerError, match=r"allows 100 identifiers.*needs 750"):
        write_sample(ChallengeFolder(challenge.root), "schema")


def test_an_unknown_synthesizer_is_answered_with_those_there_are(challenge: ChallengeFolder) -> None:
    with pytest.raises(OrganizerError, match="schema"):
        write_sample(challenge, "magic")


def bounded(kind: str, values: Any) -> Any:
    pair = st.tuples(values, values).map(sorted)
    return st.builds(lambda b, m: column(kind, m, minimum=b[0], maximum=b[1]), pair, st.sampled_from([0.0, 0.2, 1.0]))


def column(kind: str, missing: float, **more: Any) -> Column:
    return Column(type=kind, nullable=missing > 0, missing=missing, **more)


COLUMNS = st.one_of(
    bounded("integer", st.integers(-(10**9), 10**9)),
    st.builds(
        lambda low, step, count: column("integer", 0.2, minimum=low, maximum=low + step * count, step=step),
        st.integers(-(10**9), 10**9),
        st.integers(1, 1000),
        st.integers(0, 200),
    ),
    bounded("number", st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3))),
    bounded("date", st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    st.builds(lambda levels: column("category", 0, levels=levels), st.lists(st.text(), min_size=1, unique=True)),
    st.sampled_from([column("boolean", 0.5), column("text", 0)]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(COLUMNS, min_size=1, max_size=6), st.integers(0, 2**32))
def test_every_codebook_gives_rows_that_fit_it(columns: list[Column], seed: int) -> None:
    named = {f"c{number}": column for number, column in enumerate(columns)}
    codebook = Codebook(schema_version=1, columns={"id": Column(type="text"), **named})
    rows = conform(draw_rows(codebook, 20, seed).assign(id=[f"r{number}" for number in range(20)]), codebook)
    assert list(check_table(rows, codebook, list(codebook.columns), file="t", identifier="id")) == []


PROGRAM = """
import sys, pathlib, pandas as pd
train, codebook, output, rows, test_rows = sys.argv[1:]
table = pd.read_parquet(train)
table.head(int(rows)).to_parquet(pathlib.Path(output, "train.parquet"), index=False)
table.tail(int(test_rows)).drop(columns="died").to_parquet(pathlib.Path(output, "test.parquet"), index=False)
"""


def write_with(program: str, folder: ChallengeFolder) -> Guarantee:
    path = folder.root / "program.py"
    path.write_text(program)
    asked = Request(rows=20, test_rows=10, program=(sys.executable, str(path)))
    return write_sample(folder, "program", asked).guarantee


def test_the_organizers_own_program_makes_a_sample_and_no_promise(challenge: ChallengeFolder) -> None:
    guarantee = write_with(PROGRAM, challenge)
    assert (guarantee.epsilon, guarantee.looks_at_data) == (None, True)
    assert "copied" in guarantee.statement
    found = {(finding.file, finding.level) for finding in check_challenge(challenge)}
    assert ("sample_data/guarantee.json", "warning") in found
    assert ("sample_data/train.parquet", "error") in found  # it did copy


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("pass", r"wrote no train.parquet and no test.parquet"),
    ],
)
def test_a_program_that_makes_no_sample_leaves_the_one_before(
    challenge: ChallengeFolder, program: str, message: str
) -> None:
    before = (challenge.sample_dir / "train.parquet").read_bytes()
    with pytest.raises(OrganizerError, match=message):
        write_with(program, challenge)
    assert (challenge.sample_dir / "train.parquet").read_bytes() == before


def test_a_sample_that_does_not_fit_the_codebook_is_not_written(challenge: ChallengeFolder) -> None:
    before = (challenge.sample_dir / "train.parquet").read_bytes()
    with pytest.raises(FindingsError) as refused:
        write_with(PROGRAM.replace("table.head(int(rows))", "table.head(int(rows)).assign(age=-1)"), challenge)
    assert {finding.key for finding in refused.value.findings} == {"age"}
    assert (challenge.sample_dir / "train.parquet").read_bytes() == before
