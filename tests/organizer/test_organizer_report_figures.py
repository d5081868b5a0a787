"""The figures of the reports on a sample: columns, pairs, usefulness and risk."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from participant_kit.challenge.bins import coarse_bins, fine_bins
from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.table import conform
from participant_kit.organizer.report.columns import column_figures
from participant_kit.organizer.report.interval import Interval, area_under_curve
from participant_kit.organizer.report.pairs import pair_figures, strong_pairs
from participant_kit.organizer.report.risk import copies, nearness
from participant_kit.organizer.report.usefulness import own_usefulness, problem_of, usefulness
from participant_kit.organizer.report.verdict import of_usefulness

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "minimum": 1, "maximum": 99_999},
    "died": {"type": "boolean"},
    "age": {"type": "integer", "minimum": 0, "maximum": 120, "nullable": True},
    "dose": {"type": "number", "minimum": 0, "maximum": 1e6, "nullable": True},
    "ward": {"type": "category", "levels": ["a", "b", "c"], "nullable": True},
    "code": {"type": "category", "levels": [f"k{number}" for number in range(5000)]},
    "smoker": {"type": "boolean", "nullable": True},
    "seen": {"type": "date", "minimum": "2020-01-01", "maximum": "2021-12-31", "nullable": True},
    "note": {"type": "text", "nullable": True},
    "same": {"type": "integer", "minimum": 3, "maximum": 3},
    "gone": {"type": "number", "minimum": 0, "maximum": 1, "nullable": True},
}
INPUTS = [name for name in COLUMNS if name not in ("id", "died")]


def codebook(**changed: dict[str, Any]) -> Codebook:
    columns = {name: dict(column) for name, column in (COLUMNS | changed).items()}
    columns["seen"] |= {"minimum": date(2020, 1, 1), "maximum": date(2021, 12, 31)}
    return Codebook.model_validate({"schema_version": 1, "columns": columns})


def card(metric: str = "roc_auc_score") -> Card:
    higher = metric != "mean_absolute_error"
    return Card.model_validate(
        {
            "schema_version": 1,
            "slug": "ward",
            "title": "Ward",
            "data": {"identifier": "id", "target": "died"},
            "submission": {"columns": {"id": "integer", "prediction": "number"}},
            "metrics": [{"name": metric, "higher_is_better": higher, "range": [0, 1], "primary": True}],
            "phases": [{"name": "first", "starts": "2026-01-01", "ends": "2027-01-01"}],
        }
    )


def rows(count: int, seed: int, book: Codebook | None = None, died: Any = None) -> pd.DataFrame:
    """Every kind of column, with missing values, and a target that age and ward tell of."""
    random = np.random.default_rng(seed)
    age, ward = random.integers(20, 95, count), random.integers(0, 3, count)
    risk = (age - 57) / 15 + (ward == 2) + random.normal(0, 1, count)
    day = np.datetime64("2020-01-01", "us") + random.integers(0, 700, count).astype("timedelta64[D]")
    frame = pd.DataFrame(
        {
            "id": np.arange(count) + 1 + 20_000 * (seed % 4),
            "died": pd.Series(risk > 0.5) if died is None else died(risk),
            "age": pd.Series(age, dtype="Int64").mask(random.random(count) < 0.1),
            "dose": np.where(random.random(count) < 0.6, 0, random.exponential(20, count).round(2)),
            "ward": pd.Series(np.array(["a", "b", "c"])[ward]).mask(random.random(count) < 0.05),
            "code": [f"k{number}" for number in random.integers(0, 5000, count)],
            "smoker": pd.Series(random.random(count) < 0.3, dtype="boolean").mask(random.random(count) < 0.1),
            "seen": pd.Series(day).mask(random.random(count) < 0.1),
            "note": [f"note {number}" for number in range(count)],
            "same": 3,
            "gone": np.nan,
        }
    )
    return conform(frame, book or codebook())


def learned(
    synthetic: pd.DataFrame, real: pd.DataFrame, test: pd.DataFrame, metric: str = "roc_auc_score", **book: Any
):
    problem = problem_of(card(metric), codebook(**book), [synthetic, real, test])
    return usefulness(problem, synthetic, real, test)


def test_columns_of_the_same_distribution_are_close_and_of_another_are_far() -> None:
    near = column_figures(codebook(), INPUTS, {"real": rows(3000, 1), "synthetic": rows(3000, 2)})
    assert {column.name for column in near if (column.total_variation or 0) > 0.08} == set()
    other = rows(3000, 2)
    other["age"] = other["age"] // 2
    far = {column.name: column for column in column_figures(codebook(), INPUTS, {"real": rows(3000, 1), "s": other})}
    assert far["age"].total_variation > 0.5
    assert far["age"].kolmogorov_smirnov > 0.5


def test_total_variation_counts_missing_values_as_a_value() -> None:
    real, synthetic = rows(1000, 1), rows(1000, 1)
    synthetic.loc[:499, "ward"] = None
    (ward,) = column_figures(codebook(), ["ward"], {"real": real, "synthetic": synthetic})
    assert ward.total_variation == pytest.approx(0.5 * real["ward"][:500].notna().mean(), abs=0.001)
    assert ward.kolmogorov_smirnov is None


def test_shares_of_a_column_and_its_missing_values_add_up_to_one() -> None:
    for column in column_figures(codebook(), INPUTS, {"real": rows(500, 1), "synthetic": rows(60, 2)}):
        for spread in column.spreads.values():
            assert sum(spread.shares) + spread.missing == pytest.approx(1, abs=0.01), column.name
            assert len(spread.shares) == len(column.labels) <= 20


def test_the_days_between_two_dates_are_shown_beside_the_dates() -> None:
    bounds = {"minimum": date(2020, 1, 1), "maximum": date(2022, 1, 31), "nullable": True}
    book = codebook(left={"type": "date", "since": {"column": "seen", "minimum": 0, "maximum": 30}, **bounds})
    real = rows(500, 1)
    real["left"] = real["seen"] + pd.to_timedelta(np.arange(500) % 16, "D")
    shuffled = real.assign(left=real["seen"] + pd.Timedelta(30, "D"))
    _, left, days = column_figures(book, ["seen", "left"], {"real": real, "synthetic": shuffled})
    assert (left.name, left.type) == ("left", "date")
    assert (days.name, days.type, days.unit) == ("left since seen", "integer", "days")
    assert days.spreads["real"].missing == pytest.approx(real["seen"].isna().mean(), abs=1e-4)
    assert days.total_variation == pytest.approx(real["seen"].notna().mean(), abs=1e-4)


def test_a_table_without_rows_has_no_distance() -> None:
    columns = column_figures(codebook(), INPUTS, {"real": rows(100, 1), "synthetic": rows(100, 2).iloc[:0]})
    assert all(column.total_variation is None and column.kolmogorov_smirnov is None for column in columns)


def test_bins_follow_the_codebook_or_where_wide_bounds_would_hide_all_the_values() -> None:
    real = rows(1000, 1)
    age = fine_bins(codebook().columns["age"], real["age"])
    assert (age.ends, age.is_narrow) == (("0", "120"), False)
    assert age.labels[0] == "0 to 6"
    dose = fine_bins(codebook().columns["dose"], real["dose"])
    assert dose.is_narrow
    assert dose.edges[-1] < 200  # of bounds up to a million
    assert fine_bins(codebook().columns["same"], real["same"]).labels == ["3"]
    assert fine_bins(codebook().columns["seen"], real["seen"]).ends == ("2020-01-01", "2021-12-31")


def test_rare_levels_of_a_long_list_are_counted_as_one() -> None:
    bins = fine_bins(codebook().columns["code"], rows(1000, 1)["code"])
    assert bins.labels[-1] == "4989 others"
    assert len(bins.labels) == 12


def test_a_zero_inflated_number_and_a_rare_class_still_have_two_bins() -> None:
    book, many_zeros = codebook(), pd.Series([0.0] * 95 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert len(np.unique(coarse_bins(book.columns["dose"], many_zeros).codes(many_zeros))) == 2
    rare = pd.Series([3] * 95 + [5] * 5, dtype="Int64")
    assert len(np.unique(coarse_bins(book.columns["age"], rare).codes(rare))) == 2


def test_pairs_tell_what_single_columns_hide() -> None:
    real, synthetic = rows(2000, 1), rows(2000, 2)
    real["dose"] = real["age"].astype("float64")
    synthetic["dose"] = synthetic["age"].astype("float64").sample(frac=1, random_state=0).to_numpy()
    pairs = pair_figures(codebook(), ["died", *INPUTS], "died", real, synthetic, rows(500, 3))
    assert pairs is not None
    worst = pairs.worst[0]
    assert {worst.first, worst.second} == {"age", "dose"}
    assert worst.total_variation > 0.5
    assert worst.real > 0.9
    assert worst.synthetic < 0.1
    assert pairs.map.names[0] == "died"
    assert pairs.pairs == 9 * 8 // 2


def test_held_out_rows_say_what_distance_chance_gives() -> None:
    pairs = pair_figures(codebook(), INPUTS, "died", rows(2000, 1), rows(400, 2), rows(400, 3))
    assert pairs is not None
    assert pairs.of_real == pytest.approx(pairs.mean, abs=0.02)


def test_columns_that_have_nothing_to_do_with_each_other_are_not_associated() -> None:
    strong = strong_pairs(codebook(), ["died", *INPUTS], "died", rows(3000, 1))
    assert strong is not None
    assert {strong.strongest[0].first, strong.strongest[0].second} == {"died", "age"}
    of_smoker = strong.map.tables["synthetic"][strong.map.names.index("smoker")]
    assert max(strength for strength in of_smoker if strength < 1) < 0.1


def test_many_columns_are_paired_in_a_moment() -> None:
    random = np.random.default_rng(0)
    names = [f"c{index}" for index in range(400)]
    book = Codebook.model_validate(
        {"schema_version": 1, "columns": {name: {"type": "number", "minimum": -9, "maximum": 9} for name in names}}
    )
    table = pd.DataFrame(random.normal(size=(200, 400)), columns=names)
    table["c7"] = table["c0"] + random.normal(size=200) / 9
    strong = strong_pairs(book, names, "c0", table)
    assert strong is not None
    assert strong.map.names[:2] == ["c0", "c7"]
    assert len(strong.map.names) == 30


def test_a_good_sample_teaches_what_real_rows_teach_and_noise_teaches_nothing() -> None:
    real, test = rows(1500, 1), rows(600, 2)
    good = learned(rows(1500, 3), real, test)
    assert good.metric == "AUC"
    assert all(model.ratio.value > 0.95 and model.ratio.low > 0.9 for model in good.models)
    noise = rows(1500, 3)
    noise["died"] = noise["died"].sample(frac=1, random_state=0).to_numpy()
    bad = learned(noise, real, test)
    assert all(model.ratio.high < 0.85 and model.on_real.value > 0.75 for model in bad.models)


def test_the_verdict_is_of_what_real_rows_teach_beyond_chance() -> None:
    sample, real, test = rows(300, 1), rows(300, 2), rows(300, 3)
    assert of_usefulness(learned(sample, real, test)).level == "good"
    for table in (sample, real, test):
        table["died"] = table["died"].sample(frac=1, random_state=1).to_numpy()
    figures = learned(sample, real, test)
    assert [model.ratio for model in figures.models] == [None, None]
    statement = of_usefulness(figures)
    assert (statement.level, "nothing that is more than chance" in statement.text) == ("look", True)


def test_a_column_that_tells_the_target_makes_a_score_suspect() -> None:
    tables = [rows(300, seed) for seed in (1, 2, 3)]
    for table in tables:
        table["dose"] = table["died"].astype("float64") * 10
    statement = of_usefulness(learned(*tables))
    assert (statement.level, "does a column tell the target by itself?" in statement.text) == ("look", True)


def test_one_class_alone_in_the_sample_is_a_coin() -> None:
    synthetic = rows(200, 3)
    synthetic["died"] = pd.array([True] * 200, dtype="boolean")
    for model in learned(synthetic, rows(300, 1), rows(200, 2)).models:
        assert model.on_synthetic == Interval(value=0.5, low=0.5, high=0.5)


def test_a_sample_of_fifty_rows_is_measured() -> None:
    figures = learned(rows(50, 3), rows(300, 1), rows(50, 2))
    assert len(figures.models) == 2
    assert all(model.on_synthetic for model in figures.models)


@pytest.mark.parametrize(
    ("column", "died", "metric", "expected"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 1}, lambda risk: (risk > 0).astype(int), "roc_auc_score", "AUC"),
        ({"type": "category", "levels": ["no", "yes"]}, lambda r: np.where(r > 0, "yes", "no"), "roc_auc_score", "AUC"),
        (
            {"type": "category", "levels": ["low", "mid", "high"]},
            lambda risk: np.select([risk < -1, risk < 1], ["low", "mid"], "high"),
            "accuracy_score",
            "balanced accuracy",
        ),
        (
            {"type": "integer", "minimum": 1, "maximum": 5},
            lambda risk: np.clip(np.round(risk) + 3, 1, 5).astype(int),
            "accuracy_score",
            "balanced accuracy",
        ),
        ({"type": "number", "minimum": -20, "maximum": 20}, lambda risk: risk, "mean_absolute_error", "R²"),
        (
            {"type": "integer", "minimum": 0, "maximum": 99, "nullable": True},
            lambda risk: pd.Series(np.clip(risk * 9 + 40, 0, 99).astype(int), dtype="Int64").mask(risk > 3),
            "mean_absolute_error",
            "R²",
        ),
    ],
    ids=["zero or one", "two levels", "three levels", "grades", "number", "whole number, some missing"],
)
def test_every_kind_of_target_is_modelled(column: Any, died: Any, metric: str, expected: str) -> None:
    book = codebook(died=column)
    tables = [rows(400, seed, book, died) for seed in (3, 1, 2)]
    figures = learned(*tables, metric, died=column)
    assert figures.metric == expected
    chance = {"AUC": 0.5, "balanced accuracy": 1 / len(book.columns["died"].levels or range(5)), "R²": 0}[expected]
    assert all(model.on_synthetic.value > chance + 0.1 for model in figures.models)
    assert all(0.8 < model.ratio.value < 1.2 for model in figures.models)


def test_what_cannot_be_modelled_is_said() -> None:
    real, test = rows(300, 1), rows(100, 2)
    assert "fewer than 10 rows" in learned(rows(5, 3), real, test).reason
    test["died"] = pd.array([True] * 100, dtype="boolean")
    assert "the same in all rows" in learned(rows(100, 3), real, test).reason
    many = {"type": "category", "levels": [f"c{number}" for number in range(50)]}
    book = codebook(died=many)
    table = rows(100, 1, book, lambda risk: [f"c{number % 50}" for number in range(len(risk))])
    assert "50 classes" in learned(table, table, table, "accuracy_score", died=many).reason


def test_cross_validation_finds_what_the_sample_holds() -> None:
    sample = rows(600, 3)
    problem = problem_of(card(), codebook(), [sample])
    scores = own_usefulness(problem, sample).scores
    assert all(score.score.value > 0.7 for score in scores)
    sample["died"] = sample["died"].sample(frac=1, random_state=0).to_numpy()
    assert all(score.score.holds(0.5) for score in own_usefulness(problem, sample).scores)


def test_the_same_tables_give_the_same_figures() -> None:
    tables = [rows(200, seed) for seed in (3, 1, 2)]
    assert learned(*tables) == learned(*tables)
    assert nearness(codebook(), INPUTS, *tables) == nearness(codebook(), INPUTS, *tables)


def test_copied_rows_are_counted_against_what_chance_gives() -> None:
    names = ["ward", "smoker"]
    train, held_out, sample = (rows(count, seed)[names] for count, seed in ((900, 1), (300, 2), (200, 3)))
    chance = copies(sample, train, held_out)
    assert chance is not None
    assert chance.of_train == chance.of_held_out == 200  # there are few different rows, and all stand in both
    assert chance.by_chance == 600
    real = rows(900, 1)[INPUTS]
    copied = copies(pd.concat([rows(190, 3)[INPUTS], real[:10]]), real, rows(300, 2)[INPUTS])
    assert copied is not None
    assert (copied.of_train, copied.of_held_out, copied.by_chance) == (10, 0, 0)
    assert 0.01 < copied.p_value < 0.1  # ten of three in four


def test_rows_drawn_alike_are_no_nearer_to_training_rows_and_copies_are() -> None:
    train, held_out = rows(400, 1), rows(500, 2)
    alike = nearness(codebook(), INPUTS, rows(400, 3), train, held_out)
    assert alike is not None
    assert alike.rows == 400
    assert alike.nearer_to_train.holds(0.5)
    assert alike.membership.holds(0.5)
    copied = nearness(codebook(), INPUTS, train.iloc[:200], train, held_out)
    assert copied is not None
    assert copied.to_train == [0, 0, 0] or copied.to_train[2] < 0.02
    assert copied.nearer_to_train.value == 1
    assert copied.membership.value == pytest.approx(0.75, abs=0.05)


def test_equal_distances_count_for_both() -> None:
    """All rows are the same, so that nothing can be told."""
    table = rows(60, 1)
    figures = nearness(codebook(), ["same", "gone"], table, table, table)
    assert figures is not None
    assert figures.nearer_to_train == Interval(value=0.5, low=0.5, high=0.5)
    assert figures.membership == Interval(value=0.5, low=0.5, high=0.5)


def test_nearness_needs_rows_and_columns() -> None:
    table = rows(60, 1)
    assert nearness(codebook(), ["note"], table, table, table) is None
    assert nearness(codebook(), INPUTS, table, table, table.iloc[:1]) is None
    assert copies(table, table, table.iloc[:0]) is None


def test_the_area_under_the_curve_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    truth, score, weights = random.random(300) < 0.3, random.integers(0, 20, 300) / 7, random.integers(0, 4, 300) * 1.0
    area = area_under_curve(truth, score)
    assert area(weights) == pytest.approx(roc_auc_score(truth, score, sample_weight=weights))
    assert np.isnan(area_under_curve(np.ones(300, dtype=bool), score)(weights))
