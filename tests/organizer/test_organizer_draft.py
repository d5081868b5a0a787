"""A drafted codebook fits its table, tells little of it, and every decision is told."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from participant_kit.challenge.codebook import Codebook, Column, Since
from participant_kit.challenge.document import dump_document, parse_document
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.table import check_table, conform
from participant_kit.organizer import draft_types
from participant_kit.organizer.draft import CONSTANT, EMPTY, FOLLOWS, GIVEAWAY, RARE_LEVELS, TEXT, draft_codebook

ROWS = 400


def draft(**columns: Any) -> tuple[dict[str, Column], pd.DataFrame, list[str]]:
    """The drafted columns, the table, and what was told, for ``columns`` beside an identifier and a target."""
    size = max(len(values) for values in columns.values())
    frame = pd.DataFrame({"id": range(1, size + 1)} | columns | {"y": [0, 1] * (size // 2) + [1] * (size % 2)})
    told: list[str] = []
    codebook, table = draft_codebook(frame, "id", "y", told.append)
    assert list(check_table(table, codebook, list(frame.columns), file="table", identifier="id")) == []
    assert all(column.draft for column in codebook.columns.values())
    return codebook.columns, table, told


def random() -> np.random.Generator:
    return np.random.default_rng(3)


CODES = [
    ".",
    "NA",
    "-99",
    "?",
    "1.5",
    "7",
    "x",
    "31.12.2020",
    "02.03.2020",
    "12/31/2020",
    "2020-12-31",
    "yes",
    "",
    "=",
    "on",
]
VALUES: list[st.SearchStrategy[Any]] = [
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 12),
    st.floats(),
    st.floats(0, 1).map(lambda x: math.exp(30 * x)),
    st.floats(-100, 100).map(lambda x: round(x, 2)),
    st.sampled_from([5e-324, -5e-324, 1.7e308, -1.7e308, 0.3, 0.1 + 0.2]),
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(CODES),
    st.sampled_from("ab"),
    st.booleans(),
    st.datetimes().map(str),
    st.dates(),
    st.just(7),
]


@st.composite
def columns(draw: st.DrawFn) -> list[Any]:
    """Values of one kind, of a few repeated ones, of two kinds at once, or none; some are missing."""
    kind = draw(st.sampled_from(VALUES))
    kind = draw(st.sampled_from([kind, kind, st.one_of(kind, draw(st.sampled_from(VALUES)))]))
    pool = draw(st.lists(kind, min_size=1, max_size=12))
    missing = draw(st.sampled_from([0, 0, 1, 5, 20]))
    return draw(st.lists(st.sampled_from([*pool, *[None] * missing]), min_size=40, max_size=40))


@settings(max_examples=60, deadline=None)
@given(st.lists(columns(), min_size=1, max_size=5), st.sampled_from([None, "category"]))
def test_any_table_conforms_to_the_codebook_drafted_from_it(values: list[list[Any]], dtype: str | None) -> None:
    series = {f"c{index}": pd.Series(column) for index, column in enumerate(values)}
    if dtype:
        series = {name: column.astype(dtype) for name, column in series.items()}
    drafted, table, _ = draft(**series)
    codebook = Codebook(schema_version=1, columns=drafted)
    pd.testing.assert_frame_equal(conform(table, codebook), table)
    assert parse_document(dump_document(codebook.model_dump(exclude_defaults=True)).encode(), Codebook, "c") == codebook


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ([0, 1], (0, 1)),
        ([1, 2, 3, 4, 5], (1, 5)),
        ([-2, 2], (-2, 2)),
        ([18, 94], (10, 100)),
        ([2013, 2019], (2010, 2020)),
        ([3, 17], (0, 20)),
        ([1041, 99_120], (0, 100_000)),
        ([0.05, 42.48], (0, 50)),
        ([-0.31, 0.42], (-0.4, 0.5)),
    ],
)
def test_bounds_are_exact_for_small_counts_alone_and_else_one_digit(values: list[Any], bounds: tuple[Any, Any]) -> None:
    column = draft(x=values * 60)[0]["x"]
    assert (column.minimum, column.maximum) == bounds


@pytest.mark.parametrize(
    ("values", "drafted"),
    [
        ([70, 80, 90, 100], (70, 100, 10)),
        ([72, 118, 236, 120], (0, 300, 2)),
        ([2_000, 7_500, 12_500, 97_500], (0, 100_000, 500)),
        ([1, 6, 11, 241], (1, 296, 5)),
        ([-30, -10, 10], (-30, 10, 20)),
        ([0, 1], (0, 1, 1)),
        ([3, 9], (3, 9, 1)),
        ([2**62, -(2**62), 0], (-(2**62), 2**62, 2**62)),
    ],
)
def test_the_step_of_whole_numbers_is_drafted_and_bounds_are_whole_steps_apart(
    values: list[int], drafted: tuple[int, int, int]
) -> None:
    columns, _, _ = draft(x=values * 9, plain=range(9 * len(values)))
    assert (columns["x"].minimum, columns["x"].maximum, columns["x"].step) == drafted


def test_a_small_count_that_few_rows_have_is_no_bound() -> None:
    column = draft(children=[0, 1, 2] * 60 + [9])[0]["children"]
    assert (column.minimum, column.maximum) == (0, 10)


def test_bins_of_a_skewed_column_widen_from_the_size_that_its_small_values_have() -> None:
    lead = random().lognormal(-0.3, 0.8, ROWS).round(2)
    lead[:2] = 42.48
    column = draft(lead=lead)[0]["lead"]
    assert column.bins == [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    assert column.decimals == 2


def test_bins_of_whole_numbers_are_whole_and_of_both_signs() -> None:
    change = (random().lognormal(3, 2, ROWS) * random().choice([-1, 1], ROWS)).astype(int)
    change[0], change[1] = -41_000, 38_000
    column = draft(change=change)[0]["change"]
    assert isinstance(column.bins, list)
    assert (column.bins[0], column.bins[-1]) == (column.minimum, column.maximum) == (-50_000, 40_000)
    assert {-1000, -10, 0, 10, 1000} <= set(column.bins)
    assert {type(edge) for edge in column.bins} == {int}


@pytest.mark.parametrize("powers", [(0, 9), (-30, 30), (-300, 300)])
def test_there_are_never_many_edges(powers: tuple[int, int]) -> None:
    sizes = 10.0 ** random().uniform(*powers, ROWS) * random().choice([-1, 1], ROWS)
    bins = draft(x=sizes)[0]["x"].bins
    assert isinstance(bins, list)
    assert 5 < len(bins) <= 24


@pytest.mark.parametrize(
    "values",
    [
        random().normal(120, 15, ROWS).round(1),
        random().uniform(0, 1, ROWS),
        random().poisson(2, ROWS),
        random().choice([0.0, 500.5, 1000.0], ROWS),
        [0.5] * ROWS,
    ],
)
def test_other_columns_have_no_bins_of_their_own(values: Any) -> None:
    assert draft(x=values)[0]["x"].bins is None


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([0.5, 0.25, 3.125], 3),
        ([0.1 + 0.2, 1.1], 1),
        ([5.4e-79, 1.5], 1),
        ([math.pi, math.e], None),
        ([1.5e-12, 2.5e-12], None),
    ],
)
def test_decimals_are_the_digits_that_the_values_have(values: list[float], decimals: int | None) -> None:
    assert draft(x=values * 20)[0]["x"].decimals == decimals


def pregnancies(rows: int = ROWS) -> dict[str, Any]:
    """Men have none by nature, a few women by chance; ``other`` is missing at random."""
    sex, count = random().choice(["f", "m"], rows), random().integers(0, 5, rows).astype(float)
    count[sex == "m"] = np.nan
    count[:3] = np.nan
    other = np.where(random().random(rows) < 0.3, np.nan, 0.5)
    return {"sex": sex, "pregnancies": count, "other": other}


def test_a_column_that_is_missing_by_nature_says_where() -> None:
    drafted, *_ = draft(**pregnancies())
    assert drafted["pregnancies"].missing_when == {"sex": ["m"]}
    assert drafted["pregnancies"].missing == 0.05
    assert (drafted["other"].missing_when, drafted["other"].missing) == ({}, 0.3)


@pytest.mark.parametrize(("key", "levels"), [(lambda sex: sex == "f", [False]), (lambda sex: (sex == "f") * 3, [0])])
def test_the_other_column_may_be_a_truth_or_a_code(key: Any, levels: list[Any]) -> None:
    values = pregnancies()
    drafted, *_ = draft(female=key(values.pop("sex")), **values)
    assert drafted["pregnancies"].missing_when == {"female": levels}


def test_few_rows_and_the_target_explain_nothing() -> None:
    assert draft(**pregnancies(30))[0]["pregnancies"].missing_when == {}
    y = np.array([0, 1] * 200)
    assert draft(x=np.where(y == 1, np.nan, 0.5))[0]["x"].missing_when == {}


def test_columns_that_explain_each_other_make_no_circle() -> None:
    group = random().choice(3, ROWS)
    one = pd.Series(np.where(group == 0, "a", "b")).mask(group == 2)
    two = pd.Series(np.where(group == 1, "c", "d")).mask(group == 0)
    drafted, *_ = draft(one=one, two=two)
    assert len([column for column in drafted.values() if column.missing_when]) < 2


MANY = [f"level {number}" for number in range(100)]


def dates(form: str, first: str, last: str) -> list[str]:
    return list(pd.date_range(first, last, 100).strftime(form)) * 2


@pytest.mark.parametrize(
    ("values", "kind", "sentence"),
    [
        ([7] * 50, "integer", CONSTANT),
        ([None] * 50, "text", EMPTY),
        ([1.5, math.inf, -math.inf, 2.5] * 9, "number", draft_types.INFINITE),
        (["1.5", ".", "NA", "2.5", "4"] * 9, "number", draft_types.GONE),
        ([12.5, 30, -99, 41] * 9, "number", draft_types.CODES),
        ([12, 30, 41, 999] * 9, "integer", draft_types.CODES),
        ([12, 30, 41, 777, 999] * 9, "integer", draft_types.CODES),
        (["f", "m", "."] * 9, "category", draft_types.WORD_CODES),
        (["f", "m", "-99"] * 9, "category", draft_types.WORD_CODES),
        ([*map(str, range(60)), "high", "low"] * 2, "text", draft_types.MIXED),
        ([*dates("%Y-%m-%d", "2020-01-01", "2021-12-31")[:60], "unknown"] * 2, "text", draft_types.MIXED),
        ([f"{number},5" for number in range(60)] * 2, "text", draft_types.DRESSED),
        ([f"{number:,}" for number in range(900, 1100)] * 2, "text", draft_types.DRESSED),
        ([f"${number}" for number in range(60)] * 2, "text", draft_types.DRESSED),
        ([f"{number} %" for number in range(60)] * 2, "text", draft_types.DRESSED),
        (["a"] * 50 + ["b"], "category", RARE_LEVELS),
        ([f"note {number}" for number in range(5000)] * 2, "text", TEXT),
        ([f"{number:04}" for number in range(500)] * 5, "text", TEXT),
        (dates("%d.%m.%Y", "2020-01-01", "2021-12-31"), "date", draft_types.DAY_FIRST),
        (dates("%d/%m/%Y", "2020-01-01", "2021-12-31"), "date", draft_types.DAY_FIRST),
        (dates("%m/%d/%Y", "2020-01-01", "2021-12-31"), "date", draft_types.MONTH_FIRST),
        (dates("%Y/%m/%d", "2020-01-01", "2021-12-31"), "date", draft_types.YEAR_FIRST),
        (dates("%d%b%Y", "2020-01-01", "2021-12-31"), "date", draft_types.NAMED),
        (dates("%d-%b-%Y", "2020-05-01", "2020-05-31"), "date", draft_types.NAMED),
        (dates("%B %d, %Y", "2020-01-01", "2021-12-31"), "date", draft_types.NAMED),
        (["01/02/2020", "03/04/2021"] * 9, "category", draft_types.AMBIGUOUS),
        (["01.02.2020", "12.11.2021"] * 9, "category", draft_types.AMBIGUOUS),
        (["2020-01-31", "31.01.2020", "01/31/2020"] * 9, "category", draft_types.SEVERAL),
        (["2020-01-31", "31/01/2020", "Jan 31, 2020"] * 9, "category", draft_types.SEVERAL),
        (["31.02.2020", "30.04.2020"] * 9, "category", draft_types.SEVERAL),
        (["2020-02-31", "2020-04-30"] * 9, "category", draft_types.SEVERAL),
    ],
)
def test_a_column_with_trouble_is_told_in_one_sentence(values: list[Any], kind: str, sentence: str) -> None:
    drafted, _, told = draft(x=values, plain=range(len(values)))
    assert drafted["x"].type == kind
    assert told == [f"x: {sentence}"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([12, 30, 41, 99] * 9, "integer"),
        ([-9, -5, 0, 7] * 9, "integer"),
        (["0", "1", "2", "3 or more"] * 9, "category"),
        (["<10 %", "10 %", "20 %"] * 9, "category"),
        ([f"1.{number}.4" for number in range(60)] * 9, "category"),
        (dates("%Y-%m-%d", "2020-01-01", "2021-12-31"), "date"),
        (["True", "FALSE"] * 9, "boolean"),
        ([date(2020, 1, 1), date(2021, 5, 1)] * 9, "date"),
    ],
)
def test_what_is_plain_is_not_told(values: list[Any], kind: str) -> None:
    drafted, _, told = draft(x=values)
    assert (drafted["x"].type, told) == (kind, [])


def test_columns_with_the_same_trouble_share_a_sentence() -> None:
    _, _, told = draft(**{f"c{number}": [number] * 20 for number in range(12)})
    assert told == [f"c0, c1, c2, c3, c4, c5, c6, c7 and 4 more: {CONSTANT}"]


def test_dates_are_read_by_the_one_order_that_fits() -> None:
    _, table, _ = draft(day=["31.12.2020", "01.02.2021"] * 20, month=["12/31/2020", "02/01/2021"] * 20)
    for name in ("day", "month"):
        assert table[name].dt.strftime("%Y-%m-%d").tolist() == ["2020-12-31", "2021-02-01"] * 20


def test_words_for_missing_are_missing_and_infinity_too() -> None:
    _, table, _ = draft(x=["1.5", ".", "NA", "2.5"] * 10, y2=[1.5, math.inf, -math.inf, 2.5] * 10)
    for name in ("x", "y2"):
        assert table[name].isna().tolist() == [False, True, True, False] * 10


def test_a_category_of_many_levels_needs_every_level_to_be_common() -> None:
    drafted, *_ = draft(common=MANY * 5, rare=[*(MANY * 5)[:-1], "once"])
    assert drafted["common"].levels == sorted(MANY)
    assert drafted["rare"].type == "text"


def test_rows_without_a_target_are_left_out_whatever_stands_there() -> None:
    frame = pd.DataFrame({"id": range(60), "x": range(60), "y": ["0", "1", "."] * 20})
    told: list[str] = []
    codebook, table = draft_codebook(frame, "id", "y", told.append)
    assert (len(table), codebook.columns["y"].maximum) == (40, 1)
    assert told[0] == "20 rows without a value of y are left out."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": ["one"] * 40}, "one value in every row"),
        ({"y": ["other"] * 39 + ["secret"]}, "one value in every row"),
        ({"y": [None] * 40}, "No row has a value of 'y'"),
        ({"y": [f"secret {number}" for number in range(40)]}, "no number and no category"),
        ({"id": [1.5, math.inf, *range(38)]}, "1 rows have no 'id'"),
        ({"id": ["secret"] * 2 + [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"]}, "Rows that repeat a value of 'id': 1"),
    ],
)
def test_an_identifier_or_a_target_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    frame = pd.DataFrame({"id": range(40), "x": range(40), "y": [0, 1] * 20} | change)
    with pytest.raises(KitError, match=message) as raised:
        draft_codebook(frame, "id", "y")
    assert raised.value.hint
    assert "secret" not in str(raised.value)


def test_dates_that_follow_another_are_drafted_as_days_since_it() -> None:
    seen = pd.Timestamp("2020-01-01") + pd.to_timedelta(random().integers(0, 300, ROWS), "D")
    left = pd.Series(seen + pd.to_timedelta(random().integers(0, 88, ROWS), "D")).mask(np.arange(ROWS) % 5 == 0)
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(random().integers(0, 9000, ROWS), "D")
    columns, _, told = draft(left=left, seen=seen, other=random().permutation(seen))
    assert columns["left"].since == Since(column="seen", minimum=0, maximum=90)
    assert columns["seen"].since is None and columns["other"].since is None
    assert any(sentence == f"left: {FOLLOWS}" for sentence in told)
    assert columns["left"].bins is None
    columns, _, _ = draft(left=left, seen=seen, born=born)
    assert counted(columns) == {"left": "seen", "born": "seen"}
    assert columns["born"].since == Since(column="seen", minimum=-26000, maximum=0)


def counted(columns: dict[str, Column]) -> dict[str, str]:
    return {name: column.since.column for name, column in columns.items() if column.since}


def test_a_date_counts_from_none_that_is_missing_where_it_is_not() -> None:
    first = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(random().integers(0, 300, ROWS), "D"))
    middle = (first + pd.Timedelta(5, "D")).mask(np.arange(ROWS) % 2 == 0)
    last = first + pd.to_timedelta(random().integers(6, 50, ROWS), "D")
    columns, _, _ = draft(last=last, middle=middle, first=first)
    assert counted(columns) == {"last": "first", "middle": "first"}


def test_dates_that_are_the_same_in_every_row_do_not_count_from_each_other() -> None:
    seen = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(random().integers(0, 300, ROWS), "D"))
    left = seen + pd.to_timedelta(np.arange(ROWS) % 7, "D")
    columns, _, _ = draft(left=left, seen=seen, again=seen)
    assert counted(columns) in ({"left": "seen"}, {"left": "again"})


def test_long_stays_that_are_rare_get_bins_of_their_own() -> None:
    seen = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(random().integers(0, 300, ROWS), "D"))
    stay = np.where(np.arange(ROWS) % 50 == 0, 900, random().integers(0, 9, ROWS))
    columns, _, _ = draft(left=seen + pd.to_timedelta(stay, "D"), seen=seen)
    assert columns["left"].bins == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 900]


def test_a_date_that_is_only_there_for_the_late_ones_still_has_a_codebook() -> None:
    seen = pd.Series(pd.Timestamp("1950-01-01") + pd.to_timedelta(np.arange(ROWS) * 90, "D"))
    left = (seen + pd.to_timedelta(np.arange(ROWS) % 7, "D")).where(np.arange(ROWS) > ROWS - 50)
    columns, _, _ = draft(left=left, seen=seen)
    assert counted(columns) == {"left": "seen"}
    assert columns["left"].minimum == columns["seen"].minimum


def test_every_table_of_dates_has_a_codebook() -> None:
    for seed in range(30):
        chance = np.random.default_rng(seed)
        dates: dict[str, Any] = {}
        for number in range(4):
            first = dates.get(f"d{chance.integers(4)}", np.full(ROWS, np.datetime64("2000-01-01", "us")))
            days = chance.integers(0, int(10 ** chance.uniform(0, 4.2)), ROWS) * chance.choice([-1, 1])
            values = pd.Series(first + days.astype("timedelta64[D]"))
            dates[f"d{number}"] = values.mask(chance.random(ROWS) < chance.choice([0, 0.9]))
        draft(**dates)


def test_what_tells_the_target_by_its_values_or_by_being_there_is_named() -> None:
    y, noise = np.array([0, 1] * (ROWS // 2)), random().normal(size=ROWS)
    _, _, told = draft(
        died_on=np.where(y, "2020-01-31", None),
        threshold=10 * y + noise,
        cause=np.where(y, np.where(noise > 0, "a", "b"), "c"),
        words=[f"note {number}" if one else None for number, one in enumerate(y)],
        helpful=y + noise,
        noise=noise,
        level=random().choice(list("abcdef"), ROWS),
    )
    assert [text for text in told if GIVEAWAY in text] == [f"died_on, threshold, cause, words: {GIVEAWAY}"]


def test_what_tells_a_number_is_named_whatever_its_unit() -> None:
    y, noise = random().normal(50, 10, (2, ROWS))
    frame = pd.DataFrame(
        {"id": range(ROWS), "y": y, "other_unit": np.exp(-y / 50), "related": y + noise, "noise": noise}
    )
    told: list[str] = []
    draft_codebook(frame, "id", "y", told.append)
    assert told == [f"other_unit: {GIVEAWAY}"]


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 300), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_chance_tells_no_target(rows: int, levels: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": range(rows), "y": chance.permutation(np.arange(rows) % 2)})
    frame["x"], frame["z"] = chance.integers(0, levels, rows), chance.normal(size=rows)
    told: list[str] = []
    draft_codebook(frame, "id", "y", told.append)
    assert not any(GIVEAWAY in text for text in told)
