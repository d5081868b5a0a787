"""The real data of a challenge, as one runner sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from participant_kit.challenge.folder import INPUT, LABELS, REFERENCE, TABLES, ChallengeFolder, file_digest
from participant_kit.secure_side.errors import SecureSideError


def phase_folder(folder: ChallengeFolder, phase: str) -> Path:
    """The folder of one phase, with its tables or tasks. Raises :class:`SecureSideError` when one is missing."""
    where, card = folder.private_dir(phase), folder.card
    if card.tasks:
        missing = [task.name for task in card.tasks_of(phase) if not (where / task.name / REFERENCE).is_dir()]
        missing = [f"{name}/{REFERENCE}" for name in missing]
    else:
        missing = [f"{name}.parquet" for name in (*TABLES, LABELS) if not (where / f"{name}.parquet").is_file()]
    if missing:
        raise SecureSideError(
            f"{where} has no {', '.join(missing)}.",
            hint=f"Check the folder with: pkit challenge check {folder.root}",
        )
    return where


def data_digests(folder: ChallengeFolder) -> dict[str, str]:
    """Hex SHA-256 of every private file, by its path below ``private/``; see :mod:`participant_kit.protocol.merkle`.

    Raises :class:`SecureSideError` when a table or a task's folder is missing.
    """
    digests: dict[str, str] = {}
    for phase in folder.card.phases:
        where = phase_folder(folder, phase.name)
        if folder.card.tasks:
            tasks = [task.name for task in folder.card.tasks_of(phase.name)]
            digests |= {f"{phase.name}/{name}": digest for name, digest in _digests(where, tasks)}
        else:
            names = [f"{name}.parquet" for name in (*TABLES, LABELS)]
            digests |= {f"{phase.name}/{name}": file_digest(where / name) for name in names}
    return digests


def sample_digests(folder: ChallengeFolder) -> dict[str, str]:
    """The same of the published sample."""
    if folder.card.tasks:
        return dict(_digests(folder.sample_dir, [task.name for task in folder.card.tasks]))
    return {f"{name}.parquet": file_digest(folder.sample_dir / f"{name}.parquet") for name in TABLES}


def _digests(where: Path, tasks: list[str]) -> Iterator[tuple[str, str]]:
    """Every file of the tasks' folders in ``where``."""
    for path in sorted(
        path for task in tasks for name in (INPUT, REFERENCE) for path in (where / task / name).rglob("*")
    ):
        if path.is_symlink():
            raise SecureSideError(f"{path} is a link, which leads nowhere in a sandbox.", hint="Copy the file.")
        if path.is_file():
            yield path.relative_to(where).as_posix(), file_digest(path)
