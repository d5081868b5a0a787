"""The columns of a kit: what the codebook says of each, and how the published sample's values are spread."""

from __future__ import annotations

import io

from pydantic import BaseModel, TypeAdapter

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.document import parse_document
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.folder import SAMPLE, TABLES

ROWS = 100_000
"""Of the sample, that are looked at."""
_LEVELS = 12


class ShownColumn(BaseModel):
    """One column. ``shares`` of the sample's rows by bin, where something is drawn; ``ends`` where bins are spans."""

    name: str
    type: str
    unit: str
    description: str
    role: str
    allowed: str
    missing: str
    labels: list[str] = []
    ends: tuple[str, str] | None = None
    shares: list[float] = []
    missing_share: float = 0.0


Columns = TypeAdapter(list[ShownColumn])


def show_columns(card: Card, files: dict[str, bytes]) -> list[ShownColumn]:
    """Every column of the codebook in the kit's ``files``; none for a kit without one.

    Raises a :class:`~participant_kit.challenge.errors.KitError` for a codebook or a sample that cannot be read.
    """
    if card.data.codebook not in files:
        return []
    codebook = parse_document(files[card.data.codebook], Codebook, card.data.codebook)
    roles = {card.data.identifier: "identifier", card.data.target: "to be predicted"}
    columns = [
        ShownColumn(
            name=name,
            type=column.type,
            unit=column.unit,
            description=column.description,
            role=roles.get(name, ""),
            allowed=_allowed(column),
            missing=_missing(column),
        )
        for name, column in codebook.columns.items()
    ]
    if sample := files.get(f"{SAMPLE}/{TABLES[0]}.parquet"):
        _spread(columns, codebook, sample)
    return columns


def _spread(columns: list[ShownColumn], codebook: Codebook, sample: bytes) -> None:
    from pyarrow import ArrowException, parquet  # which a gateway needs for this alone

    from participant_kit.challenge.bins import fine_bins
    from participant_kit.challenge.table import conform

    try:
        file = parquet.ParquetFile(io.BytesIO(sample))
        known = [name for name in codebook.columns if name in file.schema_arrow.names]
        batch = next(file.iter_batches(ROWS, columns=known), None)
        table = None if batch is None else conform(batch.to_pandas(), codebook, known)
    except (ArrowException, OSError, ValueError, TypeError):
        raise ChallengeError(f"{SAMPLE}/{TABLES[0]}.parquet cannot be read.", hint="Build the kit again.") from None
    for shown in columns:
        if table is None or shown.name not in table or shown.type == "text" or shown.role == "identifier":
            continue
        bins = fine_bins(codebook.columns[shown.name], table[shown.name])
        *shares, missing = (round(float(share), 4) for share in bins.shares(table[shown.name]))
        shown.labels, shown.ends, shown.shares, shown.missing_share = bins.labels, bins.ends, shares, missing


def _allowed(column: Column) -> str:
    if column.levels:
        more = len(column.levels) - _LEVELS
        return ", ".join(column.level_names[:_LEVELS]) + (f" and {more} more" if more > 0 else "")
    if column.minimum is None:
        return {"boolean": "true, false"}.get(column.type, "any text")
    return column.span


def _missing(column: Column) -> str:
    if not column.nullable:
        return "never"
    whens = [f"where {other} is {' or '.join(map(str, levels))}" for other, levels in column.missing_when.items()]
    return "; ".join(([f"about {column.missing:.0%}"] if column.missing else []) + whens) or "may be"
