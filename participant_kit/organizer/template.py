"""The texts that are written for an organizer, from templates."""

from __future__ import annotations

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from participant_kit.challenge.codebook import Column

_templates = Environment(  # noqa: S701  # these are YAML and Markdown; nothing here is HTML
    loader=PackageLoader("participant_kit.organizer"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _cell(value: object) -> str:
    """Text for a cell of a Markdown table: on one line, its bars escaped."""
    return " ".join(str(value).split()).replace("|", "\\|")


def _allowed(column: Column, most: int = 1_000_000) -> str:
    """What a column may hold; of levels, the first ``most``."""
    if column.levels:
        rest = f" and {len(column.levels) - most} more" if len(column.levels) > most else ""
        return ", ".join(f"`{level}`" for level in column.level_names[:most]) + rest
    if column.minimum is None:
        return {"boolean": "`True`, `False`"}.get(column.type, "")
    return column.span


def _missing(column: Column) -> str:
    """Whether and when values are missing."""
    if not column.nullable:
        return "never"
    whens = [
        f"where `{other}` is {' or '.join(f'`{level}`' for level in levels)}"
        for other, levels in column.missing_when.items()
    ]
    shares = [f"about {column.missing:.1%}"] if column.missing else []
    return "; ".join([*shares, *whens]) or "may be"


def _python(value: object) -> str:
    """``value`` as it is written in Python, texts in double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


_templates.filters |= {"cell": _cell, "allowed": _allowed, "missing": _missing, "python": _python}


def render(name: str, **values: Any) -> str:
    """The template ``name`` with ``values``."""
    return _templates.get_template(f"{name}.j2").render(**values).rstrip() + "\n"
