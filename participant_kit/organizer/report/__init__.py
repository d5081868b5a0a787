"""Reports on the synthetic sample: the organizer's, which looks at real data and stays, and the published one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import PRIVATE, REPORT, ChallengeFolder
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.report.attacks import AttackFigures, run_attacks
from participant_kit.organizer.report.html import organizer_html, published_html
from participant_kit.organizer.report.organizer import OrganizerReport, organizer_report
from participant_kit.organizer.report.published import published_report
from participant_kit.organizer.report.tables import read_sample
from participant_kit.organizer.synthesize.base import Guarantee

__all__ = [
    "AttackFigures",
    "OrganizerReport",
    "published_files",
    "run_attacks",
    "write_organizer_report",
    "write_published_report",
]

ORGANIZER = "sample_report"
"""In the private folder, as ``.html`` and ``.json``."""


def write_published_report(folder: ChallengeFolder, guarantee: Guarantee) -> Path:
    """Write ``sample_data/report.html`` and ``report.json``, of the sample, card, codebook and guarantee alone.

    Returns the page's path. Raises :class:`~participant_kit.challenge.errors.ChallengeError` for a sample that
    cannot be read, and :class:`OrganizerError` where the files cannot be written.
    """
    files = published_files(folder, guarantee)
    return _write(folder.sample_dir / REPORT, files[".html"], files[".json"])


def published_files(folder: ChallengeFolder, guarantee: Guarantee) -> dict[str, str]:
    """What :func:`write_published_report` writes, by suffix; the same sample gives the same."""
    report = published_report(folder.card, folder.codebook, guarantee, *read_sample(folder))
    return {".html": published_html(report), ".json": report.model_dump_json(indent=1) + "\n"}


def write_organizer_report(
    folder: ChallengeFolder,
    guarantee: Guarantee,
    *,
    notes: Sequence[str] = (),
    phase: str | None = None,
    attacks: AttackFigures | None = None,
    parity: Sequence[Finding] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> OrganizerReport:
    """Write ``private/sample_report.html`` and ``.json``, which look at the real tables of ``phase``.

    ``phase`` is the card's first unless it is named. ``notes``: what the synthesizer tells the organizer.
    ``attacks``: of :func:`run_attacks`. ``parity``: how notebooks differ between sample and real rows; None where
    that was not tried. The same tables give the same figures. Raises :class:`OrganizerError`, and
    :class:`~participant_kit.challenge.errors.ChallengeError` for tables that cannot be read.
    """
    report = organizer_report(
        folder, guarantee, notes=notes, phase=phase, attacks=attacks, parity=parity, tell=tell
    )  # fmt: skip
    _write(folder.root / PRIVATE / ORGANIZER, organizer_html(report), report.model_dump_json(indent=1) + "\n")
    return report


def _write(stem: Path, page: str, figures: str) -> Path:
    path = stem.with_suffix(".html")
    try:
        path.write_text(page, "utf-8")
        stem.with_suffix(".json").write_text(figures, "utf-8")
    except OSError as error:
        raise OrganizerError(
            f"The report cannot be written to {path.parent}: {error.strerror}.",
            hint="Free some space, or correct who may write there.",
        ) from None
    return path
