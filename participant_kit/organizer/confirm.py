"""Confirming drafted columns: their ``draft: true`` goes out of the codebook, and every other byte stays."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from participant_kit.challenge.codebook import Codebook, read_codebook
from participant_kit.challenge.document import parse_document
from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.errors import OrganizerError, near_misses

Span = tuple[int, int]
"""Where a piece of text begins, and where it has ended, in characters."""


def draft_columns(folder: ChallengeFolder, names: Sequence[str] | None = None) -> list[str]:
    """The columns of ``folder`` (or of those ``names``) that nobody has confirmed, in the codebook's order.

    Raises :class:`OrganizerError` for a name that is no column, and
    :class:`~participant_kit.challenge.finding.FindingsError` for a codebook with mistakes.
    """
    path = folder.codebook_path
    return _drafts(read_codebook(path), path.name, names)


def confirm_columns(folder: ChallengeFolder, names: Sequence[str]) -> list[str]:
    """Take ``draft: true`` from the columns ``names`` of ``folder``; those that had it, in the codebook's order.

    The codebook is written whole or not at all. Raises like :func:`draft_columns`, and :class:`OrganizerError` for
    a codebook that cannot be edited or written.
    """
    path = folder.codebook_path
    codebook = read_codebook(path)
    confirmed = _drafts(codebook, path.name, names)
    if confirmed:
        after = _without_drafts(path.read_bytes().decode("utf-8"), confirmed).encode("utf-8")
        _check(after, codebook, confirmed, path.name)
        _write(path, after)
    return confirmed


def _drafts(codebook: Codebook, file: str, names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if name not in codebook.columns:
            raise OrganizerError(f"{file} has no column {name!r}.", hint=near_misses(name, list(codebook.columns)))
    return [name for name, column in codebook.columns.items() if column.draft and (names is None or name in names)]


def _without_drafts(text: str, names: Sequence[str]) -> str:
    columns = _entries(yaml.compose(text, Loader=yaml.SafeLoader))["columns"]
    spans = [span for key, node in columns.value if key.value in names for span in _draft_spans(text, node)]
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text


def _entries(mapping: Any) -> dict[str, Any]:
    return {key.value: value for key, value in mapping.value}


def _draft_spans(text: str, mapping: Any) -> list[Span]:
    """What to delete of ``mapping``, a column, so that it has no key ``draft``."""
    position = [key.value for key, _ in mapping.value].index("draft")
    key, value = mapping.value[position]
    start, end = key.start_mark.index, value.end_mark.index
    if not mapping.flow_style:
        return [_block_span(text, start, end)]
    if position + 1 < len(mapping.value):  # up to the next key, or at least up to the end of this line
        comma = text.index(",", end)
        return [(start, comma + 1 + len(_spaces(text, comma + 1)))]
    if position == 0:
        return [(start, end)]
    last = mapping.value[position - 1][1].end_mark.index
    comma = text.index(",", last)
    return [(comma, end)] if not text[comma + 1 : start].strip() else [(comma, comma + 1), (start, end)]


def _block_span(text: str, start: int, end: int) -> Span:
    """The whole line, if ``draft: true`` has it for itself; else what stands before a comment."""
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*(\r?\n|$)").match(text, end)
    if text[line:start].strip() or rest is None:
        return start, end + len(_spaces(text, end))
    return line, rest.end()


def _spaces(text: str, start: int) -> str:
    found = re.compile(r"[ \t]*").match(text, start)
    return found[0] if found else ""


def _check(content: bytes, before: Codebook, confirmed: Sequence[str], name: str) -> None:
    """That the edited file says what it said, without these drafts: YAML has more ways of writing than are known."""
    columns = {
        key: column.model_copy(update={"draft": False}) if key in confirmed else column
        for key, column in before.columns.items()
    }
    try:
        if parse_document(content, Codebook, name) == before.model_copy(update={"columns": columns}):
            return
    except FindingsError:
        pass
    raise OrganizerError(
        f"{name} is written in a way that cannot be edited safely.", hint="Delete each `draft: true` by hand."
    )


def _write(path: Path, content: bytes) -> None:
    path = path.resolve()
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}-", dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise OrganizerError(
            f"{path} cannot be written: {error.strerror}.", hint="Free some space, or check who may write there."
        ) from None
