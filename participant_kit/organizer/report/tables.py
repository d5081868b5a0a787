"""The tables that the organizer's report compares."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.folder import LABELS, ChallengeFolder
from participant_kit.challenge.table import conform, read_table
from participant_kit.organizer.errors import OrganizerError

ROWS = 20_000
"""Rows of each table that a report looks at, at most, but for copies, which are sought in all."""


@dataclass(frozen=True)
class Tables:
    """``train``: the real rows that a sample may be learned from; ``held_out``: the phase's test rows with their
    labels; ``synthetic`` and ``synthetic_test``: the sample. All in the codebook's dtypes."""

    phase: str
    train: pd.DataFrame
    held_out: pd.DataFrame
    synthetic: pd.DataFrame
    synthetic_test: pd.DataFrame

    @property
    def sample(self) -> pd.DataFrame:
        """All synthetic rows, without a target for those of the test table."""
        return pd.concat([self.synthetic, self.synthetic_test], ignore_index=True)


def input_names(card: Card, codebook: Codebook) -> list[str]:
    """Every column but the identifier and the target."""
    return [name for name in codebook.columns if name not in (card.data.identifier, card.data.target)]


def read_sample(folder: ChallengeFolder) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sample's train and test tables. Raises :class:`~participant_kit.challenge.errors.ChallengeError`."""
    inputs = [name for name in folder.codebook.columns if name != folder.card.data.target]
    train = conform(read_table(folder.sample_dir / "train.parquet"), folder.codebook)
    return train, conform(read_table(folder.sample_dir / "test.parquet"), folder.codebook, inputs)


def read_tables(folder: ChallengeFolder, phase: str | None) -> Tables:
    """The tables of ``phase``, or of the card's first, and the sample.

    Raises :class:`OrganizerError` for a phase that the card does not name, and
    :class:`~participant_kit.challenge.errors.ChallengeError` for tables that cannot be read or do not fit.
    """
    known = [each.name for each in folder.card.phases]
    phase = phase or known[0]
    if phase not in known:
        raise OrganizerError(f"The card has no phase {phase!r}.", hint=f"It has: {', '.join(known)}.")
    private, identifier = folder.private_dir(phase), folder.card.data.identifier
    train = conform(read_table(private / "train.parquet"), folder.codebook)
    test = read_table(private / "test.parquet").merge(read_table(private / f"{LABELS}.parquet"), on=identifier)
    held_out = conform(test, folder.codebook)
    return Tables(phase, train, held_out, *read_sample(folder))
