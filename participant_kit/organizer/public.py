"""The public half of a challenge folder: what a starter kit may hold, file by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from participant_kit.challenge.folder import (
    CARD,
    GUARANTEE,
    INPUT,
    KEYS,
    NOTEBOOKS,
    PAGES,
    PICTURES,
    REFERENCE,
    REPORT,
    SAMPLE,
    TABLES,
    TEXTS,
    ChallengeFolder,
)

_SHOWN = (*TEXTS, *PICTURES)


def public_files(folder: ChallengeFolder) -> dict[str, Path]:
    """Each file that is there and may be published, by its path in the kit. Nothing else ever is."""
    card = folder.card
    names = [
        CARD,
        card.data.codebook,
        card.environment.requirements,
        KEYS,
        *(f"{SAMPLE}/{table}.parquet" for table in TABLES),
        *(f"{SAMPLE}/{name}" for name in (GUARANTEE, f"{REPORT}.html", f"{REPORT}.json")),
        *sorted(f"{NOTEBOOKS}/{path.name}" for path in folder.notebooks_dir.glob("*.ipynb")),
        *sorted(f"{PAGES}/{path.name}" for path in folder.pages_dir.glob("*") if path.suffix.lower() in _SHOWN),
        *sorted(_of_tasks(folder)),
    ]
    return {name: folder.root / name for name in names if (folder.root / name).is_file()}


def published_programs(folder: ChallengeFolder) -> set[str]:
    """The folders of programs that participants get: ingestion, which runs their code, and scoring of a sample."""
    tasks = folder.card.tasks
    ingestion = {task.ingestion for task in tasks if task.ingestion}
    return ingestion | {task.scoring for task in tasks if (folder.sample_dir / task.name / REFERENCE).is_dir()}


def _of_tasks(folder: ChallengeFolder) -> Iterator[str]:
    tops = [folder.sample_dir / task.name / name for task in folder.card.tasks for name in (INPUT, REFERENCE)]
    tops += [folder.root / name for name in published_programs(folder)]
    for top in tops:
        yield from (path.relative_to(folder.root).as_posix() for path in top.rglob("*") if path.is_file())
