"""Predictions: CSV or Parquet that a notebook wrote, which is to say anything."""

import numpy as np
import pandas as pd
from support import make_card

from participant_kit.challenge.predictions import PredictionsError, parse_predictions

CSV = make_card()
PARQUET = make_card(**{"submission: {": "submission: {output: predictions.parquet, ", "1 GiB": "512 MiB"})
EXPECTED = pd.Series([1, 2, 3])


def run(data: bytes) -> None:
    """One finite prediction for each row in its order, or a refusal that quotes nothing."""
    try:
        frame = parse_predictions(data, PARQUET if data.startswith(b"PAR1") else CSV, EXPECTED)
    except PredictionsError:
        return
    assert list(frame.id) == list(EXPECTED)
    assert np.isfinite(frame.prediction).all()
