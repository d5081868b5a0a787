"""The public half of a challenge folder: what a starter kit may hold, file by file."""

from __future__ import annotations

from pathlib import Path

from participant_kit.challenge.folder import (
    CARD,
    GUARANTEE,
    KEYS,
    NOTEBOOKS,
    PAGES,
    PICTURES,
    REPORT,
    SAMPLE,
    TABLES,
    TEXTS,
    ChallengeFolder,
)

_SHOWN = (*TEXTS, *PICTURES)


def public_files(folder: ChallengeFolder) -> dict[str, Path]:
    """Each file that is there and may be published, by its path in the kit. Nothing else ever is."""
    names = [
        CARD,
        folder.card.data.codebook,
        folder.card.environment.requirements,
        KEYS,
        *(f"{SAMPLE}/{table}.parquet" for table in TABLES),
        *(f"{SAMPLE}/{name}" for name in (GUARANTEE, f"{REPORT}.html", f"{REPORT}.json")),
        *sorted(f"{NOTEBOOKS}/{path.name}" for path in folder.notebooks_dir.glob("*.ipynb")),
        *sorted(f"{PAGES}/{path.name}" for path in folder.pages_dir.glob("*") if path.suffix.lower() in _SHOWN),
    ]
    return {name: folder.root / name for name in names if (folder.root / name).is_file()}
