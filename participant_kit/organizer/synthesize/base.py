"""What a synthesizer is, what it is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd
from pydantic import BaseModel, ConfigDict

from participant_kit.challenge.folder import ChallengeFolder


@dataclass(frozen=True)
class Request:
    """What the organizer asks for; None leaves it to the synthesizer.

    ``rows`` of train and ``test_rows`` of test, both at least 1. ``epsilon``, above 0, is what the sample may spend
    of the privacy of a person. ``seed`` gives the same rows again, where a synthesizer can promise that.
    ``program`` is the command line of the organizer's own synthesizer.
    """

    rows: int | None = None
    test_rows: int | None = None
    epsilon: float | None = None
    seed: int | None = None
    program: tuple[str, ...] = ()


class Guarantee(BaseModel):
    """What may be said in public of how a sample was made: ``sample_data/guarantee.json``.

    ``looks_at_data``: whether the private tables were read at all. ``epsilon`` and ``delta`` of this sample, and
    ``epsilon_total`` of every sample so far, are for adding or removing one ``privacy_unit`` (a column, or "row")
    with at most ``rows_per_unit`` rows; all are None where there is no such guarantee. ``sha256`` of the tables' files,
    by name, ties it to them.
    """

    model_config = ConfigDict(frozen=True)

    mode: str
    looks_at_data: bool
    statement: str
    epsilon: float | None = None
    delta: float | None = None
    epsilon_total: float | None = None
    privacy_unit: str = "row"
    rows_per_unit: int = 1
    mechanism: str = ""
    sha256: dict[str, str] = {}


@dataclass(frozen=True)
class Sample:
    """Tables by name (``train``, and ``test`` without the target), the guarantee, and what the organizer is to know.

    ``notes`` may tell of the private data and are for the organizer alone.
    """

    tables: dict[str, pd.DataFrame]
    guarantee: Guarantee
    notes: list[str] = field(default_factory=list)


class Synthesizer(Protocol):
    """Makes the sample that participants work on."""

    name: str

    def synthesize(self, folder: ChallengeFolder, request: Request) -> Sample:
        """The sample of ``folder``: its tables conform to the codebook, and no identifier is in both.

        Raises :class:`~participant_kit.organizer.errors.OrganizerError`.
        """
        ...
