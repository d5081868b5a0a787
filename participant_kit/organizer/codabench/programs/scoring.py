"""Scores predictions as the challenge's card says. Runs on Codabench's worker, beside the modules that it imports."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd

from participant_kit.challenge.card import Card, read_card
from participant_kit.challenge.metrics import METRICS
from participant_kit.challenge.predictions import PredictionsError, parse_predictions

RESULT, REFERENCE, OUTPUT = Path("/app/input/res"), Path("/app/input/ref"), Path("/app/output")
HERE = Path(__file__).parent


def main() -> str:
    """Write ``scores.json``; what is wrong with the predictions, or an empty text."""
    from place import reference_folder  # type: ignore[import-not-found]  # lies beside it there

    card = read_card(HERE / "challenge.yaml")
    reference = reference_folder()
    labels = pd.read_parquet(reference / "labels.parquet")
    predictions = RESULT / card.submission.output
    if not predictions.is_file():
        return "missing_output"
    try:
        frame = parse_predictions(predictions.read_bytes(), card, labels[card.data.identifier])
    except PredictionsError as error:
        return error.reason
    if card.scoring:
        _become_program(reference / "labels.parquet")
    column = next(name for name in card.submission.columns if name != card.data.identifier)
    try:
        scores = score(card, labels[card.data.target], frame[column])
    except ValueError:
        return "metric_undefined"
    (OUTPUT / "scores.json").write_text(json.dumps(scores))
    return ""


def score(card: Card, truth: pd.Series[float], prediction: pd.Series[float]) -> dict[str, float]:
    """Each of the card's metrics, clipped and rounded as it says. Raises ``ValueError`` for an undefined one."""
    return {metric.name: metric.rounded(METRICS[metric.name].score(truth, prediction)) for metric in card.metrics}


def _become_program(labels: Path) -> None:
    """Go on as the organizer's own scoring program, which reads the labels where the convention has them."""
    if not (REFERENCE / labels.name).exists():
        shutil.copyfile(labels, REFERENCE / labels.name)
    command = shlex.split((HERE / "command").read_text())
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    if wrong := main():
        sys.exit(f"No scores: {wrong}.")
