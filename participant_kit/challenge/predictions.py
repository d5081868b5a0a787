"""Predictions, parsed as data and as data only: CSV or Parquet, never anything that runs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from participant_kit.challenge.card import Card
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.memory import at_most

MAX_ROWS_FACTOR = 4
"""Files with more rows than this times the expected number are refused before they are parsed."""

MAX_COLUMNS_FACTOR = 10
"""And files with this many times more columns."""

_TOLD = re.compile(r"Row #\d+|Expected \d+ columns, got \d+|Empty CSV file|invalid UTF8 data")
"""What may be told of a parser's message, the rest of which quotes the file."""

_HEADER = re.compile(rb"[\r\n]*([^\r\n]*)")
_TYPES = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


class PredictionsError(ChallengeError):
    """Predictions that cannot be scored. ``reason`` is a word of the closed list that may leave."""

    code = "predictions"

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        self.reason = reason
        super().__init__(message, hint=hint)


def parse_predictions(data: bytes, card: Card, expected: pd.Series[Any]) -> pd.DataFrame:
    """``data``, the submitted file, as one row per identifier in ``expected`` and in its order.

    ``expected`` holds the identifiers of the test rows, shape (rows,). Returns the columns of
    ``card.submission.columns``. Raises :class:`PredictionsError`; its message names counts and the columns
    of the card, and nothing that the file holds.
    """
    columns = dict(card.submission.columns)
    table = _read(data, card, len(expected))
    names = table.column_names
    if sorted(names) != sorted(columns):
        missing = [name for name in columns if name not in names]
        raise _wrong_columns(card, f"lacks {', '.join(missing)}" if missing else f"has {len(names)} columns")
    for name, kind in columns.items():
        table = table.set_column(table.column_names.index(name), name, _cast(table.column(name), name, kind))
    frame = table.select(list(columns)).to_pandas()
    identifier = card.data.identifier
    if not frame[identifier].equals(expected):  # which they usually do, and then nothing is wrong with them
        _check_rows(frame[identifier], expected, identifier)
    for name, kind in columns.items():
        bad = ~np.isfinite(frame[name]) if kind == "number" else frame[name].isna()
        if count := int(bad.sum()):
            raise PredictionsError(
                "not_finite",
                f"Column {name!r} has {count} missing or infinite values.",
                hint="Give a finite value for every row of the test table.",
            )
    return rows_of(frame, identifier, expected)


def rows_of(frame: pd.DataFrame, identifier: str, expected: pd.Series[Any]) -> pd.DataFrame:
    """The rows of ``frame`` in the order of ``expected``, each of which is in its column ``identifier`` once."""
    if frame[identifier].equals(expected):
        return frame
    return frame.take(pd.Index(frame[identifier]).get_indexer(pd.Index(expected))).reset_index(drop=True)


def _read(data: bytes, card: Card, rows: int) -> pa.Table:
    limit = max(rows * MAX_ROWS_FACTOR, 1000)
    columns = card.submission.columns
    try:
        if card.submission.output.endswith(".csv"):
            if (lines := max(_count(data, b"\n"), _count(data, b"\r"))) > limit:
                raise _too_many(lines, rows)
            if (header := _HEADER.match(data)) and header[1].count(b",") >= MAX_COLUMNS_FACTOR * len(columns):
                raise _wrong_columns(card, f"has {header[1].count(b',') + 1} columns")
            table = _read_csv(data, columns)
        else:
            file = pq.ParquetFile(_source(data))
            if file.metadata.num_rows > limit:
                raise _too_many(file.metadata.num_rows, rows)
            if file.metadata.num_columns > MAX_COLUMNS_FACTOR * len(columns):
                raise _wrong_columns(card, f"has {file.metadata.num_columns} columns")
            with at_most(card.limits.memory):  # what a damaged page says of its size is believed
                table = file.read()
        table.validate(full=True)
        _ = table.column_names  # decodes them
        return table.replace_schema_metadata(None)  # pandas would read its own there
    except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
        told = ", ".join(_TOLD.findall(str(error)))
        raise PredictionsError(
            "unreadable",
            f"{card.submission.output} cannot be read{f' ({told})' if told else ''}.",
            hint=f"Write UTF-8 text or Parquet, as its name says, with the columns {', '.join(columns)}.",
        ) from None


def _read_csv(data: bytes, columns: Mapping[str, str]) -> pa.Table:
    """The file as text, which is cast later; or cast while it is read, if all of it can be.

    Blanks alone make a difference there: a number may have some around it.
    """
    if b" " not in data and b"\t" not in data:
        types = {name: _TYPES[kind] for name, kind in columns.items()}
        with contextlib.suppress(pa.ArrowException):
            return csv.read_csv(_source(data), convert_options=_convert(types))
    return csv.read_csv(_source(data), convert_options=_convert(dict.fromkeys(columns, pa.string())))


def _source(data: bytes) -> pa.BufferReader:
    """Not a file of Python's: pyarrow's threads would still read it, and need the interpreter, when that ends."""
    return pa.BufferReader(data)


def _convert(types: dict[str, pa.DataType]) -> csv.ConvertOptions:
    return csv.ConvertOptions(column_types=types, strings_can_be_null=True)


def _count(data: bytes, letter: bytes) -> int:
    """How often it is there; where it is in every line, ``bytes.count`` takes seven times as long."""
    view, step = np.frombuffer(data, np.uint8), 1 << 22
    return sum(int(np.count_nonzero(view[at : at + step] == letter[0])) for at in range(0, len(view), step))


def _wrong_columns(card: Card, what: str) -> PredictionsError:
    names = ", ".join(card.submission.columns)
    return PredictionsError("wrong_columns", f"{card.submission.output} {what}.", hint=f"Write exactly: {names}.")


def _too_many(found: int, rows: int) -> PredictionsError:
    return PredictionsError("too_many_rows", f"The file has {found} rows.", hint=f"Write one row each for {rows}.")


def _cast(values: pa.ChunkedArray, name: str, kind: str) -> pa.ChunkedArray:
    try:
        return values.cast(_TYPES[kind])
    except pa.ArrowException:
        if kind == "integer" and pa.types.is_string(values.type):
            # "12.0" is what pandas writes for an integer column that once held a missing value
            with contextlib.suppress(pa.ArrowException):
                return values.cast(pa.float64()).cast(pa.int64())
        raise PredictionsError(
            "wrong_type", f"Column {name!r} holds values that are no {kind}.", hint=f"Write {name!r} as {kind}."
        ) from None


def _check_rows(found: pd.Series[Any], expected: pd.Series[Any], identifier: str) -> None:
    if count := int(found.duplicated().sum()):
        raise PredictionsError("duplicate_rows", f"{count} rows repeat a value of {identifier!r}.")
    known = found.isin(expected)
    if count := int((~known).sum()):
        raise PredictionsError(
            "unknown_rows",
            f"{count} values of {identifier!r} are not in the test table.",
            hint="Predict the rows of test.parquet, not of train.parquet.",
        )
    if missing := len(expected) - len(found):
        raise PredictionsError("missing_rows", f"{missing} rows of the test table have no prediction.")
