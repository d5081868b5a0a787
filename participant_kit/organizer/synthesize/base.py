"""What a synthesizer is."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from participant_kit.challenge.folder import ChallengeFolder


class Synthesizer(Protocol):
    """Makes the sample that participants work on."""

    name: str

    def synthesize(self, folder: ChallengeFolder, *, rows: int, test_rows: int, seed: int) -> dict[str, pd.DataFrame]:
        """``train`` of ``rows`` rows, and ``test`` of ``test_rows`` without the target, the same for the same seed.

        Both conform to the codebook of ``folder``; no identifier is in both.
        """
        ...
