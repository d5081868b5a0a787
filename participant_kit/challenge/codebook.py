"""The codebook: what each column may hold, said by people, never read off the data."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from participant_kit.challenge.document import Model, read_document

ColumnType = Literal["integer", "number", "category", "boolean", "date", "text"]

DTYPES: dict[str, str] = {
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "text": "string",
}
"""The pandas dtype of each column type; a category is a ``CategoricalDtype`` of all its levels."""


class Column(Model):
    """One column of the data.

    ``minimum`` and ``maximum`` are inclusive, in ``unit`` (ISO dates for a date). ``missing`` is the share
    of missing values that may be told to everybody, in [0, 1]; it shapes the sample and is no limit.
    ``missing_when`` names structural zeros: this column is always missing where another one has one of
    the given levels. ``draft`` marks what was guessed from data and not yet confirmed by a person.
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
        return self

    @property
    def level_names(self) -> list[str]:
        """The levels as text, which is how every table of a challenge stores them."""
        return [str(level) for level in self.levels or []]


class Codebook(Model):
    """Every column of the data, in order, the identifier and the target among them."""

    schema_version: Literal[1]
    columns: Annotated[dict[str, Column], Field(min_length=2)]

    @model_validator(mode="after")
    def _references(self) -> Codebook:
        for name, column in self.columns.items():
            for other, levels in column.missing_when.items():
                if other not in self.columns or other == name:
                    raise ValueError(f"columns.{name}.missing_when naming another column, not {other!r}")
                known = self.columns[other]
                if known.type == "category" and not {str(level) for level in levels} <= set(known.level_names):
                    raise ValueError(f"columns.{name}.missing_when with levels of {other!r}")
        return self


def read_codebook(path: Path) -> Codebook:
    """Read ``codebook.yaml``. Raises :class:`~participant_kit.challenge.finding.FindingsError`."""
    return read_document(path, Codebook)
