"""Synthesizers by name. Other packages add one with the entry point group ``participant_kit.synthesizers``."""

from __future__ import annotations

from importlib.metadata import entry_points

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import write_table
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.base import Synthesizer

__all__ = ["Synthesizer", "get_synthesizer", "synthesizer_names", "write_sample"]

GROUP = "participant_kit.synthesizers"


def synthesizer_names() -> list[str]:
    """The names that :func:`get_synthesizer` knows."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def get_synthesizer(name: str) -> Synthesizer:
    """The synthesizer ``name``. Raises :class:`OrganizerError`."""
    for entry in entry_points(group=GROUP, name=name):
        synthesizer: Synthesizer = entry.load()()
        return synthesizer
    raise OrganizerError(f"There is no synthesizer {name!r}.", hint=f"Known: {', '.join(synthesizer_names())}.")


def write_sample(
    folder: ChallengeFolder, mode: str = "schema", *, rows: int = 500, test_rows: int = 250, seed: int = 0
) -> None:
    """Write ``sample_data/train.parquet`` and ``test.parquet`` of ``folder``. Raises :class:`OrganizerError`."""
    if rows < 1 or test_rows < 1:
        raise OrganizerError(f"{rows} and {test_rows} rows make no sample.", hint="Ask for at least one row of each.")
    for name, table in get_synthesizer(mode).synthesize(folder, rows=rows, test_rows=test_rows, seed=seed).items():
        write_table(table, folder.sample_dir / f"{name}.parquet")
