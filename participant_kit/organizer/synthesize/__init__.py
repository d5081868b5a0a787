"""Synthesizers by name. Other packages add one with the entry point group ``participant_kit.synthesizers``."""

from __future__ import annotations

import hashlib
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import GUARANTEE, SAMPLE, ChallengeFolder
from participant_kit.challenge.table import check_table, write_table
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.base import Guarantee, Request, Sample, Synthesizer

__all__ = [
    "Guarantee",
    "Request",
    "Sample",
    "Synthesizer",
    "get_synthesizer",
    "read_guarantee",
    "synthesizer_names",
    "write_sample",
]

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


def write_sample(folder: ChallengeFolder, mode: str, request: Request | None = None) -> Sample:
    """Write ``train.parquet``, ``test.parquet`` and ``guarantee.json`` into ``sample_data/`` of ``folder``.

    Whatever made it, the sample fits the codebook, or nothing is written. Raises :class:`OrganizerError`, or
    :class:`~participant_kit.challenge.finding.FindingsError` naming every way in which it does not fit.
    """
    request = request or Request()
    if min(request.rows or 1, request.test_rows or 1) < 1:
        raise OrganizerError(
            f"{request.rows} and {request.test_rows} rows make no sample.", hint="Ask for at least one row of each."
        )
    sample = get_synthesizer(mode).synthesize(folder, request)
    data, names = folder.card.data, list(folder.codebook.columns)
    expected = {"train": names, "test": [name for name in names if name != data.target]}
    findings = [
        finding
        for name, columns in expected.items()
        for finding in check_table(
            sample.tables[name], folder.codebook, columns, file=f"{SAMPLE}/{name}.parquet", identifier=data.identifier
        )
    ]
    if findings:
        raise FindingsError(findings, hint=f"The synthesizer {mode!r} made a sample that does not fit; correct it.")
    folder.sample_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=folder.root) as temporary:
        made = {name: Path(temporary, f"{name}.parquet") for name in expected}
        for name, path in made.items():
            write_table(sample.tables[name], path)
        digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in made.items()}
        guarantee = sample.guarantee.model_copy(update={"sha256": digests})
        text = Path(temporary, GUARANTEE)
        text.write_text(guarantee.model_dump_json(indent=2, exclude_none=True) + "\n")
        for path in (*made.values(), text):
            path.replace(folder.sample_dir / path.name)
    return Sample(sample.tables, guarantee, sample.notes)


def read_guarantee(folder: ChallengeFolder) -> Guarantee | None:
    """What was said of the sample of ``folder`` when it was made; None when nothing was.

    Raises :class:`OrganizerError` for a file that is none.
    """
    path = folder.sample_dir / GUARANTEE
    try:
        return Guarantee.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise OrganizerError(
            f"{SAMPLE}/{GUARANTEE} says nothing that can be read.",
            hint="Make the sample again: pkit challenge synthesize",
        ) from None
