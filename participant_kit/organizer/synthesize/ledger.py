"""What the samples of a challenge have spent of the privacy of its people: ``private/privacy_ledger.jsonl``.

A line for each private sample, written before the data is looked at: a run that was killed has spent all the same.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from participant_kit.challenge.card import Privacy
from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.synthesize.accountant import composed, epsilon_of, rho_of

LEDGER = "privacy_ledger.jsonl"


class Entry(BaseModel):
    """One private sample. ``rho`` is its cost in zero-concentrated differential privacy, for one ``privacy_unit``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    mode: str
    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    rho: float = Field(gt=0)
    privacy_unit: str
    rows_per_unit: int


def ledger_path(folder: ChallengeFolder) -> Path:
    """Where the ledger of ``folder`` is."""
    return folder.root / PRIVATE / LEDGER


def read_ledger(folder: ChallengeFolder) -> list[Entry]:
    """Every entry, the first one first. Raises :class:`OrganizerError` when a line is none."""
    path = ledger_path(folder)
    try:
        return [Entry.model_validate_json(line) for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, ValidationError):
        raise OrganizerError(
            f"{PRIVATE}/{LEDGER} cannot be read, so what was spent is not known.",
            hint="Restore it from a backup; no private sample is made without it.",
        ) from None


def total_epsilon(entries: list[Entry], delta: float) -> float:
    """The epsilon of all ``entries`` together at ``delta``, composed and converted by OpenDP."""
    return epsilon_of(composed([entry.rho for entry in entries]), delta) if entries else 0.0


def charge(folder: ChallengeFolder, entry: Entry, privacy: Privacy) -> float:
    """Write ``entry`` down and give the epsilon of all entries, this one among them.

    Raises :class:`OrganizerError` when that would pass the limit of ``privacy``; then nothing is written.
    """
    path = ledger_path(folder)
    with FileLock(path.with_suffix(".lock")):
        entries = read_ledger(folder)
        total = total_epsilon([*entries, entry], privacy.delta)
        if total > privacy.epsilon_limit * (1 + 1e-6):
            raise OrganizerError(
                f"This sample would bring the data to epsilon {total:.3g}, above the limit {privacy.epsilon_limit:g} "
                f"of the card. Samples so far: {len(entries)}; spent: {total_epsilon(entries, privacy.delta):.3g}.",
                hint=_hint(entries, privacy),
            )
        with path.open("a", encoding="utf-8") as file:
            file.write(entry.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
    return total


def new_entry(mode: str, epsilon: float, privacy: Privacy, unit: str, rows: int) -> Entry:
    """An entry for a sample of ``epsilon``."""
    return Entry(
        at=datetime.now(UTC),
        mode=mode,
        epsilon=epsilon,
        delta=privacy.delta,
        rho=rho_of(epsilon, privacy.delta),
        privacy_unit=unit,
        rows_per_unit=rows,
    )


def _hint(entries: list[Entry], privacy: Privacy) -> str:
    spent = composed([entry.rho for entry in entries]) if entries else 0.0
    left = rho_of(privacy.epsilon_limit, privacy.delta) - spent
    usual = "keep the sample that you have, or raise privacy.epsilon_limit in the card, which the data holder decides"
    return (
        f"At most --epsilon {epsilon_of(left, privacy.delta) * 0.999:.2f} is left; {usual}."
        if left > 1e-6
        else f"Nothing is left; {usual}."
    )
