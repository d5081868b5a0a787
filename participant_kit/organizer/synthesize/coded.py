"""The private rows as codes: all that the private synthesizer ever sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from participant_kit.challenge.codebook import PrivacyUnit
from participant_kit.challenge.table import days_between
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.coding import Codes, Coding


@dataclass(frozen=True)
class CodedTable:
    """Rows of codes, column by column. ``coins``, in [0, 1), came with each row and are used to look at fewer rows."""

    columns: list[Codes]
    coins: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.coins)


def read_coded(path: Path, codings: Sequence[Coding], unit: PrivacyUnit) -> tuple[CodedTable, dict[str, int]]:
    """The Parquet table at ``path`` as codes, and how many values of each column lay outside its domain.

    Read a column at a time. Of each person, ``unit.rows`` rows at most are kept, the first ones; the others are
    counted under the empty name. Raises :class:`OrganizerError` for a table without one of the columns.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        found = "is not there" if isinstance(error, FileNotFoundError) else "is no Parquet table"
        raise OrganizerError(
            f"{path.parent.name}/{path.name} {found}.", hint="The private mode reads it; see: pkit challenge check"
        ) from None
    with file:
        known = set(file.schema_arrow.names)
        if absent := [name for name in (unit.column, *(coding.name for coding in codings)) if name not in known]:
            raise OrganizerError(
                f"{path.parent.name}/{path.name} has no column {', '.join(map(repr, absent))}.",
                hint="The codebook describes it; correct one of the two.",
            )
        kept = _bounded(_column(file, unit.column), unit.rows)
        outside = {"": int((~kept).sum())}
        columns = []
        for coding in codings:
            values, uncounted = _column(file, coding.name)[kept], 0
            if coding.since:
                days = days_between(_column(file, coding.since)[kept], values)
                uncounted, values = int((values.notna() & days.isna()).sum()), days
            codes, count = coding.encode(values)
            columns.append(codes)
            outside[coding.name] = count + uncounted
    coins = np.random.default_rng().random(int(kept.sum()), dtype=np.float32)
    return CodedTable(columns, coins), {name: count for name, count in outside.items() if count}


def _column(file: pq.ParquetFile, name: str) -> pd.Series[Any]:
    values: pd.Series[Any] = file.read([name], use_pandas_metadata=False).to_pandas()[name]
    return values


def _bounded(persons: pd.Series[Any], rows: int) -> npt.NDArray[np.bool_]:
    """Which rows are kept so that no person has more than ``rows``; a row of nobody is not."""
    kept = (persons.groupby(persons).cumcount() < rows) & persons.notna()
    return kept.to_numpy(dtype=bool)
