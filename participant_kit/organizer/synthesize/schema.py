"""Rows drawn from the codebook alone: types, levels, bounds and shares of missing values. No data is looked at."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import conform, structural
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.base import Guarantee, Request, Sample
from participant_kit.organizer.synthesize.coding import interval_of, with_dates

ROWS, TEST_ROWS = 500, 250
"""What is drawn when the organizer names no number."""
_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")
_DIGITS = 3
"""Significant digits of the span of a number's bounds."""


class SchemaSynthesizer:
    """For tiny or very sensitive data: nothing but the codebook shapes the sample, so it can reveal nothing else."""

    name = "schema"

    def synthesize(self, folder: ChallengeFolder, request: Request) -> Sample:
        """See :class:`~participant_kit.organizer.synthesize.base.Synthesizer`; the same rows for the same seed."""
        data, codebook = folder.card.data, folder.codebook
        rows, test_rows = request.rows or ROWS, request.test_rows or TEST_ROWS
        drawn = draw_rows(codebook, rows + test_rows, request.seed or 0, whole=(data.identifier, data.target))
        drawn[data.identifier] = identifiers(codebook.columns[data.identifier], len(drawn))
        guarantee = Guarantee(
            mode=self.name,
            looks_at_data=False,
            statement="Drawn from the codebook alone. No private row was looked at, so none can be revealed.",
        )
        return Sample(split_sample(conform(drawn, codebook), rows, data.target), guarantee)


def split_sample(table: pd.DataFrame, rows: int, target: str) -> dict[str, pd.DataFrame]:
    """The first ``rows`` of ``table`` as train, the others as test without ``target``."""
    test = table.iloc[rows:].drop(columns=target)
    return {"train": table.iloc[:rows].reset_index(drop=True), "test": test.reset_index(drop=True)}


def draw_rows(codebook: Codebook, count: int, seed: int, whole: tuple[str, ...] = ()) -> pd.DataFrame:
    """``count`` rows of every column, shape (count, columns), missing where the codebook says, except in ``whole``.

    Each column has a generator of its own, so that a new column changes no other.
    """
    values = {}
    for name, column in codebook.columns.items():
        column = interval_of(column, column.since) if column.since else column
        values[name] = _draw(column, count, _generator(seed, name))
    frame = pd.DataFrame(values)
    for name in codebook.columns:
        if name not in whole:
            frame[name] = frame[name].mask(_generator(seed, f"{name} missing").random(count) < _missing(name, codebook))
    return with_dates(without_structural_zeros(frame, pd.DataFrame(values), codebook, whole), codebook)


def _missing(name: str, codebook: Codebook) -> float:
    """The share of missing values of a column; of a date that counts from another one, where that one is there."""
    column = codebook.columns[name]
    before = codebook.columns[column.since.column].missing if column.since else 0.0
    return (column.missing - before) / (1 - before) if before < column.missing else 0.0


def without_structural_zeros(
    frame: pd.DataFrame, complete: pd.DataFrame, codebook: Codebook, whole: Sequence[str]
) -> pd.DataFrame:
    """``frame`` with a missing value wherever ``missing_when`` wants one by ``complete``, except in ``whole``."""
    for name, column in codebook.columns.items():
        if column.missing_when and name not in whole:
            frame[name] = frame[name].mask(structural(complete, column.missing_when))
    return frame


def _generator(seed: int, name: str) -> np.random.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], "<u4").tolist()])


def _draw(column: Column, count: int, random: np.random.Generator) -> pd.Series[Any]:
    if column.type == "category":
        return _choose(column.level_names, count, random)
    if column.type == "boolean":
        return pd.Series(random.random(count) < 0.5, dtype="boolean")
    if column.type == "text":
        return _choose(_WORDS, count, random)
    if column.type == "integer":
        if column.step == 1:
            return pd.Series(random.integers(column.minimum, column.maximum, count, endpoint=True), dtype="Int64")
        steps = random.integers(0, (column.maximum - column.minimum) // column.step, count, endpoint=True)
        return pd.Series(column.minimum + column.step * steps, dtype="Int64")
    if column.type == "date":
        return _dates(column.minimum, column.maximum, count, random)
    span = float(column.maximum) - float(column.minimum)
    digits = _DIGITS - 1 - math.floor(math.log10(span)) if span else 0
    drawn = np.round(column.minimum + span * random.random(count), digits)
    return pd.Series(np.clip(drawn, column.minimum, column.maximum), dtype="float64")


def _choose(words: Sequence[str], count: int, random: np.random.Generator) -> pd.Series[Any]:
    return pd.Series([words[index] for index in random.integers(len(words), size=count)], dtype="string")


def _dates(first: date, last: date, count: int, random: np.random.Generator) -> pd.Series[Any]:
    days = random.integers(0, (last - first).days, count, endpoint=True)
    return pd.Series(np.datetime64(first, "us") + days.astype("timedelta64[D]"))


def identifiers(column: Column, count: int) -> pd.Series[Any]:
    """Numbers or words of no person: counted up from 1, or from the least that the codebook allows."""
    if column.type == "text":
        return pd.Series([f"row-{number:06d}" for number in range(1, count + 1)], dtype="string")
    allowed = range(column.minimum, column.maximum + 1, column.step)
    if len(allowed) < count:
        raise OrganizerError(
            f"The codebook allows {len(allowed)} identifiers, and the sample needs {count}.",
            hint="Ask for fewer rows, or widen the identifier's bounds.",
        )
    above = allowed[max(-((column.minimum - 1) // column.step), 0) :]
    return pd.Series((above if len(above) >= count else allowed)[:count], dtype="Int64")
