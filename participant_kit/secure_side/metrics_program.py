"""The built-in scoring program: checks predictions against the card and scores them by named metrics.

It follows the same convention as an organizer's own program (reads ``/app/input/ref`` and ``/app/input/res``,
writes to ``/app/output``) and runs in the same kind of sandbox. It writes one file, ``result``: a line of JSON,
``{"scores": {...}}`` or ``{"reason": ..., "message": ...}``, and for a challenge with a program of its own the checked
predictions after it, for that program to read.
"""

from __future__ import annotations

import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from participant_kit.challenge.card import Card, read_card
from participant_kit.challenge.metrics import METRICS, NamedMetric
from participant_kit.challenge.predictions import PredictionsError, parse_predictions, rows_of

DRAWS = 100
"""Of the bootstrap: the standard error is then known to about 7 % of itself."""

REFERENCE, RESULT, OUTPUT = Path("/app/input/ref"), Path("/app/input/res"), Path("/app/output")


def check_and_score(
    card: Card, predictions: bytes, test: pd.DataFrame, labels: pd.DataFrame | None, best: bytes | None = None
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """The verdict, and the checked predictions when there is nothing wrong with them.

    ``test`` holds the identifiers, shape (rows,); ``labels`` the identifier and the target, or None where the
    format alone is checked. With the ``best`` predictions of before, the verdict has ``chance``.
    """
    identifier = card.data.identifier
    try:
        frame = parse_predictions(predictions, card, test[identifier])
    except PredictionsError as error:
        return {"reason": error.reason, "message": str(error)}, None
    if labels is None:
        return {"scores": {}}, frame
    truth = rows_of(labels, identifier, test[identifier])[card.data.target]
    column = next(name for name in card.submission.columns if name != identifier)
    try:
        names = [metric.name for metric in card.metrics]
        with ThreadPoolExecutor() as pool:
            scores = pool.map(lambda name: METRICS[name].score(truth, frame[column]), names)
            verdict: dict[str, Any] = {"scores": dict(zip(names, scores, strict=True))}
        if best is not None:
            before = parse_predictions(best, card, test[identifier])[column]
            verdict["chance"] = standard_error(METRICS[card.primary.name], truth, frame[column], before)
        return verdict, frame
    except ValueError:
        return {"reason": "metric_undefined", "message": "A metric is not defined on these predictions."}, None


def standard_error(
    metric: NamedMetric, truth: pd.Series[Any], prediction: pd.Series[Any], before: pd.Series[Any]
) -> float:
    """That of the difference between the scores of two predictions of the same rows, all of shape (rows,).

    By a paired bootstrap (Efron and Tibshirani, 1993, chapter 6), whose draws are the same each time. For a mean of
    losses it estimates std(u - v) / sqrt(rows), the step of the parameter-free Ladder.
    """
    random = np.random.default_rng(0)
    gains = []
    for _ in range(DRAWS if len(truth) <= 100_000 else DRAWS // 4):
        rows = random.integers(0, len(truth), len(truth))
        drawn = [values.iloc[rows].reset_index(drop=True) for values in (truth, prediction, before)]
        try:
            gains.append(metric.score(drawn[0], drawn[1]) - metric.score(drawn[0], drawn[2]))
        except ValueError:  # a draw without one of the classes
            continue
    if len(gains) < 2:
        raise ValueError("too few draws on which the metric is defined")
    return float(np.std(gains, ddof=1))


def main() -> None:
    """Read the folders of the convention and write ``result``."""
    card = read_card(REFERENCE / "challenge.yaml")
    labels = REFERENCE / "labels.parquet"
    verdict, checked = check_and_score(
        card,
        (RESULT / card.submission.output).read_bytes(),
        pd.read_parquet(REFERENCE / "test.parquet", columns=[card.data.identifier]),
        pd.read_parquet(labels) if labels.exists() else None,
        best.read_bytes() if (best := REFERENCE / "best").exists() else None,
    )
    payload = io.BytesIO()
    if card.scoring and checked is not None:
        if card.submission.output.endswith(".parquet"):
            checked.to_parquet(payload, index=False)
        else:
            checked.to_csv(payload, index=False)
    (OUTPUT / "result").write_bytes(json.dumps(verdict).encode() + b"\n" + payload.getvalue())


if __name__ == "__main__":
    main()
    os._exit(0)  # pyarrow's threads may still look ahead in a broken file, and taking them down can abort the program
