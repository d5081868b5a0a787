"""Tables: the same columns, dtypes and levels on both sides, and no value in what is said of them."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.memory import COPIES, available_memory
from participant_kit.challenge.table import check_table, conform, dtype_of, read_table, write_table

CODEBOOK = Codebook(
    schema_version=1,
    columns={
        "id": Column(type="integer", minimum=1, maximum=9),
        "sex": Column(type="category", levels=["f", "m"]),
        "arm": Column(type="category", levels=[1, 2], nullable=True),
        "x": Column(type="number", minimum=0, maximum=1, nullable=True, missing_when={"sex": ["m"]}),
        "day": Column(type="date", minimum=date(2026, 1, 1), maximum=date(2026, 12, 31)),
        "ok": Column(type="boolean", nullable=True),
        "note": Column(type="text"),
    },
)
COLUMNS = list(CODEBOOK.columns)
GOOD: dict[str, list[Any]] = {
    "id": [1, 2, 3],
    "sex": ["f", "m", "f"],
    "arm": [1, 2, None],
    "x": [0.5, None, 1.0],
    "day": ["2026-01-01", "2026-06-30", "2026-12-31"],
    "ok": [True, None, False],
    "note": ["a", "b", "c"],
}


def good() -> pd.DataFrame:
    return conform(pd.DataFrame(GOOD), CODEBOOK)


def findings_of(frame: pd.DataFrame, columns: list[str] = COLUMNS) -> list[Finding]:
    return list(check_table(frame, CODEBOOK, columns, file="train.parquet", identifier="id"))


def test_a_table_has_the_dtypes_and_the_order_of_the_codebook() -> None:
    table = conform(pd.DataFrame(GOOD)[COLUMNS[::-1]].assign(more=1), CODEBOOK)
    assert list(table.columns) == COLUMNS
    assert [table[name].dtype == dtype_of(column) for name, column in CODEBOOK.columns.items()] == [True] * 7
    assert findings_of(table) == []


def test_numbers_between_the_steps_are_counted() -> None:
    step = {"id": Column(type="text"), "x": Column(type="integer", minimum=80, maximum=90, step=5, nullable=True)}
    codebook = Codebook(schema_version=1, columns=step)
    table = conform(pd.DataFrame({"id": [*"abcd"], "x": [80, 81, 90, None]}), codebook)
    (found,) = check_table(table, codebook, ["id", "x"], file="train.parquet", identifier="id")
    assert (found.expected, found.found) == ("values from 80 to 90, in steps of 5", "1 between the steps")


def test_dates_that_are_not_within_the_days_since_another_are_counted() -> None:
    dates = {"type": "date", "minimum": date(2026, 1, 1), "maximum": date(2026, 12, 31), "nullable": True}
    end = {**dates, "since": {"column": "day", "minimum": 0, "maximum": 9}}
    book = Codebook.model_validate({"schema_version": 1, "columns": {"day": dates, "end": end}})
    days = [["2026-01-02"] * 5, ["2026-01-01", "2026-01-02", "2026-01-11", "2026-01-12", None]]
    frame = conform(pd.DataFrame(dict(zip(("day", "end"), days, strict=True))), book)
    [found] = check_table(frame, book, ["day", "end"], file="train.parquet", identifier="id")
    assert (found.expected, found.found, found.key) == ("0 to 9 days after day", "2 outside", "end")


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    write_table(good(), tmp_path / "new" / "train.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "new" / "train.parquet"), good())


def test_a_table_is_read_from_csv_as_well(tmp_path: Path) -> None:
    pd.DataFrame(GOOD).to_csv(tmp_path / "train.csv", index=False)
    pd.testing.assert_frame_equal(conform(read_table(tmp_path / "train.csv"), CODEBOOK), good())


@pytest.mark.parametrize("start", ["", "\ufeff", "\n"])
def test_numbers_and_missing_values_of_csv_are_read_as_pandas_does(tmp_path: Path, start: str) -> None:
    text = 'id,x,"a, b"\r\n1,NA,0.1\r\n2,,"1,5"\r\n3,1e3,"two\nlines"\r\n'
    (tmp_path / "t.csv").write_text(start + text, encoding="utf-8", newline="")
    expected = pd.DataFrame({"id": [1, 2, 3], "x": [None, None, 1000.0], "a, b": ["0.1", "1,5", "two\nlines"]})
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), expected)


def large(path: Path, rows: int = 50_000) -> Path:
    words = [f"word {number % 7}" for number in range(rows)]
    frame = pd.DataFrame({"id": range(rows), "x": [0.25] * rows, "word": words, "same": "the same long text " * 3})
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_that_memory_would_not_hold_is_refused_before_it_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / name)
    monkeypatch.setattr("participant_kit.challenge.memory.available_memory", lambda: 2**20)
    monkeypatch.setattr(pd, "read_parquet", None)
    with pytest.raises(
        ChallengeError, match=r"needs about \d+\.\d MiB of memory, and 1\.0 MiB are available"
    ) as raised:
        read_table(path)
    assert "Parquet" in raised.value.hint and "random subset" in raised.value.hint


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_what_a_table_needs_is_foreseen_from_its_file(tmp_path: Path, name: str) -> None:
    path = large(tmp_path / name)
    size = int(read_table(path).memory_usage(deep=True).sum())
    assert len(read_table(path, memory=2 * COPIES * size)) == 50_000
    with pytest.raises(ChallengeError, match="memory"):
        read_table(path, memory=COPIES * size // 2)


def test_a_first_row_that_does_not_end_is_judged_by_the_size_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,x\n1,"' + "long\n" * 300_000 + '"\n')
    with pytest.raises(ChallengeError, match=r"needs about 22\.9 MiB"):
        read_table(tmp_path / "t.csv", memory=2**20)
    assert len(read_table(tmp_path / "t.csv")) == 1


def test_memory_is_what_the_machine_and_its_container_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2**20 < available_memory() < 2**50
    (tmp_path / "memory.max").write_text("4096\n")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("participant_kit.challenge.memory._LIMITS", (tmp_path / "none", tmp_path / "memory.max"))
    assert available_memory() == 4096


def test_some_columns_of_a_table_are_a_table() -> None:
    assert list(conform(pd.DataFrame(GOOD), CODEBOOK, ["x", "id"]).columns) == ["x", "id"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("train.parquet", None, "There is no table at"),
        ("train.csv", None, "There is no table at"),
        ("train.parquet", b"PAR1 and nothing", "cannot be read as parquet"),
        ("train.csv", b"", "it is empty"),
        ("train.csv", b"\n \n", "cannot be read as csv"),
        ("train.csv", "id,x\n1,2\n".encode("utf-16"), "its text is UTF-16.*encoding='utf-16'"),
        ("train.csv", "id,ort\n1,K\xf6ln\n".encode("latin-1"), "not UTF-8.*byte 0xf6.*encoding='cp1252'"),
        ("train.csv", b"id,x\n" + b"1,2\n" * 400_000 + b"1,\xf6\n", "not UTF-8.*byte 0xf6"),
        ("train.csv", b"id;x\n1;2,5\n", "separated by semicolons.*sep=';', decimal=','"),
        ("train.csv", b"id\tx\n1\t2\n", r"separated by tabs.*sep='\\t'"),
        ("train.csv", b"id,x,id\n1,2,3\n", "has these columns twice: id"),
        ("train.csv", b"1,2.5\n2,3.5\n", "numbers in place of names"),
        ("train.csv", b"id,x\n1,2,3\n4,5,6\n", "more values than its first line has names"),
        ("train.csv", b"id,x\n1,2\n3,4,5\n", "Expected 2 fields in line 3"),
        ("train.xlsx", b"", r"Give a file that ends in \.csv or \.parquet"),
        ("train", b"", r"Give a file that ends in \.csv or \.parquet"),
    ],
)
def test_what_is_no_table_says_so(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ChallengeError, match=says):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", [1.5, 2, 3]),
        ("id", ["one", "two", "three"]),
        ("x", ["high", "low", "low"]),
        ("day", ["2026-02-31", "2026-01-01", "2026-01-01"]),
        ("ok", ["perhaps", "yes", "no"]),
    ],
)
def test_values_that_do_not_fit_are_an_error_that_names_the_column_and_no_value(name: str, values: list[Any]) -> None:
    with pytest.raises(ChallengeError, match=f"Column '{name}' holds values that do not fit type") as raised:
        conform(pd.DataFrame(GOOD).assign(**{name: values}), CODEBOOK)
    assert str(values[0]) not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("sex", ["f", "q", "q"], 2),
        ("arm", [1, 2, 3], 1),
        ("arm", [1.0, 2.5, None], 2),
        ("sex", pd.Categorical(["f", "m", "q"]), 1),
    ],
)
def test_values_that_are_no_level_are_counted_and_do_not_go_missing(name: str, values: Any, count: int) -> None:
    with pytest.raises(ChallengeError, match=f"Column '{name}' holds {count} values that are none of its levels"):
        conform(pd.DataFrame(GOOD).assign(**{name: values}), CODEBOOK)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, None],
        ["1", "2", None],
        pd.array([1, 2, None], dtype="Int64"),
        pd.Categorical([1, 2, None]),
        pd.Categorical(["1", "2", None], ["2", "1"]),
    ],
)
def test_levels_are_text_whatever_they_came_as(values: Any) -> None:
    arm = conform(pd.DataFrame(GOOD).assign(arm=values), CODEBOOK)["arm"]
    assert list(arm[:2]) == ["1", "2"]
    assert arm.isna().tolist() == [False, False, True]
    assert list(arm.cat.categories) == ["1", "2"]


def test_a_column_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(ChallengeError, match="no column 'x'"):
        conform(pd.DataFrame(GOOD).drop(columns="x"), CODEBOOK)


@pytest.mark.parametrize(
    ("change", "key", "found"),
    [
        ({"id": pd.array([1, 2, 2], dtype="Int64")}, "id", "1 repeated"),
        ({"id": pd.array([0, 2, 10], dtype="Int64")}, "id", "2 outside"),
        ({"id": [1, 2, 3]}, "id", "dtype int64"),
        ({"x": [0.5, None, 1.5]}, "x", "1 outside"),
        ({"x": [0.5, None, float("inf")]}, "x", "1 outside"),
        ({"x": [0.5, 0.5, 0.5]}, "x", "1 present"),
        ({"note": pd.array(["a", None, None], dtype="string")}, "note", "2 missing"),
        ({"sex": pd.Categorical(["f", "m", "f"], ["m", "f"])}, "sex", "dtype category with other levels"),
        ({"sex": pd.Categorical(["f", "m", "f"], ordered=True)}, "sex", "dtype category with other levels"),
        ({"sex": ["f", "m", "f"]}, "sex", "dtype str"),
        ({"day": pd.to_datetime(["2025-12-31", "2026-01-01", "2027-01-01"]).as_unit("us")}, "day", "2 outside"),
    ],
)
def test_a_mistake_is_one_finding_with_its_column_and_a_count(change: dict[str, Any], key: str, found: str) -> None:
    (finding,) = findings_of(good().assign(**change))
    assert (finding.file, finding.key, finding.found) == ("train.parquet", key, found)


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (good().drop(columns=["x", "note"]), "without ['x', 'note']"),
        (good().assign(more=1), "with ['more']"),
        (good()[COLUMNS[::-1]], "in another order"),
    ],
)
def test_missing_extra_and_swapped_columns_are_told_apart(frame: pd.DataFrame, found: str) -> None:
    (finding,) = findings_of(frame)
    assert (finding.key, finding.found) == ("columns", found)
    assert finding.expected == "the columns id, sex, arm, x, day, ok, note"


def test_no_value_of_a_table_is_in_a_finding() -> None:
    secret = ["secret-1", "secret-2", "secret-3"]
    frame = good().assign(**{name: secret for name in COLUMNS})
    assert len(findings_of(frame)) >= 6
    assert "secret" not in str(findings_of(frame))
