"""Which type the values of a column have, for a first codebook; what was decided is noted, never silent."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Note = Callable[[str], None]
"""Is told one of the sentences below; they quote no value."""

INFINITE = "infinite values count as missing."
GONE = 'words such as ".", "NA" or "?" beside numbers or dates count as missing.'
MIXED = (
    "numbers or dates beside words are all read as words; write the words in a column of their own if the others count."
)
DRESSED = "numbers with commas, or with a sign such as % or $, are read as words; write them as in 1234.5."
CODES = "values such as -99 or 999, far from all others, look like codes for a missing value; empty these cells if so."
WORD_CODES = 'words such as ".", "NA" or "-99" look like codes for a missing value; empty these cells if so.'
DAY_FIRST = "read as dates written day, month, year."
MONTH_FIRST = "read as dates written month, day, year."
YEAR_FIRST = "read as dates written year, month, day."
NAMED = "read as dates with the month's name."
AMBIGUOUS = "dates whose day and month cannot be told apart stay text; write them as in 2020-12-31."
SEVERAL = "dates in several formats, or with days that do not exist, stay text; write them as in 2020-12-31."

SAY_TEXT = frozenset({MIXED, DRESSED, AMBIGUOUS, SEVERAL})
"""Those that say why a column is text."""
MANY_NUMBERS = 10
"""Up to so many different numbers beside words are levels, as in "0", "1", "2 or more"."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE_LIKE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[t ][\d:.]+)?|\d{4}([./])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2\d{4}"
    rf"|\d{{1,2}}[ -]?{_MONTH}[ -]?\d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}}"
)
_FORMATS = {
    DAY_FIRST: ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"),
    MONTH_FIRST: ("%m.%d.%Y", "%m/%d/%Y", "%m-%d-%Y"),
    YEAR_FIRST: ("%Y.%m.%d", "%Y/%m/%d"),
    NAMED: tuple(
        form.format(month)
        for month in ("%b", "%B")
        for form in ("%d{}%Y", "%d {} %Y", "%d-{}-%Y", "{} %d %Y", "{} %d, %Y")
    ),
}
"""How dates are written but for ISO 8601; what is read one way alone needs no guess."""
_DRESSED = re.compile(r"(?=.*[,%$€£])[$€£]? ?[+-]?\d[\d.,]* ?[%$€£]?")
_ZERO_FIRST = re.compile(r"[+-]?0\d+")
_TRUTH = {"true": True, "false": False}
_NO_VALUE = frozenset(
    {"", ".", "..", "-", "--", "?", "*", "na", "n/a", "n.a.", "#n/a", "nan", "<na>", "null", "missing"}
)
_CODE = re.compile(r"-(9+|8+|7+)(\.0)?")
_NINES = re.compile(r"([789])\1+")
_FAR = 4
"""A code for missing values is this many times as large as any other value."""


def typed(values: pd.Series[Any], note: Note) -> pd.Series[Any]:
    """``values``, shape (rows,), as Int64, float64, boolean, datetime64[us] or string."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = values.cat.categories
        values = values.astype("Int64" if pd.api.types.is_integer_dtype(levels) else levels.dtype)
    if pd.api.types.is_bool_dtype(values):
        return values.astype("boolean")
    if pd.api.types.is_numeric_dtype(values):
        return _numbers(values, note)
    if pd.api.types.is_datetime64_any_dtype(values):
        zone = getattr(values.dt, "tz", None)
        return (values.dt.tz_convert("UTC").dt.tz_localize(None) if zone else values).astype("datetime64[us]")
    return _words(values.astype("string"), note)


def _numbers(values: pd.Series[Any], note: Note) -> pd.Series[Any]:
    if pd.api.types.is_integer_dtype(values):
        if pd.api.types.is_unsigned_integer_dtype(values) and values.max() >= 2**63:
            return values.astype("string")
        whole = values.astype("Int64")
        _note_codes(whole.dropna(), note)
        return whole
    numbers = values.astype("float64")
    if (endless := numbers.isin([math.inf, -math.inf])).any():
        numbers = numbers.mask(endless)
        note(INFINITE)
    known = numbers.dropna()
    _note_codes(known, note)
    is_whole = len(known) and (known % 1 == 0).all() and (known.abs() < 2**53).all()
    return numbers.astype("Int64") if is_whole else numbers


def _note_codes(known: pd.Series[Any], note: Note) -> None:
    """Whether a value of 7s, 8s or 9s lies where no other one is: below 0 alone, or far above all others."""
    values = np.unique(known.to_numpy(dtype="float64"))
    ends = {value for value in (*values[:3], *values[-3:]) if value % 1 == 0}
    low = {value for value in ends if value < 0 and _CODE.fullmatch(f"{value:.0f}")}
    high = {value for value in ends if value > 0 and _NINES.fullmatch(f"{value:.0f}")}
    least = next((value for value in values if value not in low), -1)
    most = next((value for value in values[::-1] if value not in high), -1)
    if (low and least >= 0) or (high and 0 <= most < min(high) / _FAR):
        note(CODES)


def _words(text: pd.Series[Any], note: Note) -> pd.Series[Any]:
    """What the different words of ``text`` are taken for, all of them alike."""
    words = text.drop_duplicates().dropna()
    if words.empty:
        return text
    plain = words.str.strip().str.lower()
    if plain.isin(list(_TRUTH)).all():
        return _read_as(text, words, plain.map(_TRUTH)).astype("boolean")
    gone = plain.isin(_NO_VALUE)
    rest = plain[~gone]
    if rest.empty:
        return text
    numbers = pd.to_numeric(rest, errors="coerce").astype("float64")
    if gone.any() and numbers.notna().all() and not rest.str.fullmatch(_ZERO_FIRST).any():
        note(GONE)
        return _numbers(_read_as(text, words, numbers).astype("float64"), note)
    dates = rest.where(rest.str.fullmatch(_DATE_LIKE))
    if dates.notna().all() and (moments := _dates(rest.str.upper(), note)) is not None:
        if gone.any():
            note(GONE)
        return _read_as(text, words, moments).astype("datetime64[us]")
    if gone.any() or plain.str.fullmatch(_CODE).any():
        note(WORD_CODES)
    bare = numbers.notna()
    if not bare.all() and (bare | rest.str.fullmatch(_DRESSED)).all() and len(rest) > MANY_NUMBERS:
        note(DRESSED)
    elif any(0.5 <= part.notna().mean() < 1 and part.nunique() > MANY_NUMBERS for part in (numbers, dates)):
        note(MIXED)
    return text


def _read_as(text: pd.Series[Any], words: pd.Series[Any], values: pd.Series[Any]) -> pd.Series[Any]:
    """``text``, shape (rows,), with each of ``words`` replaced by what ``values`` has at its place, if anything."""
    return text.map(pd.Series(values.reindex(words.index).to_numpy(), index=pd.Index(words)))


def _dates(text: pd.Series[Any], note: Note) -> pd.Series[Any] | None:
    """The moments that ``text`` says in one format; None where that takes a guess."""
    if text.str.fullmatch(_DATE).all():
        moments = pd.to_datetime(text, format="ISO8601", errors="coerce")
        if moments.notna().all():
            return moments
    read = []
    for called, formats in _FORMATS.items():
        for form in formats:
            moments = pd.to_datetime(text, format=form, errors="coerce")
            if moments.notna().all():
                read.append((called, moments))
    if not read:
        note(SEVERAL)
        return None
    called, first = read[0]
    if any(not moments.equals(first) for _, moments in read):
        note(AMBIGUOUS)
        return None
    note(called)
    return first
