"""A first codebook, guessed from a table, for the organizer to correct.

It is meant to tell little of the data: bounds are rounded outward to one digit, shares of missing values to
0.05, and levels that few rows have are not named but become ``other``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import partial
from graphlib import TopologicalSorter
from itertools import permutations
from typing import Any

import pandas as pd

from participant_kit.challenge.codebook import Codebook, Column, Since
from participant_kit.challenge.table import conform, days_between, structural
from participant_kit.organizer.draft_bins import draft_bins, draft_decimals, draft_step
from participant_kit.organizer.draft_giveaways import find_giveaways
from participant_kit.organizer.draft_missing import find_missing_when
from participant_kit.organizer.draft_types import SAY_TEXT, Note, typed
from participant_kit.organizer.errors import OrganizerError

MAX_LEVELS = 50
"""Text with more different values than these has levels only if none of them is rare."""
MOST_LEVELS = 255
"""No category has more levels: gradient boosting, as in the starter notebook, takes no more."""
MAX_CLASSES = 10
"""A target of whole numbers with at most so many different values is a category."""
RARE = 5
"""Levels, and exact bounds, of fewer rows than these are not named."""
PAIRS = 20
"""Rows with two dates before one is said to follow the other."""
SMALL = 10
"""Whole numbers up to this size are counts or codes, whose bounds are exact."""
OTHER = "other"

CONSTANT = "one value in every row, which predicts nothing; such a column is better left out."
EMPTY = "no value in any row; such a column is better left out."
RARE_LEVELS = f'values that fewer than {RARE} rows have became "{OTHER}".'
GIVEAWAY = "nearly enough to know the target; such a column is better left out if it is known only once the target is."
FOLLOWS = "dates always on one side of another one; the sample keeps the days between (since, in the codebook)."
TEXT = (
    f"text, of which no word goes into the sample. A category has at most {MOST_LEVELS} different values with "
    f"{RARE} rows each: merge its rare ones and make the challenge again, if it should be one."
)
_SHOWN = 8
_EXACT = Context(prec=800)


def draft_codebook(
    frame: pd.DataFrame, identifier: str, target: str, tell: Callable[[str], None] = lambda text: None
) -> tuple[Codebook, pd.DataFrame]:
    """A codebook in which every column is a draft, and ``frame``, shape (rows, columns), as it conforms to it.

    Rows without a target are left out. ``tell`` is told what was decided, in a sentence for each kind of decision.
    Raises :class:`OrganizerError`, or :class:`~participant_kit.challenge.errors.ChallengeError`, for a column that
    cannot be described.
    """
    told: dict[str, list[str]] = {}

    def note(name: str, sentence: str) -> None:
        if sentence != TEXT or not any(name in told.get(reason, ()) for reason in SAY_TEXT):
            told.setdefault(sentence, []).append(name)

    series = {name: typed(frame[name], partial(note, name)) for name in frame.columns if name != identifier}
    series[identifier] = _identity(frame[identifier])
    rows = pd.DataFrame({name: series[name] for name in frame.columns})
    rows = _usable(rows, identifier, target, tell)
    columns, values = {}, {}
    for name in rows.columns:
        describe = _identifier if name == identifier else _target if name == target else _column
        columns[name], values[name] = describe(rows[name], partial(note, name))
    table = pd.DataFrame(values)
    for name, missing_when in find_missing_when(table, columns, (identifier, target)).items():
        rest = table.loc[~structural(table, missing_when), name]
        columns[name] = columns[name].model_copy(update={"missing_when": missing_when, "missing": _share(rest)})
    for name, column in _dates_that_count(table, columns).items():
        columns[name] = column
        note(name, FOLLOWS)
    for name in find_giveaways(table, columns, identifier, target):
        note(name, GIVEAWAY)
    for sentence, names in told.items():
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        tell(f"{shown}: {sentence}")
    codebook = Codebook(schema_version=1, columns=columns)
    return codebook, conform(table, codebook)


def _identity(values: pd.Series[Any]) -> pd.Series[Any]:
    """Identifiers as Int64, or as text where they are anything else."""
    values = typed(values, lambda sentence: None)
    return values if values.dtype == "Int64" else values.astype("string")


def _usable(rows: pd.DataFrame, identifier: str, target: str, tell: Callable[[str], None]) -> pd.DataFrame:
    """The rows with a target, which each have an identifier of their own."""
    if unknown := int(rows[target].isna().sum()):
        rows = rows[rows[target].notna()]
        tell(f"{unknown} rows without a value of {target} are left out.")
    if rows.empty:
        raise OrganizerError(f"No row has a value of {target!r}.", hint="Name another target with --target.")
    if missing := int(rows[identifier].isna().sum()):
        raise OrganizerError(f"{missing} rows have no {identifier!r}.", hint="Give each row an identifier of its own.")
    if count := int(rows[identifier].duplicated().sum()):
        raise OrganizerError(
            f"Rows that repeat a value of {identifier!r}: {count}.",
            hint="Make one row of those that belong together; or number the rows in a column of their own for --id, "
            f"and name {identifier!r} as privacy_unit in the codebook.",
        )
    return rows


def _identifier(values: pd.Series[Any], note: Note) -> tuple[Column, pd.Series[Any]]:
    if values.dtype == "Int64":
        bounds = _whole_bounds(values)
        bounds["maximum"] = max(bounds["maximum"], bounds["minimum"] + 10**6)  # a sample counts up in it
        return Column(type="integer", **bounds, description="Identifies a row.", draft=True), values
    return Column(type="text", description="Identifies a row.", draft=True), values


def _target(values: pd.Series[Any], note: Note) -> tuple[Column, pd.Series[Any]]:
    classes = values.nunique()
    zero_one = values.dtype == "Int64" and values.min() == 0 and values.max() == 1
    if values.dtype == "Int64" and 2 <= classes <= MAX_CLASSES and not zero_one:
        levels = [int(level) for level in sorted(values.unique())]
        return Column(type="category", levels=list(levels), description="To be predicted.", draft=True), values
    column, values = _column(values, note)
    if values.nunique() < 2:
        raise OrganizerError(
            "The target has one value in every row.", hint="Name a target that differs between rows with --target."
        )
    if column.type in ("text", "date") or len(column.level_names) > MAX_LEVELS:
        raise OrganizerError(
            f"The target is no number and no category: it has {classes} different values of type {column.type}.",
            hint=f"Make it a number, or a category of at most {MAX_LEVELS} levels with {RARE} rows each.",
        )
    return column.model_copy(update={"description": "To be predicted."}), values


def _column(values: pd.Series[Any], note: Note) -> tuple[Column, pd.Series[Any]]:
    known = values.dropna()
    if known.empty:
        note(EMPTY)
        return Column(type="text", nullable=True, missing=1.0, draft=True), values.astype("string")
    if len(known) == len(values) and known.nunique() == 1:
        note(CONSTANT)
    common: dict[str, Any] = {"nullable": len(known) < len(values), "missing": _share(values), "draft": True}
    if values.dtype == "boolean":
        return Column(type="boolean", **common), values
    if values.dtype in ("Int64", "float64"):
        numbers = known.to_numpy(dtype="float64")
        if values.dtype == "Int64":
            step = draft_step(known.to_numpy(dtype="int64"))
            bounds = _whole_bounds(known, step)
            bins = draft_bins(numbers, **bounds, step=step)
            return Column(type="integer", **bounds, step=step, bins=bins, **common), values
        found = _bounds(known)
        bins, decimals = draft_bins(numbers, found["minimum"], found["maximum"]), draft_decimals(numbers)
        return Column(type="number", **found, bins=bins, decimals=decimals, **common), values
    if pd.api.types.is_datetime64_any_dtype(values):
        first, last = known.min().year, known.max().year + 1
        end = date(last, 1, 1) if last <= date.max.year else date.max
        return Column(type="date", minimum=date(first, 1, 1), maximum=end, **common), values
    return _text(values, common, note)


def _dates_that_count(table: pd.DataFrame, columns: dict[str, Column]) -> dict[str, Column]:
    """The dates of ``columns`` that never lie before another one, as days since the last such one.

    Only where their window has room for the days: else the sample would pile up at its ends. Then the first one, where
    its window is wider, counts back from the other: so does a date of birth from one of admission. What a date counts
    from is there in all its rows, so that no date of the sample goes missing with it.
    """
    room = {name: (c.maximum - c.minimum).days for name, c in columns.items() if c.type == "date"}
    before: dict[str, dict[str, float]] = {name: {} for name in room}
    after: dict[str, dict[str, float]] = {name: {} for name in room}
    for first, name in permutations(room, 2):
        days = days_between(table[first], table[name]).dropna()
        if len(days) < PAIRS or days.min() < 0 or not days.max():
            continue
        if days.max() <= room[name] and len(days) == table[name].notna().sum():
            before[name][first] = float(days.mean())
        elif room[first] > room[name] and len(days) == table[first].notna().sum():
            after[first][name] = float(days.mean())
    nearest = {name: min(found, key=lambda f: (found[f], -len(before[f]))) for name, found in before.items() if found}
    alone = [name for name in room if name not in nearest and name not in nearest.values()]
    nearest |= {name: min(after[name], key=lambda one: after[name][one]) for name in alone if after[name]}
    counted: dict[str, Column] = {}
    for name in TopologicalSorter({name: [first] for name, first in nearest.items()}).static_order():
        if name in nearest:
            first = nearest[name]
            days = days_between(table[first], table[name]).dropna()
            counted[name] = _counted(columns[name], first, counted.get(first, columns[first]), days)
    return counted


def _counted(column: Column, name: str, first: Column, days: pd.Series[Any]) -> Column:
    """``column`` as ``days`` since the date ``name``, each of which leaves it a date within its bounds."""
    bounds = _whole_bounds(days) | {"minimum" if days.max() > 0 else "maximum": 0}
    since = Since(column=name, **bounds)
    early = column.minimum - first.minimum <= timedelta(since.maximum)
    late = column.maximum - first.maximum >= timedelta(since.minimum)
    return column.model_copy(
        update={
            "since": since,
            "bins": draft_bins(days.to_numpy(dtype="float64"), since.minimum, since.maximum),
            "minimum": column.minimum if early else first.minimum,
            "maximum": column.maximum if late else first.maximum,
            "nullable": column.nullable or first.nullable,
        }
    )


def _text(values: pd.Series[Any], common: dict[str, Any], note: Note) -> tuple[Column, pd.Series[Any]]:
    counts = values.value_counts()
    levels = sorted(str(level) for level in counts.index[counts >= RARE])
    rare = int(counts[counts < RARE].sum())
    most = MAX_LEVELS if rare else MOST_LEVELS
    if not levels or len(levels) > most or rare > int(counts.sum()) / 2:
        note(TEXT)
        return Column(type="text", **common), values
    if rare:
        note(RARE_LEVELS)
        values = values.where(values.isin(levels) | values.isna(), OTHER)
        levels = [*(level for level in levels if level != OTHER), OTHER]
    return Column(type="category", levels=list(levels), **common), values


def _share(values: pd.Series[Any]) -> float:
    """The share of missing values in steps of 0.05, never all of them, and none only if there is none."""
    share = float(values.isna().mean()) if len(values) else 0.0
    return round(min(max(round(share * 20), 1), 19) / 20, 2) if share else 0.0


def _whole_bounds(values: pd.Series[Any], step: int = 1) -> dict[str, int]:
    """The least and greatest value: as they are, of small counts and codes; else rounded outward to one digit.

    Whole steps apart from the values.
    """
    low, high = int(values.min()), int(values.max())
    unit = 10 ** max(len(str(high - low)) - 1, 1)
    at_ends = min(int((values == low).sum()), int((values == high).sum()))
    if (low, high) == (0, 1) or (max(-low, high) <= SMALL and at_ends >= RARE):
        unit = 1
    down, up = max(low // unit * unit, -(2**63)), min(-(-high // unit) * unit, 2**63 - 1)
    return {"minimum": down + (low - down) % step, "maximum": up - (up - high) % step}


def _bounds(values: pd.Series[Any]) -> dict[str, float]:
    """The least and greatest value, rounded outward to multiples of the power of ten that their distance has."""
    low, high = Decimal(float(values.min())), Decimal(float(values.max()))
    unit = Decimal(1).scaleb((high - low or abs(high) or Decimal(1)).adjusted())
    down, up = (end.quantize(unit, way, _EXACT) for end, way in ((low, ROUND_FLOOR), (high, ROUND_CEILING)))
    most = sys.float_info.max
    return {"minimum": max(float(down), -most), "maximum": min(float(up), most)}
