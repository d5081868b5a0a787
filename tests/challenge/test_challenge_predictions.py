"""Predictions: whatever comes is read as data or refused with a word of the closed list, and never quoted."""

from __future__ import annotations

import io
import os
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import make_card

from participant_kit.challenge import predictions
from participant_kit.challenge.alphabet import REASONS
from participant_kit.challenge.card import Card
from participant_kit.challenge.predictions import PredictionsError, parse_predictions
from participant_kit.execution.guest import Failed, _read_output

CSV = make_card()
PARQUET = make_card(**{"{columns": "{output: predictions.parquet, columns"})
LABELS = make_card(
    **{
        "prediction: number": "prediction: text",
        "roc_auc_score": "accuracy_score",
        "brier_score_loss, higher_is_better: false": "cohen_kappa_score, higher_is_better: true",
    }
)
TEXT_IDS = make_card(**{"id: integer": "id: text"})
INTEGERS = make_card(**{"prediction: number": "prediction: integer"})
EXPECTED = pd.Series(range(1, 7))
GOOD = b"id,prediction\n" + b"".join(b"%d,0.%d\n" % (i, i) for i in range(1, 7))
HEADER = b"id,prediction\n"


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": range(1, 7), "prediction": [0.5] * 6} | columns), buffer)
    return buffer.getvalue()


def with_metadata(text: bytes) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"id": range(1, 7), "prediction": [0.5] * 6})
    pq.write_table(table.replace_schema_metadata({b"pandas": text}), buffer)
    return buffer.getvalue()


def no_utf_8() -> pa.Array:
    offsets = b"".join(i.to_bytes(4, "little") for i in range(7))
    return pa.Array.from_buffers(pa.string(), 6, [None, pa.py_buffer(offsets), pa.py_buffer(b"\xff" * 6)])


def refused(data: bytes, card: Card = CSV, expected: pd.Series[Any] = EXPECTED) -> PredictionsError:
    with pytest.raises(PredictionsError) as raised:
        parse_predictions(data, card, expected)
    assert raised.value.reason in REASONS
    assert raised.value.message
    return raised.value


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD[:-1],
        GOOD + b"\n\n",
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"0.3", b'"0.3"'),
        GOOD.replace(b"3,", b"3.0,"),
        HEADER + b"".join(b"%d,0.%d\n" % (i, i) for i in (6, 1, 5, 2, 4, 3)),
        b"prediction,id\n" + b"".join(b"0.%d,%d\n" % (i, i) for i in range(1, 7)),
    ],
)
def test_one_good_file_in_any_dress_is_the_same_predictions(data: bytes) -> None:
    frame = parse_predictions(data, CSV, EXPECTED)
    assert list(frame.columns) == ["id", "prediction"]
    assert frame["id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["prediction"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_rows_come_back_in_the_order_that_is_expected() -> None:
    frame = parse_predictions(GOOD, CSV, EXPECTED[::-1])
    assert frame["prediction"].tolist() == [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert frame.index.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "data",
    [
        parquet(),
        parquet(id=pa.array(range(1, 7), pa.float64())),
        parquet(id=pa.array(range(1, 7), pa.int8()).dictionary_encode()),
        parquet(prediction=pa.array([0.5] * 6, pa.float32())),
        with_metadata(b'{"no json'),
        with_metadata(b'{"index_columns": ["id"], "columns": [], "column_indexes": []}'),
        with_metadata(b"[]"),
    ],
)
def test_a_parquet_file_is_its_columns_and_not_what_it_says_of_itself(data: bytes) -> None:
    frame = parse_predictions(data, PARQUET, EXPECTED)
    assert frame.to_dict("list") == {"id": [1, 2, 3, 4, 5, 6], "prediction": [0.5] * 6}


@pytest.mark.parametrize("text", [b"0.3", b" x", b"null and void"])
def test_labels_are_text_as_it_stands(text: bytes) -> None:
    frame = parse_predictions(GOOD.replace(b"0.3", text), LABELS, EXPECTED)
    assert frame["prediction"].tolist()[1:3] == ["0.2", text.decode()]


def test_identifiers_may_be_text() -> None:
    frame = parse_predictions(GOOD.replace(b"3,", b"003,"), TEXT_IDS, pd.Series(["1", "2", "003", "4", "5", "6"]))
    assert frame["id"].tolist() == ["1", "2", "003", "4", "5", "6"]


BAD_CSV = {
    "the last row is missing": (GOOD[: GOOD.rfind(b"6,")], "missing_rows"),
    "no rows": (HEADER, "missing_rows"),
    "a row twice": (GOOD + b"6,0.1\n", "duplicate_rows"),
    "a row twice in place of another": (GOOD.replace(b"5,", b"6,"), "duplicate_rows"),
    "an unknown row": (GOOD + b"7,0.1\n", "unknown_rows"),
    "an unknown row in place of another": (GOOD.replace(b"5,", b"7,"), "unknown_rows"),
    "a row without its identifier": (GOOD.replace(b"5,", b","), "unknown_rows"),
    "an identifier that is NaN": (GOOD.replace(b"5,", b"nan,"), "unknown_rows"),
    "a wrong name": (GOOD.replace(b"prediction", b"guess"), "wrong_columns"),
    "a name in capitals": (GOOD.replace(b"id,", b"ID,"), "wrong_columns"),
    "a missing column": (b"id\n" + b"".join(b"%d\n" % i for i in range(1, 7)), "wrong_columns"),
    "an extra column": (GOOD.replace(b"\n", b",1\n"), "wrong_columns"),
    "an index": (GOOD.replace(b"\n", b"\n0,")[:-2].replace(b"id,", b",id,", 1), "wrong_columns"),
    "a column twice": (b"id,prediction,prediction\n1,2,3\n", "wrong_columns"),
    "one column in place of the other": (b"id,id\n1,1\n", "wrong_columns"),
    "no header": (GOOD[len(HEADER) :], "wrong_columns"),
    "semicolons": (GOOD.replace(b",", b";"), "wrong_columns"),
    "a space after the comma": (GOOD.replace(b",", b", "), "wrong_columns"),
    "a NUL in a name": (GOOD.replace(b"id,", b"i\x00d,"), "wrong_columns"),
    "ten million columns": (b"id" + b",x" * 10_000_000 + b"\n", "wrong_columns"),
    "NaN": (GOOD.replace(b"0.3", b"NaN"), "not_finite"),
    "nothing in a cell": (GOOD.replace(b"0.3", b""), "not_finite"),
    "NA": (GOOD.replace(b"0.3", b"NA"), "not_finite"),
    "infinity": (GOOD.replace(b"0.3", b"inf"), "not_finite"),
    "minus infinity": (GOOD.replace(b"0.3", b"-Infinity"), "not_finite"),
    "a number beyond all numbers": (GOOD.replace(b"0.3", b"1e999"), "not_finite"),
    "text in place of a number": (GOOD.replace(b"0.3", b"high"), "wrong_type"),
    "a decimal comma": (GOOD.replace(b"0.3", b'"0,3"'), "wrong_type"),
    "a date": (GOOD.replace(b"0.3", b"2026-01-31"), "wrong_type"),
    "half an identifier": (GOOD.replace(b"3,", b"3.5,"), "wrong_type"),
    "text as an identifier": (GOOD.replace(b"3,", b"three,"), "wrong_type"),
    "an infinite identifier": (GOOD.replace(b"3,", b"inf,"), "wrong_type"),
    "an identifier beyond 64 bits": (GOOD.replace(b"3,", b"99999999999999999999,"), "wrong_type"),
    "a NUL in a number": (GOOD.replace(b"0.3", b"0.\x003"), "wrong_type"),
    "nothing": (b"", "unreadable"),
    "empty lines": (b"\n\n\n", "unreadable"),
    "a cell too many": (GOOD + b"6,0.1,3\n", "unreadable"),
    "a cell too few": (GOOD + b"6\n", "unreadable"),
    "broken UTF-8 in a cell": (GOOD.replace(b"0.3", b"\xff\xfe"), "unreadable"),
    "broken UTF-8 in the header": (GOOD.replace(b"id", b"\xff\xfe"), "unreadable"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "unreadable"),
    "one cell of megabytes": (HEADER + b"1," + b"9" * 5_000_000, "unreadable"),
    "Parquet under the name of CSV": (parquet(), None),
    "a pickle": (pickle.dumps({"id": [1], "prediction": [0.5]}), None),
    "NUL bytes": (bytes(4096), None),
}


@pytest.mark.parametrize("kind", BAD_CSV)
def test_a_csv_that_cannot_be_scored_is_refused_with_its_reason(kind: str) -> None:
    data, reason = BAD_CSV[kind]
    found = refused(data).reason
    assert found == reason if reason else found in ("unreadable", "wrong_columns")


BAD_PARQUET = {
    "nothing": (b"", "unreadable"),
    "CSV under the name of Parquet": (GOOD, "unreadable"),
    "a pickle": (pickle.dumps([1]), "unreadable"),
    "the half of a file": (parquet()[:-20], "unreadable"),
    "magic bytes around junk": (b"PAR1" + b"x" * 100 + b"PAR1", "unreadable"),
    "a name that is no UTF-8": (parquet().replace(b"prediction", b"predic\xffion"), "unreadable"),
    "text that is no UTF-8": (parquet(id=no_utf_8()), "unreadable"),
    "an extra column": (parquet(more=[1] * 6), "wrong_columns"),
    "fifty columns": (parquet(**{f"more{i}": [1] * 6 for i in range(50)}), "wrong_columns"),
    "lists": (parquet(id=[[1]] * 6), "wrong_type"),
    "structures": (parquet(prediction=[{"a": 1}] * 6), "wrong_type"),
    "text": (parquet(prediction=["high"] * 6), "wrong_type"),
    "bytes": (parquet(prediction=[b"\xff"] * 6), "wrong_type"),
    "times": (parquet(prediction=pd.to_datetime(["2026-01-01"] * 6)), "wrong_type"),
    "half an identifier": (parquet(id=[1.5, 2, 3, 4, 5, 6]), "wrong_type"),
    "nulls": (parquet(prediction=pa.nulls(6)), "not_finite"),
    "infinity": (parquet(prediction=[float("inf")] * 6), "not_finite"),
    "an identifier that is null": (parquet(id=[1, 2, 3, 4, 5, None]), "unknown_rows"),
    "a row twice": (parquet(id=[1, 2, 3, 4, 5, 5]), "duplicate_rows"),
}


@pytest.mark.parametrize("kind", BAD_PARQUET)
def test_a_parquet_file_that_cannot_be_scored_is_refused_with_its_reason(kind: str) -> None:
    data, reason = BAD_PARQUET[kind]
    assert refused(data, PARQUET).reason == reason


@pytest.mark.parametrize(
    ("data", "card", "reason"),
    [
        (GOOD.replace(b"0.3", b""), LABELS, "not_finite"),
        (GOOD.replace(b"0.3", b"NA"), LABELS, "not_finite"),
        (GOOD.replace(b"0.", b"1."), INTEGERS, "wrong_type"),
        (GOOD.replace(b"0.3", b""), INTEGERS, "wrong_type"),
        (GOOD.replace(b"0.", b"").replace(b"3,3", b"3,"), INTEGERS, "not_finite"),
        (GOOD.replace(b"3,", b"03,"), TEXT_IDS, "unknown_rows"),
    ],
)
def test_what_a_column_is_depends_on_the_card(data: bytes, card: Card, reason: str) -> None:
    expected = EXPECTED.astype(str) if card is TEXT_IDS else EXPECTED
    assert refused(data, card, expected).reason == reason


def ten_million_rows() -> bytes:
    ones = pa.array([1], pa.int8()).take(pa.array([0] * 10, pa.int8()))
    table = pa.table({"id": pa.chunked_array([ones] * 1), "prediction": pa.chunked_array([ones] * 1)})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema) as writer:
        ten = pa.concat_tables([table] * 1000).combine_chunks()
        writer.write_table(pa.concat_tables([ten] * 1000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("build", "card"),
    [
        (lambda: HEADER + b"1,0.5\n" * 10_000_000, CSV),
        (lambda: HEADER + b"1,0.5\r" * 10_000_000, CSV),
        (lambda: HEADER + b"1,0.5\r\n" * 10_000_000, CSV),
        (ten_million_rows, PARQUET),
    ],
    ids=["LF", "CR", "CRLF", "parquet"],
)
def test_ten_million_rows_are_refused_before_they_are_parsed(build: Callable[[], bytes], card: Card) -> None:
    data = build()
    started = time.perf_counter()
    error = refused(data, card)
    assert time.perf_counter() - started < 0.5
    assert error.reason == "too_many_rows"
    assert "1000000" in error.message and "6" in error.hint


def test_a_few_rows_too_many_are_told_apart_from_far_too_many() -> None:
    assert refused(GOOD + b"6,0.1\n" * 900).reason == "duplicate_rows"
    assert refused(GOOD + b"6,0.1\n" * 1000).reason == "too_many_rows"


def link(path: Path) -> None:
    (path.parent / "other").write_bytes(GOOD)
    path.symlink_to(path.parent / "other")


def second_name(path: Path) -> None:
    path.write_bytes(GOOD)
    os.link(path, path.parent / "other")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "missing_output"),
        (link, "not_a_file"),
        (lambda path: path.symlink_to(path.parent / "nowhere"), "not_a_file"),
        (lambda path: path.symlink_to("/dev/zero"), "not_a_file"),
        (second_name, "not_a_file"),
        (lambda path: path.mkdir(), "not_a_file"),
        (lambda path: os.mkfifo(path), "not_a_file"),
        (lambda path: path.write_bytes(b"x" * 1001), "too_large"),
    ],
    ids=["nothing", "link", "broken link", "link to a device", "second name", "folder", "fifo", "too large"],
)
@pytest.mark.skipif(os.name == "nt", reason="notebooks run in a sandbox on Linux")
def test_what_is_no_plain_file_of_bounded_size_is_not_even_opened_to_be_read(
    tmp_path: Path, make: Callable[[Path], Any], reason: str
) -> None:
    make(tmp_path / "predictions.csv")
    with pytest.raises(Failed) as raised:
        _read_output(tmp_path / "predictions.csv", 1000)
    assert (raised.value.details["stage"], raised.value.details["reason"]) == ("output", reason)
    assert reason in REASONS


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_a_page_that_claims_16_gb_is_refused_within_the_memory_of_the_card() -> None:
    """Found by make fuzz: pyarrow believes what a damaged page says of its size."""
    bomb = (Path(__file__).parents[1] / "fuzz" / "bounded" / "memory.parquet").read_bytes()
    resource = pytest.importorskip("resource")
    before, limits = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(PredictionsError) as raised:
        parse_predictions(bomb, PARQUET, EXPECTED)  # of 1 GiB
    assert raised.value.reason == "unreadable"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1.2e6  # KiB
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_a_plain_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_bytes(GOOD)
    assert _read_output(tmp_path / "predictions.csv", len(GOOD)) == GOOD


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize(
    "cell",
    [b"1", b"-0", b"+1", b"007", b"1.0", b"1e2", b"1.", b".5", b"1e400", b"0x1F", b"1_000", b" 1", b"1 ", b"\t1",
     b'"1"', b'" 1"', b"", b'""', b"NaN", b"nan", b"NULL", b"null", b"N/A", b"inf", b"-Infinity", b"true", b"1,0",
     b"9223372036854775808", "\u0661".encode(), b"1\x00", b"1\x0b", b"\xff", b"0.1000000000000000055511151231257827"],
)  # fmt: skip
def test_a_cell_is_read_as_its_text_is_cast_and_never_looser(
    kind: str, cell: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, data = INTEGERS if kind == "integer" else CSV, HEADER + b"1,0\n2,1\n3,0\n4,1\n5,0\n6," + cell + b"\n"

    def told() -> Any:
        try:
            return parse_predictions(data, card, EXPECTED)["prediction"].tolist()
        except PredictionsError as error:
            return error.reason, str(error)

    quickly = told()
    as_text = predictions._convert(dict.fromkeys(card.submission.columns, pa.string()))
    monkeypatch.setattr(predictions, "_convert", lambda types: as_text)
    assert quickly == told()


SECRET = b"kept-to-itself"


@pytest.mark.parametrize(
    "data",
    [
        GOOD + SECRET + b",1,2\n",
        GOOD + b"6\n" + SECRET + b"\n",
        GOOD.replace(b"0.3", SECRET),
        GOOD.replace(b"3,", SECRET + b","),
        GOOD.replace(b"id", SECRET),
        SECRET + b"," + GOOD.replace(b"\n", b"\n1,"),
        SECRET + b"\xff," + SECRET + b"\n",
        GOOD.replace(b"0.3", b'"' + SECRET),
        b"PAR1" + SECRET + b"PAR1",
    ],
)
@pytest.mark.parametrize("card", [CSV, PARQUET, TEXT_IDS], ids=["CSV", "Parquet", "text"])
def test_no_error_quotes_the_file(data: bytes, card: Card) -> None:
    expected = EXPECTED.astype(str) if card is TEXT_IDS else EXPECTED
    assert SECRET.decode() not in str(refused(data, card, expected))


def test_no_error_quotes_a_parquet_file() -> None:
    secret = SECRET.decode()
    for data in (parquet(**{secret: [1] * 6}), parquet(prediction=[secret] * 6), parquet(id=[secret] * 6)):
        assert secret not in str(refused(data, PARQUET))


def test_an_error_says_what_to_write() -> None:
    error = refused(GOOD.replace(b"prediction", b"guess"))
    assert (error.message, error.hint) == ("predictions.csv lacks prediction.", "Write exactly: id, prediction.")
    assert "Expected 2 columns, got 3" in refused(GOOD + b"1,2,3\n").message


JUNK = st.text("abcdefghijklmnopqrstuvwxyz", min_size=24, max_size=24).map(lambda word: word.encode())
"""Words so long that no message holds one by chance."""
TOKENS = st.one_of(
    JUNK,
    st.binary(max_size=6),
    st.sampled_from([b",", b"\n", b"\r", b'"', b"id", b"prediction", b"1", b"0.5", b"NaN", b"\x00", b"\xff", HEADER]),
)


@given(st.lists(TOKENS, max_size=25), st.sampled_from([CSV, PARQUET, TEXT_IDS, LABELS]))
@example([], CSV)
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_raise_anything_but_the_documented_error_or_are_quoted(
    tokens: list[bytes], card: Card
) -> None:
    for data in (b"".join(tokens), GOOD + b"".join(tokens), HEADER + b"".join(tokens)):
        try:
            frame = parse_predictions(data, card, EXPECTED)
        except PredictionsError as error:
            assert error.reason in REASONS
            quoted = [token for token in tokens if len(token) == 24 and token.decode() in str(error)]
            assert quoted == []
        else:
            assert frame["id"].tolist() == EXPECTED.tolist()


@given(st.lists(st.tuples(st.integers(0, len(parquet()) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_damage_to_a_parquet_file_raises_anything_but_the_documented_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(parquet())
    for place, value in damage:
        data[place] = value
    try:
        frame = parse_predictions(bytes(data), PARQUET, EXPECTED)
    except PredictionsError as error:
        assert error.reason in REASONS
    else:
        assert frame["id"].tolist() == EXPECTED.tolist()
