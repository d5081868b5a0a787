"""A first codebook, guessed from a table, for the organizer to correct.

It is meant to tell little of the data: bounds are rounded outward to one digit, shares of missing values to
0.05, and levels that few rows have are not named but become ``other``.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import pandas as pd

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.table import conform
from participant_kit.organizer.errors import OrganizerError

MAX_LEVELS = 50
"""Text with more different values than these has no levels."""
MAX_CLASSES = 10
"""A target of whole numbers with at most so many different values is a category."""
RARE = 5
"""Levels of fewer rows than these are not named."""
OTHER = "other"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_TRUTH = {"true": True, "false": False}


def draft_codebook(frame: pd.DataFrame, identifier: str, target: str) -> tuple[Codebook, pd.DataFrame]:
    """A codebook in which every column is a draft, and ``frame``, shape (rows, columns), as it conforms to it.

    Raises :class:`~participant_kit.challenge.errors.ChallengeError` for a column that cannot be described.
    """
    columns, values = {}, {}
    for name in frame.columns:
        series = _with_type(frame[name])
        if name == identifier:
            columns[name], values[name] = _identifier(series)
        elif name == target:
            columns[name], values[name] = _target(series)
        else:
            columns[name], values[name] = _column(series)
    codebook = Codebook(schema_version=1, columns=columns)
    return codebook, conform(pd.DataFrame(values), codebook)


def _with_type(values: pd.Series[Any]) -> pd.Series[Any]:
    """``values`` as Int64, float64, boolean, datetime or string."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values):
        return values.astype("boolean")
    if pd.api.types.is_integer_dtype(values):
        return values.astype("Int64")
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64").replace([math.inf, -math.inf], math.nan)
        known = numbers.dropna()
        is_whole = len(known) and (known % 1 == 0).all() and (known.abs() < 2**53).all()
        return numbers.astype("Int64") if is_whole else numbers
    if pd.api.types.is_datetime64_any_dtype(values):
        zone = getattr(values.dt, "tz", None)
        return (values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values).astype("datetime64[us]")
    text: pd.Series[Any] = values.astype("string")
    words: list[str] = text.dropna().tolist()
    if words and all(word.lower() in _TRUTH for word in words):
        return text.map(lambda word: _TRUTH[word.lower()], na_action="ignore").astype("boolean")
    if words and all(_DATE.fullmatch(word) for word in words):
        moments = pd.to_datetime(text, format="ISO8601", errors="coerce")
        if moments.notna().sum() == len(words):
            return moments.astype("datetime64[us]")
    return text


def _identifier(values: pd.Series[Any]) -> tuple[Column, pd.Series[Any]]:
    if values.dtype == "Int64":
        bounds = _bounds(values)
        bounds["maximum"] = max(bounds["maximum"], bounds["minimum"] + 10**6)  # a sample counts up in it
        return Column(type="integer", **bounds, description="Identifies a row.", draft=True), values
    return Column(type="text", description="Identifies a row.", draft=True), values.astype("string")


def _target(values: pd.Series[Any]) -> tuple[Column, pd.Series[Any]]:
    classes = values.nunique()
    if classes < 2:
        raise OrganizerError(
            "The target has one value in every row.", hint="Name a target that differs between rows with --target."
        )
    zero_one = values.dtype == "Int64" and values.min() == 0 and values.max() == 1
    if values.dtype == "Int64" and classes <= MAX_CLASSES and not zero_one:
        levels = [int(level) for level in sorted(values.unique())]
        return Column(type="category", levels=list(levels), description="To be predicted.", draft=True), values
    column, values = _column(values)
    if column.type in ("text", "date"):
        raise OrganizerError(
            f"The target is no number and no category: it has {classes} different values of type {column.type}.",
            hint=f"Make it a number, or a category of at most {MAX_LEVELS} levels with {RARE} rows each.",
        )
    return column.model_copy(update={"description": "To be predicted."}), values


def _column(values: pd.Series[Any]) -> tuple[Column, pd.Series[Any]]:
    share = float(values.isna().mean())
    common: dict[str, Any] = {"draft": True}
    if share:
        common |= {"nullable": True, "missing": round(min(max(round(share * 20), 1), 19) / 20, 2)}
    known = values.dropna()
    if known.empty:
        return Column(type="text", nullable=True, missing=1.0, draft=True), values.astype("string")
    if values.dtype == "boolean":
        return Column(type="boolean", **common), values
    if values.dtype == "Int64":
        return Column(type="integer", **_bounds(known), **common), values
    if pd.api.types.is_float_dtype(values):
        return Column(type="number", **_bounds(known), **common), values
    if pd.api.types.is_datetime64_any_dtype(values):
        first, last = date(known.min().year, 1, 1), date(known.max().year + 1, 1, 1)
        return Column(type="date", minimum=first, maximum=last, **common), values
    counts = known.value_counts()
    levels = sorted(str(level) for level in counts.index[counts >= RARE])
    rare = int(counts[counts < RARE].sum())
    if not levels or len(levels) > MAX_LEVELS or rare > len(known) / 2:
        return Column(type="text", **common), values
    if rare:
        values = values.where(values.isin(levels) | values.isna(), OTHER)
        levels = [*(level for level in levels if level != OTHER), OTHER]
    return Column(type="category", levels=list(levels), **common), values


def _bounds(values: pd.Series[Any]) -> dict[str, Any]:
    """The least and greatest value moved outward to multiples of the power of ten that their distance has."""
    low, high = values.min(), values.max()
    power = math.floor(math.log10(float(high - low) or abs(float(high)) or 1.0))
    if values.dtype == "Int64":
        step = 10 ** max(power, 0)
        return {"minimum": int(low) // step * step, "maximum": -(-int(high) // step) * step}
    width, digits = 10.0**power, max(-power, 0)
    return {
        "minimum": float(round(math.floor(low / width) * width, digits)),
        "maximum": float(round(math.ceil(high / width) * width, digits)),
    }
