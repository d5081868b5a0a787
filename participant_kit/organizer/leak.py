"""Looking for the private half in the public one: files by their content, rows by their values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import PRIVATE, SAMPLE, ChallengeFolder
from participant_kit.organizer.public import public_files
from participant_kit.organizer.synthesize import get_synthesizer

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
    yield from _files(folder)
    identifier, target = folder.card.data.identifier, folder.card.data.target
    columns = [name for name in folder.codebook.columns if name not in (identifier, target)]
    tables = [table for of_phase in private.values() for name, table in of_phase.items() if name in ("train", "test")]
    real = pd.concat([_hash(table, columns) for table in tables])
    found = {name: int(_hash(table, columns).isin(real).sum()) for name, table in sample.items()}
    if not any(found.values()):
        return
    sizes = {name: len(table) for name, table in sample.items()}
    drawn = get_synthesizer("schema").synthesize(
        folder, rows=_NULL_ROWS * sizes["train"], test_rows=_NULL_ROWS * sizes["test"], seed=_NULL_SEED
    )
    for name, count in found.items():
        by_chance = int(_hash(drawn[name], columns).isin(real).sum())
        file, text = f"{SAMPLE}/{name}.parquet", f"{count} of its {sizes[name]} rows"
        if count > by_chance:  # ten times as many rows were drawn, so this is ten times what chance would give
            yield Finding(file, "no row of the private tables", text)
        elif count:
            expected = "columns enough that rows are not equal to private ones by chance"
            yield Finding(file, expected, text, level="warning")


def _hash(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series[int]:
    return pd.util.hash_pandas_object(table[list(columns)], index=False)


def _files(folder: ChallengeFolder) -> Iterator[Finding]:
    known = {_digest(path): path for path in (folder.root / PRIVATE).rglob("*") if path.is_file()}
    for name, path in public_files(folder).items():
        if (same := known.get(_digest(path))) is not None:
            yield Finding(name, "no private file", f"the content of {same.relative_to(folder.root).as_posix()}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
