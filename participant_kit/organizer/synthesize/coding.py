"""How a column is counted: its values as codes that the codebook alone decides, and codes as values again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from participant_kit.challenge.bins import as_number
from participant_kit.challenge.codebook import Codebook, Column, Since
from participant_kit.challenge.table import dtype_of

BINS = 64
"""Bins of equal width of a number, date or wide integer whose codebook names none."""
MAX_CODES = 256
"""A category with more levels (or groups) than these is counted in blocks of neighbouring levels."""
PLACEHOLDER = "text"

Codes = npt.NDArray[np.uint16]
Generator = np.random.Generator


@dataclass(frozen=True)
class Coding:
    """The codes ``0 .. size - 1`` of ``column``; the code ``size`` stands for what counts nowhere.

    A missing value is the last code where the column is nullable. Numbers and dates are bins, in order; the levels
    of a category are codes, or share one by group. With ``since``, they are of the days after the date in that column,
    and ``column`` describes these days.
    """

    name: str
    column: Column
    since: str | None = None

    @cached_property
    def edges(self) -> npt.NDArray[np.float64]:
        """Edges of the bins, shape (bins + 1,): bin i holds from edge i up to, and without, edge i + 1.

        Whole numbers and days are moved so that the last bin holds the maximum too, and begin at a step of the
        codebook's. Dates are days since 1970.
        """
        column = self.column
        bins = None if column.since else column.bins  # which then are of the days between
        low, high = as_number(column.minimum), as_number(column.maximum)
        if isinstance(bins, list):
            edges = np.array([as_number(edge) for edge in bins], dtype=np.float64)
        elif self.is_whole:
            steps = int(high - low) // column.step + 1
            count = min(bins or BINS, steps)
            edges = low + column.step * np.floor(np.arange(count + 1) * (steps / count))
            edges[-1] = high
        else:
            edges = np.linspace(low, high, (bins or BINS) + 1) if high > low else np.array([low, high])
        if self.is_whole:
            edges[-1] += 1
        return edges

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring codes are neighbouring values."""
        return self.column.minimum is not None

    @property
    def is_whole(self) -> bool:
        """Whether values are whole numbers, days among them."""
        return self.column.type in ("integer", "date")

    @cached_property
    def members(self) -> list[npt.NDArray[np.int64]]:
        """Of each code of a category, the positions of its levels."""
        names = self.column.level_names
        position = {level: index for index, level in enumerate(names)}
        grouped = [[position[str(level)] for level in levels] for levels in self.column.groups.values()]
        taken = {index for group in grouped for index in group}
        single = [index for index in range(len(names)) if index not in taken]
        room = max(MAX_CODES - len(grouped), 1)
        blocks = np.array_split(np.array(single, dtype=np.int64), min(room, len(single))) if single else []
        return [*blocks, *(np.array(group, dtype=np.int64) for group in grouped)]

    @property
    def values(self) -> int:
        """Codes that are not the missing one."""
        kind = self.column.type
        if kind == "boolean":
            return 2
        if kind == "category":
            return len(self.members)
        return 1 if kind == "text" else len(self.edges) - 1

    @property
    def size(self) -> int:
        """All codes, the missing one too."""
        return self.values + self.column.nullable

    def encode(self, values: pd.Series[Any]) -> tuple[Codes, int]:
        """The codes of ``values``, shape (rows,), and how many lay outside the codebook's domain.

        What lies outside the bounds is clipped to them, what lies between two steps counts as the lower one. What is
        no level, or of another type, counts as missing; in a column that is not nullable that counts nowhere.
        """
        present = values.notna().to_numpy()
        if self.is_ordered:
            numbers, inside = self._numbers(values)
            codes = np.searchsorted(self.edges, numbers, side="right") - 1
            codes = np.clip(codes, 0, self.values - 1)
            known = ~np.isnan(numbers)
        else:
            codes = self._positions(values)
            known = inside = codes >= 0
        outside = int((present & ~inside).sum())
        return np.where(known, codes, self.values).astype(np.uint16), outside

    def _numbers(self, values: pd.Series[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        if self.column.type == "date":
            moments = pd.to_datetime(values, errors="coerce", utc=True).dt.tz_localize(None)
            days = moments.to_numpy(dtype="datetime64[D]")
            numbers = np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
        else:
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        low, high = as_number(self.column.minimum), as_number(self.column.maximum)
        inside = (numbers >= low) & (numbers <= high)
        if self.column.step > 1:
            inside[inside] = (numbers[inside] - low) % self.column.step == 0
        return numbers, inside

    def _positions(self, values: pd.Series[Any]) -> npt.NDArray[np.int64]:
        """The code of each value, or -1."""
        if self.column.type == "text":
            return np.where(values.notna(), 0, -1)
        if self.column.type == "boolean":
            names, code_of = ["false", "true"], np.arange(2)
            text = values.map(lambda value: str(value).lower(), na_action="ignore")
            text = text.replace({"0": "false", "1": "true", "0.0": "false", "1.0": "true"})
        else:
            names, code_of = self.column.level_names, np.empty(len(self.column.level_names), dtype=np.int64)
            for code, members in enumerate(self.members):
                code_of[members] = code
            if values.dtype == dtype_of(self.column):
                positions = values.cat.codes.to_numpy().astype(np.int64)
                return np.where(positions >= 0, code_of[positions], -1)
            if pd.api.types.is_float_dtype(values):
                values = values.convert_dtypes()  # integers that stand beside missing values
            text = values.map(str, na_action="ignore")
        positions = pd.Index(names).get_indexer(pd.Index(text))
        return np.where(positions >= 0, code_of[positions], -1)

    def decode(self, codes: npt.NDArray[Any], random: Generator) -> pd.Series[Any]:
        """Values of ``codes``, shape (rows,): uniform in a bin, or among the levels of a code."""
        gone = codes >= self.values
        codes = np.where(gone, 0, codes).astype(np.int64)
        kind, dtype = self.column.type, dtype_of(self.column)
        if kind == "category":
            sizes = np.array([len(members) for members in self.members])
            table = np.zeros((len(sizes), sizes.max()), dtype=np.int64)
            for code, members in enumerate(self.members):
                table[code, : len(members)] = members
            positions = table[codes, (random.random(len(codes)) * sizes[codes]).astype(np.int64)]
            return pd.Series(pd.Categorical.from_codes(np.where(gone, -1, positions), dtype=dtype))
        if kind == "text":
            texts: pd.Series[Any] = pd.Series([PLACEHOLDER] * len(codes), dtype=dtype)
            return texts.mask(gone)
        if kind == "boolean":
            return pd.Series(codes == 1).astype("boolean").mask(gone)
        low, width = self.edges[codes], np.diff(self.edges)[codes]
        chance = random.random(len(codes))
        if self.is_whole:
            steps = np.ceil(width / self.column.step)
            whole = (low + self.column.step * np.minimum(np.floor(steps * chance), steps - 1)).astype(np.int64)
            if kind == "date":
                days = whole.astype("datetime64[D]").astype("datetime64[us]")
                return pd.Series(np.where(gone, np.datetime64("NaT"), days)).astype(dtype)
            return pd.Series(whole, dtype="Int64").mask(gone)
        numbers = np.clip(self._rounded(low + width * chance, width), self.column.minimum, self.column.maximum)
        return pd.Series(np.where(gone, np.nan, numbers)).astype(dtype)

    def _rounded(self, numbers: npt.NDArray[np.float64], width: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """To the codebook's decimals, or to two digits below the width of each one's bin."""
        if self.column.decimals is not None:
            return np.round(numbers, self.column.decimals)
        digits = np.array([2 - math.floor(math.log10(w)) if w > 0 else 0 for w in np.diff(self.edges)])
        result = numbers.copy()
        for digit in np.unique(digits):
            chosen = np.isin(width, np.diff(self.edges)[digits == digit])
            result[chosen] = np.round(numbers[chosen], int(digit))
        return result


def coarse(codes: Codes, grid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Coarse codes, which ``grid`` has for each code; what counts nowhere becomes one more than the last."""
    return np.append(grid, grid.max() + 1)[codes]


def interval_codings(columns: Mapping[str, Column], left_out: Sequence[str] = ()) -> list[Coding]:
    """As :func:`codings`, but a date that the codebook gives since another one is coded as the days between them."""
    return [
        Coding(coding.name, interval_of(coding.column, since), since.column)
        if (since := coding.column.since)
        else coding
        for coding in codings(columns, left_out)
    ]


def interval_of(column: Column, since: Since) -> Column:
    """The days ``since`` another date of the date ``column``, as a column of their own."""
    changed = {"type": "integer", "unit": "days", "minimum": since.minimum, "maximum": since.maximum, "since": None}
    return column.model_copy(update=changed)


def with_dates(frame: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """``frame``, whose counted dates are days since another date, with dates in place of the days."""
    for name, since in codebook.counted_dates().items():
        frame[name] = days_after(frame[since.column], frame[name], codebook.columns[name])
    return frame


def days_after(first: pd.Series[Any], days: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """The dates ``days`` after ``first``, shape (rows,), moved into the window of ``column``; missing where one is.

    The codebook makes sure that what is moved stays within the bounds of the days.
    """
    dates = first.to_numpy(dtype="datetime64[D]") + days.to_numpy(
        dtype="timedelta64[D]", na_value=np.timedelta64("NaT")
    )
    low, high = np.datetime64(column.minimum, "D"), np.datetime64(column.maximum, "D")
    kept = np.where(np.isnat(dates), dates, np.clip(dates, low, high))
    return pd.Series(kept.astype("datetime64[us]"), index=first.index)


def codings(columns: Mapping[str, Column], left_out: Sequence[str] = ()) -> list[Coding]:
    """The coding of each column, in order, but of those ``left_out``."""
    return [Coding(name, column) for name, column in columns.items() if name not in left_out]
