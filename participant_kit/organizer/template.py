"""The texts that are written for an organizer, from templates."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_templates = Environment(  # noqa: S701  # these are YAML and Markdown; nothing here is HTML
    loader=PackageLoader("participant_kit.organizer"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def render(name: str, **values: Any) -> str:
    """The template ``name`` with ``values``."""
    return _templates.get_template(f"{name}.j2").render(**values).rstrip() + "\n"
