"""Looking for the private half in the public one: files by their content, rows by their values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import INPUT, PRIVATE, SAMPLE, TABLES, ChallengeFolder, file_digest
from participant_kit.challenge.table import conform
from participant_kit.organizer.public import public_files
from participant_kit.organizer.synthesize import Request, get_synthesizer

_NULL_ROWS = 10
"""How many times the sample's rows are drawn to learn how often rows are equal by chance."""
_NULL_SEED = 2**31 - 1
"""A seed that no sample is made with."""


def find_leaks(
    folder: ChallengeFolder, private: dict[str, dict[str, pd.DataFrame]], sample: dict[str, pd.DataFrame]
) -> Iterator[Finding]:
    """Every private file, and every row of one, that is in the public half of ``folder``.

    ``private`` holds the tables by phase and name, ``sample`` by name. Rows are compared by all columns but
    the identifier and the target. Where the codebook allows so few different rows that some are equal by
    chance, as many are allowed as rows drawn from the codebook alone would have.
    """
    yield from leaked_files(folder)
    real = set()
    for tables in private.values():
        for name in TABLES:
            real.update(_rows(folder, tables.get(name)))
    found = {name: sum(row in real for row in _rows(folder, table)) for name, table in sample.items()}
    if not any(found.values()):
        return
    sizes = {name: _NULL_ROWS * max(len(table), 1) for name, table in sample.items()}
    asked = Request(rows=sizes.get("train", 1), test_rows=sizes.get("test", 1), seed=_NULL_SEED)
    drawn = get_synthesizer("schema").synthesize(folder, asked).tables
    for name, count in found.items():
        by_chance = sum(row in real for row in _rows(folder, drawn[name]))
        file, text = f"{SAMPLE}/{name}.parquet", f"{count} of its {len(sample[name])} rows"
        if count > by_chance:  # ten times as many rows were drawn, so this is ten times what chance would give
            yield Finding(file, "no row of the private tables", text)
        elif count:
            expected = "columns enough that rows are not equal to private ones by chance"
            yield Finding(file, expected, text, level="warning")


def _rows(folder: ChallengeFolder, table: pd.DataFrame | None) -> list[int]:
    """A hash of each row of ``table``; none when there is no table, or it does not fit the codebook."""
    data = folder.card.data
    columns = [name for name in folder.codebook.columns if name not in (data.identifier, data.target)]
    try:
        fitted = conform(table, folder.codebook, columns) if table is not None else None
    except ChallengeError:  # that is a finding of its own
        fitted = None
    return pd.util.hash_pandas_object(fitted, index=False).tolist() if fitted is not None and columns else []


def leaked_files(folder: ChallengeFolder) -> Iterator[Finding]:
    """Every private file that is in the public half; see :func:`secret_files`."""
    known = secret_files(folder)
    for name, path in public_files(folder).items():
        if (same := known.get(file_digest(path))) is not None:
            yield Finding(name, "no private file", f"the content of {same.relative_to(folder.root).as_posix()}")


def secret_files(folder: ChallengeFolder) -> dict[str, Path]:
    """By its digest every private file, but empty ones, and what is said to be a public input."""
    public = {task.name for task in folder.card.tasks if task.public_input}
    known = {}
    for path in (folder.root / PRIVATE).rglob("*"):
        _, *parts = path.relative_to(folder.root / PRIVATE).parts
        if path.is_file() and path.stat().st_size and not (parts[1:2] == [INPUT] and parts[0] in public):
            known[file_digest(path)] = path
    return known
