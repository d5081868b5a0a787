"""A notebook as it is sent: its code and text, without outputs, and the same bytes for the same notebook."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from participant_kit.challenge.units import format_size
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.magic_lines import leave_out

MAX_FILE = 512 << 20
"""Bytes of a file that is read at all; outputs, which are dropped, may be most of it."""


@dataclass(frozen=True)
class Prepared:
    """``notebook`` is what is sent (nbformat 4.5, UTF-8), ``sha256`` its digest, ``source_nb`` it parsed."""

    notebook: bytes
    sha256: str
    source_nb: Any


class NotebookError(ParticipantError):
    """A file that cannot be sent as a notebook. ``reason`` is a word of the closed list of reasons."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "unreadable_notebook") -> None:
        self.reason = reason
        super().__init__(message, hint=hint, code="notebook")


def prepare_notebook(path: Path, max_bytes: int | None = None) -> Prepared:
    """Read and normalise the notebook at ``path``.

    Outputs, execution counts, widget state and all metadata but language, kernel and tags are dropped; attachments
    stay. Lines such as ``%blind submit`` become comments. Raises :class:`NotebookError`, also when more than
    ``max_bytes`` are left.
    """
    notebook = _normalised(_read(path), path.name)
    try:
        content = nbformat.writes(notebook, version=4).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        raise NotebookError(f"{path.name} holds text that is not Unicode.", hint="Type that cell anew.") from None
    except RecursionError as error:
        raise _invalid(path.name, error) from None
    if max_bytes is not None and len(content) > max_bytes:
        raise NotebookError(
            f"{path.name} has {len(content) / 2**20:.1f} MiB without outputs; {format_size(max_bytes)} are allowed.",
            hint="Look for data pasted into a cell, or images dropped into a text cell.",
            reason="too_large",
        )
    return Prepared(content, hashlib.sha256(content).hexdigest(), notebook)


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_FILE:
            hint = "Clear its outputs in JupyterLab: Edit, Clear Outputs of All Cells."
            raise NotebookError(f"{path.name} is larger than {format_size(MAX_FILE)}.", hint=hint, reason="too_large")
        content = path.read_bytes()
    except OSError as error:
        hint = "Give the path of a file that ends in .ipynb."
        raise NotebookError(f"{path} cannot be read: {error.strerror}.", hint=hint) from None
    try:
        parsed = json.loads(content)
        if not isinstance(parsed, dict) or not isinstance(parsed.get("nbformat"), int):
            raise NotebookError(f"{path.name} is JSON, but no notebook.", hint="Give a file that JupyterLab opens.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about identifiers, which are made anew below
            notebook = nbformat.from_dict(parsed)
            if notebook.nbformat < 4:
                notebook = nbformat.convert(notebook, 4)
        return notebook
    except NotebookError:
        raise
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its bytes"
        raise NotebookError(
            f"{path.name} is no notebook: no JSON ({where}).", hint="Give a file that JupyterLab opens."
        ) from None
    except Exception as error:  # the converters of old formats raise what they meet
        raise _invalid(path.name, error) from None


def _normalised(notebook: Any, name: str) -> Any:
    try:
        cells = [_cell(cell, number) for number, cell in enumerate(notebook["cells"], 1)]
        metadata = _metadata(notebook.get("metadata", {}))
        result = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})
        nbformat.validate(result)
    except Exception as error:  # nbformat raises its own errors, and whatever a wrong type leads to
        raise _invalid(name, error) from None
    return result


def _cell(cell: Any, number: int) -> dict[str, Any]:
    kind, source, tags = cell["cell_type"], cell["source"], cell.get("metadata", {}).get("tags")
    new = {
        "cell_type": kind,
        "id": f"cell-{number}",  # the position, so that equal notebooks are equal bytes
        "metadata": {"tags": tags} if tags else {},
        "source": "".join(source) if isinstance(source, list) else source,
    }
    if kind == "code":
        new |= {"source": leave_out(new["source"]), "execution_count": None, "outputs": []}
    elif cell.get("attachments"):
        new["attachments"] = cell["attachments"]
    return new


def _metadata(metadata: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if kernel := metadata.get("kernelspec"):
        kept["kernelspec"] = {key: kernel[key] for key in ("name", "display_name", "language") if key in kernel}
        kept["kernelspec"].setdefault("display_name", kernel.get("name", ""))
    if name := metadata.get("language_info", {}).get("name"):
        kept["language_info"] = {"name": name}
    return kept


def _invalid(name: str, error: Exception) -> NotebookError:
    try:
        text = str(error).splitlines()
    except RecursionError:  # it shows what is wrong, which is nested too deep to be shown
        text = []
    return NotebookError(
        f"{name} is no valid notebook: {type(error).__name__} {text[0][:200] if text else ''}".rstrip() + ".",
        hint="Open it in JupyterLab and save it again.",
    )
