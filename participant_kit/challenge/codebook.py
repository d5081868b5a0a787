"""The codebook: what each column may hold, said by people, never read off the data."""

from __future__ import annotations

import math
from datetime import date
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from participant_kit.challenge.document import Model, read_document

ColumnType = Literal["integer", "number", "category", "boolean", "date", "text"]

MAX_BINS = 1024
MAX_DAYS = date.max.toordinal()

DTYPES: dict[str, str] = {
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "text": "string",
}
"""The pandas dtype of each column type; a category is a ``CategoricalDtype`` of all its levels."""


Days = Annotated[int, Field(strict=True, ge=-MAX_DAYS, le=MAX_DAYS)]


class Since(Model):
    """How far a date lies after the one in ``column``: from ``minimum`` to ``maximum`` days, both inclusive.

    A negative number of days is one before it. The other date may count from a third one.
    """

    column: str
    minimum: Days
    maximum: Days

    @model_validator(mode="after")
    def _ordered(self) -> Since:
        if self.minimum > self.maximum:
            raise ValueError(f"a minimum at or below the maximum ({self.minimum} > {self.maximum})")
        return self


class Column(Model):
    """One column of the data.

    ``minimum`` and ``maximum`` are inclusive, in ``unit`` (ISO dates for a date). ``missing`` is the share
    of missing values that may be told to everybody, in [0, 1]; it shapes the sample and is no limit.
    ``missing_when`` names structural zeros: this column is always missing where another one has one of
    the given levels. ``since`` says that a date counts from another one: the sample then keeps the days between them,
    within its bounds, and no date where that one is missing. ``step``: an integer is ``minimum`` plus a multiple of
    it, as blood pressure is even.
    ``draft`` marks what was guessed from data and not yet confirmed by a person.

    How finely the data may be looked at, for the sample: ``bins`` of a number or date is a count of bins of equal
    width, or their edges in ascending order (with ``since``, of the days between); ``groups`` of a category name
    levels that are counted as one, and are equally frequent in the sample. ``decimals`` are the digits after the
    point of a number in the sample.
    """

    type: ColumnType
    description: str = ""
    unit: str = ""
    levels: list[str | int] | None = None
    minimum: Any = None
    maximum: Any = None
    nullable: bool = False
    missing: Annotated[float, Field(ge=0, le=1)] = 0.0
    missing_when: dict[str, list[str | int | bool]] = Field(default_factory=dict)
    since: Since | None = None
    bins: Annotated[int, Field(ge=1, le=MAX_BINS)] | list[Any] | None = None
    groups: dict[str, list[str | int]] = Field(default_factory=dict)
    decimals: Annotated[int, Field(ge=0, le=15)] | None = None
    step: Annotated[int, Field(ge=1, strict=True)] = 1
    draft: bool = False

    @field_validator("levels", mode="before")
    @classmethod
    def _said(cls, value: Any) -> Any:
        if isinstance(value, list) and any(type(level) not in (str, int) for level in value):
            raise ValueError('texts or integers, in quotes where YAML reads something else, for example "no"')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.type == "category":
            if not self.levels or len(self.levels) != len({str(level) for level in self.levels}):
                raise ValueError('a category needs "levels", each once')
        elif self.levels is not None:
            raise ValueError('"levels" go with type: category only')
        if self.type in ("integer", "number", "date"):
            if self.minimum is None or self.maximum is None:
                raise ValueError(f'type {self.type} needs "minimum" and "maximum"')
            kinds: tuple[type, ...] = {"integer": (int,), "number": (int, float), "date": (date,)}[self.type]
            bounds = (self.minimum, self.maximum)
            if any(type(x) not in kinds or (type(x) is float and not math.isfinite(x)) for x in bounds):
                raise ValueError(f'"minimum" and "maximum" of type {self.type}')
            if self.minimum > self.maximum:
                raise ValueError(f"a minimum at or below the maximum ({self.minimum} > {self.maximum})")
        elif self.minimum is not None or self.maximum is not None:
            raise ValueError(f'no "minimum" or "maximum" for type {self.type}')
        if (self.missing > 0 or self.missing_when) and not self.nullable:
            raise ValueError('"nullable: true" beside "missing" or "missing_when"')
        if self.since and self.type != "date":
            raise ValueError('"since" with type: date only')
        if self.decimals is not None and self.type != "number":
            raise ValueError('"decimals" with type: number only')
        self._check_bins()
        self._check_step()
        self._check_groups()
        return self

    def _check_bins(self) -> None:
        if self.bins is None:
            return
        if self.minimum is None:
            raise ValueError('"bins" with type: integer, number or date only')
        if isinstance(self.bins, int):
            return
        low, high = (self.since or self).minimum, (self.since or self).maximum
        kinds = (int, float) if self.type == "number" else (type(low),)
        edges, kind = self.bins, "integer" if self.since else self.type
        if not 2 <= len(edges) <= MAX_BINS + 1 or any(type(edge) not in kinds for edge in edges):
            raise ValueError(f'"bins": a count, or 2 to {MAX_BINS + 1} edges of type {kind}')
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError('"bins" whose edges ascend')
        if edges[0] != low or edges[-1] != high:
            raise ValueError(f'"bins" from the minimum to the maximum ({low} to {high})')

    def _check_step(self) -> None:
        if self.step == 1:
            return
        if self.type != "integer":
            raise ValueError('"step" with type: integer only')
        reached = range(self.minimum, self.maximum + 1, self.step)
        edges = self.bins if isinstance(self.bins, list) else [self.maximum]
        if not all(edge in reached for edge in edges):
            raise ValueError(f'"step" from the minimum to the maximum and to all edges of "bins", not {self.step}')

    def _check_groups(self) -> None:
        grouped = [str(level) for levels in self.groups.values() for level in levels]
        if self.groups and self.type != "category":
            raise ValueError('"groups" with type: category only')
        if len(grouped) != len(set(grouped)) or not set(grouped) <= set(self.level_names):
            raise ValueError('"groups" of levels of this column, each in one group at most')

    @property
    def span(self) -> str:
        """The bounds as text, with unit and step, of a column that has them."""
        span = f"{self.minimum} to {self.maximum} {self.unit}".strip()
        return span if self.step == 1 else f"{span}, in steps of {self.step}"

    @property
    def level_names(self) -> list[str]:
        """The levels as text, which is how every table of a challenge stores them."""
        return [str(level) for level in self.levels or []]


class PrivacyUnit(Model):
    """Whose privacy is protected: the person (or household) that ``column`` names, with at most ``rows`` rows."""

    column: str
    rows: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 1


class Codebook(Model):
    """Every column of the data, in order, the identifier and the target among them.

    Without a ``privacy_unit``, each row is a person of its own.
    """

    schema_version: Literal[1]
    privacy_unit: PrivacyUnit | None = None
    columns: Annotated[dict[str, Column], Field(min_length=2)]

    @model_validator(mode="after")
    def _references(self) -> Codebook:
        if self.privacy_unit and self.privacy_unit.column not in self.columns:
            raise ValueError(f"privacy_unit.column naming a column, not {self.privacy_unit.column!r}")
        for name, column in self.columns.items():
            for other, levels in column.missing_when.items():
                if other not in self.columns or other == name:
                    raise ValueError(f"columns.{name}.missing_when naming another column, not {other!r}")
                known = self.columns[other]
                if known.type == "category" and not {str(level) for level in levels} <= set(known.level_names):
                    raise ValueError(f"columns.{name}.missing_when with levels of {other!r}")
            if column.since:
                self._check_since(name, column, column.since)
        try:
            self.counted_dates()
        except CycleError as error:
            circle = " since ".join(map(repr, reversed(error.args[1])))
            raise ValueError(f"dates that do not count from each other in a circle, as {circle}") from None
        return self

    def _check_since(self, name: str, column: Column, since: Since) -> None:
        first = self.columns.get(since.column)
        if first is None or first.type != "date":
            raise ValueError(f"columns.{name}.since.column naming a date, not {since.column!r}")
        if first.nullable and not column.nullable:
            raise ValueError(f'columns.{name} with "nullable: true", as {since.column!r} has it')
        earliest = column.minimum.toordinal() - first.minimum.toordinal()
        latest = column.maximum.toordinal() - first.maximum.toordinal()
        if earliest > since.maximum or latest < since.minimum:
            raise ValueError(
                f"columns.{name} whose bounds leave room for a date from {since.minimum} to {since.maximum} days after "
                f"every date of {since.column!r}"
            )

    def counted_dates(self) -> dict[str, Since]:
        """From what each date counts that counts from another one; those that come first in a chain stand first."""
        since = {name: column.since for name, column in self.columns.items() if column.since}
        order = TopologicalSorter({name: [other.column] for name, other in since.items()}).static_order()
        return {name: since[name] for name in order if name in since}


def read_codebook(path: Path) -> Codebook:
    """Read ``codebook.yaml``. Raises :class:`~participant_kit.challenge.finding.FindingsError`."""
    return read_document(path, Codebook)
