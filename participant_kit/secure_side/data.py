"""The real data of a challenge, as one runner sees it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from participant_kit.challenge.folder import LABELS, TABLES, ChallengeFolder
from participant_kit.secure_side.errors import SecureSideError


def phase_tables(folder: ChallengeFolder, phase: str) -> Path:
    """The folder with one phase's tables. Raises :class:`SecureSideError` when a table is missing."""
    tables = folder.private_dir(phase)
    missing = [name for name in (*TABLES, LABELS) if not (tables / f"{name}.parquet").is_file()]
    if missing:
        raise SecureSideError(
            f"{tables} has no {', '.join(f'{name}.parquet' for name in missing)}.",
            hint=f"Check the folder with: pkit challenge check {folder.root}",
        )
    return tables


def data_digests(folder: ChallengeFolder) -> dict[str, str]:
    """Hex SHA-256 of every private table, by its path below ``private/``; see :mod:`participant_kit.protocol.merkle`.

    Raises :class:`SecureSideError` when a table is missing.
    """
    return {
        f"{phase.name}/{name}.parquet": file_digest(phase_tables(folder, phase.name) / f"{name}.parquet")
        for phase in folder.card.phases
        for name in (*TABLES, LABELS)
    }


def sample_digests(folder: ChallengeFolder) -> dict[str, str]:
    """The same of the published sample."""
    return {f"{name}.parquet": file_digest(folder.sample_dir / f"{name}.parquet") for name in TABLES}


def file_digest(path: Path) -> str:
    """Hex SHA-256 of one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
