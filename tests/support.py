"""Builders that tests share: a small card, and notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from participant_kit.challenge.card import Card
from participant_kit.challenge.document import parse_document


@contextmanager
def own_home(folder: Path) -> Iterator[None]:
    """A participant's settings and secrets in ``folder`` alone, in this process and those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PKIT_HOME", str(folder))
        patch.setenv("PKIT_KEYRING", "off")
        for name in ("PKIT_TOKEN", "PKIT_GATEWAY"):
            patch.delenv(name, raising=False)
        yield


def long(*values: object) -> Any:
    """Parameters for which there is time with `make test LONG=1`."""
    return pytest.param(*values, marks=pytest.mark.long)


CARD = b"""
schema_version: 1
slug: small
title: A small challenge
data: {identifier: id, target: ill}
limits: {wall_time: 60 s, cpus: 2, memory: 1 GiB, disk: 64 MiB, processes: 64}
submission: {columns: {id: integer, prediction: number}}
metrics:
  - {name: roc_auc_score, higher_is_better: true, range: [0, 1], decimals: 3, primary: true}
  - {name: brier_score_loss, higher_is_better: false, range: [0, 1], decimals: 3}
phases:
  - {name: development, starts: 2026-01-01, ends: 2036-01-01, per_day: 10, total: 100}
release: {leaderboard_mechanism: rounded, failure_detail: cell-and-class, completion_tick: 100 ms}
environment: {preload: [pandas]}
"""

PARAMETERS = 'data_dir = "../sample_data"\noutput_dir = "."'

SOLUTION = """
import pandas as pd
test = pd.read_parquet(f"{data_dir}/test.parquet")
test.assign(prediction=test.x).to_csv(f"{output_dir}/predictions.csv", index=False, columns=["id", "prediction"])
"""


def make_card(**replaced: str) -> Card:
    """The small card, with lines or words replaced: ``make_card(**{"60 s": "2 s"})``."""
    text = CARD.decode()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return parse_document(text.encode(), Card, "challenge.yaml")


def make_notebook(*cells: str, parameters: str | None = PARAMETERS, **metadata: object) -> bytes:
    """The bytes of a notebook: the parameters cell (cell 1, unless None), then ``cells``."""
    notebook = nbformat.v4.new_notebook(metadata=metadata)
    if parameters is not None:
        first = nbformat.v4.new_code_cell(parameters, id="parameters")
        first.metadata["tags"] = ["parameters"]
        notebook.cells.append(first)
    notebook.cells += [nbformat.v4.new_code_cell(cell, id=f"cell-{i}") for i, cell in enumerate(cells)]
    return nbformat.writes(notebook).encode()
