"""The private sample: what it costs is what is said, nobody's row can be told from it, and it fits the codebook."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import opendp.prelude as dp
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from participant_kit.challenge.codebook import Codebook, Column, PrivacyUnit, Since
from participant_kit.challenge.document import dump_document
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import check_table, conform
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize import Request, get_synthesizer, read_guarantee, write_sample
from participant_kit.organizer.synthesize.accountant import Accountant, epsilon_of, privacy_of, rho_of
from participant_kit.organizer.synthesize.coded import CodedTable, read_coded
from participant_kit.organizer.synthesize.coding import Coding, interval_codings
from participant_kit.organizer.synthesize.learn import learn_tree
from participant_kit.organizer.synthesize.ledger import charge, ledger_path, new_entry, read_ledger, total_epsilon
from participant_kit.organizer.synthesize.residual import Residual
from participant_kit.organizer.synthesize.schema import draw_rows

DELTA = 1e-6
CARD = """
schema_version: 1
slug: small
title: A small challenge
data: {identifier: id, target: ill}
privacy: {epsilon_limit: 3, delta: 1.0e-6}
submission: {columns: {id: integer, prediction: number}}
metrics:
  - {name: roc_auc_score, higher_is_better: true, range: [0, 1], decimals: 3, primary: true}
phases:
  - {name: development, starts: 2026-01-01, ends: 2036-01-01}
"""
COLUMNS: dict[str, Column] = {
    "id": Column(type="integer", minimum=1, maximum=10**6),
    "age": Column(type="integer", minimum=0, maximum=100),
    "sex": Column(type="category", levels=["f", "m"]),
    "smoker": Column(type="boolean", nullable=True, missing=0.1),
    "packs": Column(type="number", minimum=0, maximum=9, decimals=1, nullable=True, missing_when={"smoker": [False]}),
    "city": Column(type="category", levels=list("abcdef"), groups={"small": ["d", "e", "f"]}),
    "seen": Column(type="date", minimum=date(2020, 1, 1), maximum=date(2021, 12, 31)),
    "left": Column(
        type="date",
        minimum=date(2020, 1, 1),
        maximum=date(2022, 1, 31),
        since=Since(column="seen", minimum=0, maximum=60),
        nullable=True,
        missing=0.2,
    ),
    "note": Column(type="text", nullable=True),
    "ill": Column(type="integer", minimum=0, maximum=1),
}


def make_folder(
    root: Path, frame: pd.DataFrame, columns: dict[str, Column], unit: PrivacyUnit | None = None
) -> ChallengeFolder:
    """A challenge folder with nothing but a card, a codebook and private training rows."""
    folder = ChallengeFolder(root)
    codebook = Codebook(schema_version=1, privacy_unit=unit, columns=columns)
    folder.card_path.write_text(CARD)
    folder.codebook_path.write_text(dump_document(codebook.model_dump(exclude_defaults=True)))
    folder.private_dir("development").mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder.private_dir("development") / "train.parquet", index=False)
    return folder


def people(count: int = 2000) -> pd.DataFrame:
    """Rows that fit ``COLUMNS``, whose ``ill`` follows ``age`` and ``sex``."""
    codebook = Codebook(schema_version=1, columns=COLUMNS)
    frame = draw_rows(codebook, count, 1, whole=("id", "ill")).assign(id=range(1, count + 1))
    odds = (frame.age.astype(float) - 50) / 10 + (frame.sex == "m").astype(float) * 2
    frame["ill"] = (np.random.default_rng(0).random(count) < 1 / (1 + np.exp(-odds))).astype(int)
    return conform(frame, codebook)


@pytest.fixture
def folder(tmp_path: Path) -> ChallengeFolder:
    return make_folder(tmp_path, people(), COLUMNS)


# What it costs


def test_what_opendp_counts_for_all_that_was_asked_is_what_the_guarantee_says(
    folder: ChallengeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dp.Measurement] = []
    release = Accountant._release
    monkeypatch.setattr(Accountant, "_release", lambda self, what: (asked.append(what), release(self, what))[1])
    guarantee = get_synthesizer("private").synthesize(folder, Request(epsilon=0.7)).guarantee
    assert len(asked) >= 4
    whole = dp.c.make_composition(asked)
    assert guarantee.epsilon == pytest.approx(0.7, rel=1e-6)
    assert epsilon_of(privacy_of(whole, 1), DELTA) == pytest.approx(guarantee.epsilon, rel=1e-3)
    assert epsilon_of(privacy_of(whole, 1), DELTA) <= guarantee.epsilon


def test_a_person_of_several_rows_costs_as_much_as_the_guarantee_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dp.Measurement] = []
    release = Accountant._release
    monkeypatch.setattr(Accountant, "_release", lambda self, what: (asked.append(what), release(self, what))[1])
    columns = {"person": Column(type="integer", minimum=1, maximum=10**6), **COLUMNS}
    frame = people().assign(person=np.arange(2000) // 4 + 1)
    folder = make_folder(tmp_path, frame[list(columns)], columns, PrivacyUnit(column="person", rows=3))
    sample = get_synthesizer("private").synthesize(folder, Request(epsilon=1.0, rows=90))
    assert (sample.guarantee.privacy_unit, sample.guarantee.rows_per_unit) == ("person", 3)
    assert epsilon_of(privacy_of(dp.c.make_composition(asked), 3), DELTA) <= sample.guarantee.epsilon
    assert sample.notes[0].startswith("500 rows were left out")
    assert sample.tables["train"].person.value_counts().max() <= 3
    assert not set(sample.tables["train"].person) & set(sample.tables["test"].person)


def test_no_question_can_be_asked_beyond_the_budget() -> None:
    table = coded(Codebook(schema_version=1, columns=COLUMNS), people(50))
    accountant = Accountant(table, 0.01)
    size = [Residual(lambda table: np.array(len(table)), axes=())]
    accountant.count(size, 0.009)
    with pytest.raises(dp.OpenDPException, match="exhausted"):
        accountant.count(size, 0.002)


def test_turns_are_paid_for_before_the_first_and_no_more_are_to_be_had() -> None:
    table = coded(Codebook(schema_version=1, columns=COLUMNS), people(50))
    accountant = Accountant(table, 0.01)
    choose, _ = accountant.choose_in_turn(2, 0.004)
    assert accountant.spent == pytest.approx(0.004, rel=1e-6)
    assert accountant.spent <= 0.004
    assert {choose(lambda table: np.array([0.0, 1e6])) for _ in range(2)} == {1}
    with pytest.raises(dp.OpenDPException):
        choose(lambda table: np.zeros(2))
    assert accountant.spent == pytest.approx(0.004, rel=1e-6)


def coded(codebook: Codebook, frame: pd.DataFrame) -> CodedTable:
    codings = [Coding(name, column) for name, column in codebook.columns.items() if name != "id"]
    return CodedTable(
        [coding.encode(frame[coding.name])[0] for coding in codings],
        np.random.default_rng(0).random(len(frame), dtype=np.float32),
    )


def without(table: CodedTable, row: int) -> CodedTable:
    return CodedTable([np.delete(codes, row) for codes in table.columns], np.delete(table.coins, row))


@pytest.mark.parametrize("conditioned", [True, False])
@pytest.mark.parametrize("looked_at", [50_000, 100])
def test_no_row_moves_an_answer_by_more_than_was_declared(
    conditioned: bool, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question of a real run, asked again of tables with one row less."""
    monkeypatch.setattr("participant_kit.organizer.synthesize.learn.LOOKED_AT", looked_at)
    monkeypatch.setattr("participant_kit.organizer.synthesize.learn.MIN_RELATED", 3)
    counts: list[Residual] = []
    scores: list[Callable[[CodedTable], Any]] = []
    count, choose, choose_in_turn = Accountant.count, Accountant.choose, Accountant.choose_in_turn
    monkeypatch.setattr(
        Accountant, "count", lambda self, asked, rho: (counts.extend(asked), count(self, asked, rho))[1]
    )
    monkeypatch.setattr(
        Accountant, "choose", lambda self, ask, k, rho: (scores.append(ask), choose(self, ask, k, rho))[1]
    )

    def watched(self: Accountant, turns: int, rho: float) -> tuple[Callable[[Any], int], float]:
        take, scale = choose_in_turn(self, turns, rho)
        return lambda ask: (scores.append(ask), take(ask))[1], scale

    monkeypatch.setattr(Accountant, "choose_in_turn", watched)
    codebook = Codebook(schema_version=1, columns=COLUMNS)
    table = coded(codebook, people(400))
    codings = [Coding(name, column) for name, column in codebook.columns.items() if name != "id"]
    learn_tree(Accountant(table, rho_of(1, DELTA)), codings, len(codings) - 1, conditioned=conditioned)
    assert len(counts) > len(codings) and scores
    moved, counted = [], []
    for row in range(0, 400, 10):
        less = without(table, row)
        counted += [np.linalg.norm(ask(table) - ask(less)) / ask.moved for ask in counts]
        moved += [np.abs(score(table) - score(less)).max() for score in scores]
    assert 0.99 < max(counted) <= 1
    assert 0.9 < max(moved) <= 1 + 1e-9


# An audit


def epsilon_seen(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """A lower bound of epsilon, at 99.9 % confidence, from what an attack saw on two neighbouring tables.

    The attack says "with" above a threshold that was chosen on the first half of what it saw (Jagielski, Ullman
    and Oprea, 2020); Clopper-Pearson bounds of its rates are of the second half.
    """
    half = len(one) // 2

    def rates(values: np.ndarray[Any, Any], threshold: float) -> int:
        return int((values > threshold).sum())

    threshold = max(
        np.concatenate([one[:half], other[:half]]),
        key=lambda at: (rates(one[:half], at) + 1) / (rates(other[:half], at) + 1) if rates(one[:half], at) > 5 else 0,
    )
    hits, alarms, tries = rates(one[half:], threshold), rates(other[half:], threshold), len(one) - half
    lowest = beta.ppf(0.0005, hits, tries - hits + 1) if hits else 0.0
    highest = beta.ppf(0.9995, alarms + 1, tries - alarms) if alarms < tries else 1.0
    return math.log(max(lowest - DELTA, 1e-12) / highest)


def audit(epsilon: float, runs: int = 500) -> float:
    """The pipeline on a table with and without one person of an age that nobody else has."""
    columns = {name: COLUMNS[name] for name in ("id", "age", "sex", "ill")}
    codebook = Codebook(schema_version=1, columns=columns)
    frame = pd.DataFrame({"age": [30] * 20 + [90], "sex": ["f"] * 20 + ["m"], "ill": [0] * 20 + [1]})
    table = coded(codebook, frame)
    codings = [Coding(name, column) for name, column in columns.items() if name != "id"]

    def attack(table: CodedTable) -> float:
        tree = learn_tree(Accountant(table, rho_of(epsilon, DELTA)), codings, 2, rows=21)
        return float(tree.fine[1][1] + tree.fine[2][1] + tree.fine[0][-10:].sum())

    tables = (table, without(table, 20))
    seen = [np.array([attack(neighbour) for _ in range(runs)]) for neighbour in tables]
    return epsilon_seen(*seen)


def test_an_attack_on_neighbouring_tables_stays_below_the_claim() -> None:
    assert audit(1.0) < 1.0


def test_the_audit_finds_out_when_there_is_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def exact(self: Accountant, asked: list[Residual], rho: float) -> Any:
        return [ask(self.table).reshape(ask.sizes) / ask.unit for ask in asked], 1e-3

    first = Accountant.__init__

    def remember(self: Accountant, table: CodedTable, *rest: Any) -> None:
        self.table = table
        first(self, table, *rest)

    monkeypatch.setattr(Accountant, "__init__", remember)
    monkeypatch.setattr(Accountant, "count", exact)
    assert audit(1.0, runs=200) > 1.0


def test_the_audit_finds_out_when_there_is_too_little_noise() -> None:
    assert audit(100.0, runs=150) > 1.0


# The ledger


def test_samples_add_up_and_the_one_beyond_the_limit_is_refused(folder: ChallengeFolder) -> None:
    for _ in range(2):
        guarantee = write_sample(folder, "private", Request(epsilon=1.5, rows=60)).guarantee
    assert guarantee.epsilon_total == pytest.approx(total_epsilon(read_ledger(folder), DELTA))
    assert 1.5 < guarantee.epsilon_total < 3
    before = (folder.sample_dir / "train.parquet").read_bytes()
    with pytest.raises(OrganizerError, match=r"above the limit 3 .*Samples so far: 2") as refused:
        write_sample(folder, "private", Request(epsilon=2.9))
    assert "--epsilon 1." in refused.value.hint
    assert len(read_ledger(folder)) == 2
    assert (folder.sample_dir / "train.parquet").read_bytes() == before


def test_what_a_killed_run_would_have_spent_is_spent(folder: ChallengeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("participant_kit.organizer.synthesize.private.learn_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        write_sample(folder, "private", Request(epsilon=1))
    assert [entry.epsilon for entry in read_ledger(folder)] == [1]


def test_a_ledger_that_cannot_be_read_spends_nothing_more(folder: ChallengeFolder) -> None:
    ledger_path(folder).write_text('{"epsilon": "none of your business"}\n')
    with pytest.raises(OrganizerError, match="what was spent is not known"):
        write_sample(folder, "private")
    assert not folder.sample_dir.exists()


def test_the_ledger_is_private_and_says_when_and_what(folder: ChallengeFolder) -> None:
    entry = new_entry("private", 0.5, folder.card.privacy, "row", 1)
    assert charge(folder, entry, folder.card.privacy) == pytest.approx(0.5)
    assert read_ledger(folder) == [entry]
    assert ledger_path(folder).parent.name == "private"


# What it refuses


def test_a_codebook_with_drafts_is_refused(tmp_path: Path) -> None:
    drafted = {**COLUMNS, "age": Column(type="integer", minimum=0, maximum=100, draft=True)}
    with pytest.raises(OrganizerError, match=r"1 columns .* drafts.*age"):
        write_sample(make_folder(tmp_path, people(60), drafted), "private")


def test_no_seed_is_taken(folder: ChallengeFolder) -> None:
    with pytest.raises(OrganizerError, match="no seed"):
        write_sample(folder, "private", Request(seed=1))


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 1000.0])
def test_an_epsilon_that_means_nothing_is_refused(folder: ChallengeFolder, epsilon: float) -> None:
    with pytest.raises(OrganizerError, match="Epsilon is"):
        write_sample(folder, "private", Request(epsilon=epsilon))
    assert read_ledger(folder) == []


def test_a_table_without_a_column_is_told_before_anything_is_spent(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, people(60).drop(columns="age"), COLUMNS)
    with pytest.raises(OrganizerError, match="no column 'age'"):
        write_sample(folder, "private")
    assert read_ledger(folder) == []


# What it is


def test_the_sample_says_how_it_was_made_and_is_tied_to_what_it_says(folder: ChallengeFolder) -> None:
    written = write_sample(folder, "private", Request(epsilon=1, rows=80, test_rows=20)).guarantee
    assert read_guarantee(folder) == written
    assert (written.epsilon, written.delta, written.looks_at_data) == (pytest.approx(1), DELTA, True)
    assert set(written.sha256) == {"train", "test"}


def test_the_number_of_rows_is_about_the_real_one_and_the_organizers_choice(folder: ChallengeFolder) -> None:
    tables = get_synthesizer("private").synthesize(folder, Request()).tables
    assert 1700 <= len(tables["train"]) <= 2300
    tables = get_synthesizer("private").synthesize(folder, Request(rows=123, test_rows=7)).tables
    assert (len(tables["train"]), len(tables["test"])) == (123, 7)


def test_what_predicts_the_target_in_the_data_predicts_it_in_the_sample(folder: ChallengeFolder) -> None:
    train = get_synthesizer("private").synthesize(folder, Request(epsilon=3)).tables["train"]
    ill = train[train.ill == 1]
    healthy = train[train.ill == 0]
    assert ill.age.mean() - healthy.age.mean() > 15
    assert (ill.sex == "m").mean() - (healthy.sex == "m").mean() > 0.1


def test_structural_zeros_are_never_broken(folder: ChallengeFolder) -> None:
    train = get_synthesizer("private").synthesize(folder, Request(rows=3000)).tables["train"]
    assert train.packs[train.smoker.eq(False).fillna(False)].isna().all()
    assert train.packs.notna().any()


def test_text_is_a_placeholder_and_identifiers_are_of_nobody(folder: ChallengeFolder) -> None:
    tables = get_synthesizer("private").synthesize(folder, Request(rows=50)).tables
    assert set(tables["train"].note.dropna()) <= {"text"}
    assert tables["train"].id.tolist() == list(range(1, 51))
    assert not set(tables["train"].id) & set(tables["test"].id)


def test_levels_of_a_group_are_counted_as_one_and_all_are_drawn(folder: ChallengeFolder) -> None:
    coding = Coding("city", COLUMNS["city"])
    assert coding.size == 4
    train = get_synthesizer("private").synthesize(folder, Request(rows=2000)).tables["train"]
    assert set(train.city) == set("abcdef")


def test_five_thousand_levels_are_counted_in_blocks_and_the_organizer_is_told(tmp_path: Path) -> None:
    levels = [f"place {number:04d}" for number in range(5000)]
    columns = {**COLUMNS, "place": Column(type="category", levels=levels)}
    frame = people(500)
    frame["place"] = pd.Categorical.from_codes(np.arange(500) % 7, levels)
    order = list(columns)
    folder = make_folder(tmp_path, frame[order], columns)
    sample = write_sample(folder, "private", Request(rows=100))
    assert list(sample.tables["train"].place.cat.categories) == levels
    assert any("5000 levels" in note for note in sample.notes)


def test_what_lies_outside_the_codebook_is_moved_into_it_by_rule_and_counted(tmp_path: Path) -> None:
    frame = people(400).astype({"age": "float64", "sex": "object", "note": "object"})
    frame.loc[0:4, "age"] = [math.inf, -5, 400, math.nan, 101]
    frame.loc[0:2, "sex"] = ["x", None, "F"]
    folder = make_folder(tmp_path, frame, COLUMNS)
    sample = write_sample(folder, "private", Request(rows=50))
    assert "age: 4 values outside the codebook's domain were moved to the nearest bound." in sample.notes
    assert "sex: 2 values outside the codebook's domain were not counted, because the column is not nullable." in (
        sample.notes
    )


def test_whole_numbers_keep_their_step_and_what_lies_between_is_counted_with_the_step_below(tmp_path: Path) -> None:
    columns = {**COLUMNS, "pressure": Column(type="integer", minimum=80, maximum=200, step=2)}
    pressure = 80 + 2 * np.random.default_rng(0).binomial(60, 0.3, 1000)
    frame = people(1000).assign(pressure=pd.array([101, 300, *pressure[2:]], dtype="Int64"))
    sample = write_sample(make_folder(tmp_path, frame[list(columns)], columns), "private", Request(rows=1000))
    assert (
        "pressure: 2 values outside the codebook's domain were moved to the nearest bound, or to the step below."
        in sample.notes
    )
    drawn = sample.tables["train"].pressure
    assert set(drawn.unique()) <= set(range(80, 201, 2))
    assert abs(drawn.mean() - pressure.mean()) < 4


def constant(name: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{name: value})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(constant("age", 5), id="a constant column"),
        pytest.param(constant("packs", np.nan), id="a column without values"),
        pytest.param(constant("ill", 1), id="one class only"),
        pytest.param(lambda frame: frame.head(50), id="fifty rows"),
        pytest.param(lambda frame: frame.head(1), id="one row"),
        pytest.param(lambda frame: frame.head(0), id="no row"),
        pytest.param(lambda frame: frame.assign(id=1), id="one identifier"),
    ],
)
@pytest.mark.parametrize("mode", ["private", "mst"])
def test_poor_data_gives_a_sample_that_fits_the_codebook(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], mode: str
) -> None:
    columns = {**COLUMNS, "age": COLUMNS["age"].model_copy(update={"nullable": True})}
    folder = make_folder(tmp_path, change(people(300)), columns)
    assert len(write_sample(folder, mode, Request(rows=40)).tables["train"]) == 40


def numbers(kind: str, values: Any) -> Any:
    pair = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    more = st.fixed_dictionaries({"bins": st.one_of(st.none(), st.integers(1, 100))})
    return st.builds(lambda b, n, m: column(kind, n, minimum=b[0], maximum=b[1], **m), pair, st.booleans(), more)


def steps(low: int, step: int, count: int, nullable: bool) -> Column:
    return column("integer", nullable, minimum=low, maximum=low + step * count, step=step)


def column(kind: str, nullable: bool, **more: Any) -> Column:
    return Column(type=kind, nullable=nullable, missing=0.3 if nullable else 0.0, **more)


LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
LEVELS = st.lists(st.text(LETTERS, min_size=1), min_size=1, max_size=40, unique=True)
ANY_COLUMN = st.one_of(
    numbers("integer", st.integers(-(10**9), 10**9)),
    st.builds(steps, st.integers(-(10**9), 10**9), st.integers(1, 1000), st.integers(0, 200), st.booleans()),
    numbers("number", st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3))),
    numbers("date", st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    st.builds(lambda levels, nullable: column("category", nullable, levels=levels), LEVELS, st.booleans()),
    st.builds(lambda kind, nullable: column(kind, nullable), st.sampled_from(["boolean", "text"]), st.booleans()),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY_COLUMN, min_size=1, max_size=5), st.integers(1, 300), st.sampled_from(["private", "mst"]))
def test_any_table_that_fits_its_codebook_gives_a_sample_that_fits_it(
    tmp_path_factory: pytest.TempPathFactory, columns: list[Column], rows: int, mode: str
) -> None:
    named = {"id": COLUMNS["id"], "ill": COLUMNS["ill"], **{f"c{number}": one for number, one in enumerate(columns)}}
    codebook = Codebook(schema_version=1, columns=named)
    frame = conform(draw_rows(codebook, rows, 3, whole=("id", "ill")).assign(id=range(1, rows + 1)), codebook)
    folder = make_folder(tmp_path_factory.mktemp("any"), frame, named)
    sample = get_synthesizer(mode).synthesize(folder, Request(rows=30, test_rows=10))
    assert not list(check_table(sample.tables["train"], codebook, list(named), file="t", identifier="id"))
    assert sample.notes == []


def test_the_days_between_two_dates_are_kept(tmp_path: Path) -> None:
    frame = people(4000)
    stay = np.minimum(np.random.default_rng(0).geometric(0.2, 4000) - 1, 60)
    frame["left"] = (frame["seen"] + pd.to_timedelta(stay, "D")).mask(frame["left"].isna())
    sample = get_synthesizer("private").synthesize(make_folder(tmp_path, frame, COLUMNS), Request(epsilon=3.0)).tables
    drawn = pd.concat([sample["train"], sample["test"]])
    days = (drawn["left"] - drawn["seen"]).dt.days.dropna()
    assert days.min() >= 0
    shares = [np.histogram(of, [0, 1, 2, 4, 8, 16, 61])[0] / len(of) for of in (days, stay)]
    assert abs(shares[0] - shares[1]).sum() / 2 < 0.15
    assert 0.1 < drawn["left"].isna().mean() < 0.3


def test_dates_that_are_missing_together_stay_so(tmp_path: Path) -> None:
    seen = COLUMNS["seen"].model_copy(update={"nullable": True, "missing": 0.3})
    columns = {**COLUMNS, "seen": seen}
    frame = people(4000)
    frame["seen"] = frame["seen"].mask(np.arange(4000) % 3 == 0)
    frame["left"] = frame["seen"] + pd.Timedelta(5, "D")
    drawn = get_synthesizer("private").synthesize(make_folder(tmp_path, frame, columns), Request(epsilon=3.0)).tables
    gone = drawn["train"][["seen", "left"]].isna()
    assert not (gone["seen"] & ~gone["left"]).any()
    assert abs(gone.mean() - 1 / 3).max() < 0.06


def test_a_date_without_one_to_count_from_is_told(tmp_path: Path) -> None:
    frame = people(400)
    frame["left"] = frame["seen"] + pd.Timedelta(5, "D")
    frame.loc[0, "left"] = frame.loc[0, "seen"] - pd.Timedelta(1, "D")
    frame.loc[1:2, "seen"] = pd.NaT
    notes = get_synthesizer("private").synthesize(make_folder(tmp_path, frame, COLUMNS), Request()).notes
    assert notes == [
        "left: 3 values outside the codebook's domain of days since 'seen' were moved to the nearest bound, or had no "
        "such date and were counted as missing."
    ]


def test_the_days_between_are_of_each_row_by_itself(tmp_path: Path) -> None:
    """So that a person changes as few answers as with any other column."""
    codebook = Codebook(schema_version=1, columns=COLUMNS)
    frame, codings, path = people(200), interval_codings(codebook.columns), tmp_path / "rows.parquet"
    tables = []
    for rows in (frame, frame.drop(index=[17])):
        rows.to_parquet(path, index=False)
        tables.append(read_coded(path, codings, PrivacyUnit(column="id"))[0])
    for whole, less in zip(*(table.columns for table in tables), strict=True):
        assert np.array_equal(np.delete(whole, 17), less)


@st.composite
def any_dates(draw: st.DrawFn) -> dict[str, Column]:
    """Dates of which some count from others, in chains, within windows as narrow as a codebook may have them."""
    dates: dict[str, Column] = {}
    for number in range(draw(st.integers(2, 4))):
        since, nullable = draw(st.sampled_from([None, *dates])), draw(st.booleans())
        if since is None:
            low, high = sorted(draw(st.tuples(*[st.dates(date(1980, 1, 1), date(2020, 1, 1))] * 2)))
            dates[f"d{number}"] = column("date", nullable, minimum=low, maximum=high)
            continue
        first, days = dates[since], sorted(draw(st.tuples(*[st.integers(-400, 400)] * 2)))
        moved = sorted(draw(st.tuples(*[st.integers(*days)] * 2)))
        low, high = first.minimum + timedelta(moved[0]), first.maximum + timedelta(moved[1])
        counted = Since(column=since, minimum=days[0], maximum=days[1])
        dates[f"d{number}"] = column("date", nullable or first.nullable, minimum=low, maximum=high, since=counted)
    return dates


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_dates(), st.integers(1, 200), st.sampled_from(["private", "mst", "schema"]), st.randoms())
def test_days_between_dates_are_within_the_codebooks_bounds_in_every_sample(
    tmp_path_factory: pytest.TempPathFactory, dates: dict[str, Column], rows: int, mode: str, random: Any
) -> None:
    named = {"id": COLUMNS["id"], "ill": COLUMNS["ill"], **dict(random.sample(sorted(dates.items()), len(dates)))}
    codebook = Codebook(schema_version=1, columns=named)
    frame = conform(draw_rows(codebook, rows, 3, whole=("id", "ill")).assign(id=range(1, rows + 1)), codebook)
    assert not list(check_table(frame, codebook, list(named), file="t", identifier="id"))
    sample = get_synthesizer(mode).synthesize(
        make_folder(tmp_path_factory.mktemp("any"), frame, named), Request(rows=30, test_rows=10)
    )
    assert sample.notes == []
    train = sample.tables["train"]
    assert not list(check_table(train, codebook, list(named), file="t", identifier="id"))
    for name, since in codebook.counted_dates().items():
        days = (train[name] - train[since.column]).dropna().dt.days
        assert days.between(since.minimum, since.maximum).all()
        assert not (train[since.column].isna() & train[name].notna()).any()
