"""Names as they may stand in a card, made of those that people gave."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def slugs(names: Iterable[str], instead: str) -> list[str]:
    """A short name for each of ``names``, no two alike; ``instead`` and a number for what has no letters."""
    made: list[str] = []
    for number, name in enumerate(names, 1):
        slug = re.sub(r"[^a-z0-9]+", "-", _plain(name).lower()).strip("-")[:60].strip("-")
        made.append(_unlike(slug if len(slug) > 1 else f"{instead}-{slug or number}", made, "-"))
    return made


def file_name(name: str, taken: Iterable[str]) -> str:
    """A file name made of the last part of ``name``, none of ``taken``."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "_", _plain(name.rstrip("/").rpartition("/")[2])).lstrip("._-")[-90:] or "file"
    stem, dot, ending = last.rpartition(".")
    if not dot:
        stem, ending = last, ""
    stems = [other.removesuffix(dot + ending) for other in taken if other.endswith(dot + ending)]
    return _unlike(stem.lstrip("._-") or "file", stems, "_") + dot + ending


def _unlike(name: str, taken: Iterable[str], between: str) -> str:
    known, number = set(taken), 1
    while (tried := name if number == 1 else f"{name}{between}{number}") in known:
        number += 1
    return tried


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
