"""A Codabench bundle that uses every key, and changes to it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import yaml

COMPETITION = """
version: 2
title: Digits of pi
description: As many digits as possible, as fast as you can.
image: images/pi.png
terms: pages/terms.md
registration_auto_approve: True
docker_image: codalab/codalab-legacy:py312
queue: 5f2b4f3e-5b1c-4a43-a6f6-1c2d3e4f5a6b
make_programs_available: True
make_input_data_available: False
enable_detailed_results: True
show_detailed_results_in_submission_panel: True
show_detailed_results_in_leaderboard: False
contact_email: organizer@example.com
reward: $1000 prize pool
auto_run_submissions: False
can_participants_make_submissions_public: True
forum_enabled: True
competition_type: benchmark
favourite_colour: green
fact_sheet: {
    "method": {"key": "method", "type": "text", "title": "Method", "selection": "", "is_required": "false",
               "is_on_leaderboard": "true"}
}
pages:
  - {title: Welcome, file: pages/welcome.md}
  - {title: Getting started, file: pages/start.html}
tasks:
  - index: 0
    name: Pi, development
    description: Accuracy alone
    is_public: false
    input_data: dev/input_data/
    reference_data: dev/reference_data.zip
    ingestion_program: ingestion_program
    scoring_program: scoring_program.zip
  - index: 1
    name: Pi, final
    description: Speed, too
    input_data: final/input_data
    reference_data: final/reference_data
    ingestion_program: ingestion_program
    scoring_program: scoring_program.zip
solutions:
  - {index: 0, path: solutions/first.zip, name: First, description: A first try, tasks: [0, 1]}
  - {index: 1, path: solutions/second/, tasks: [0]}
phases:
  - index: 1
    name: Final Phase
    description: Once
    start: '2030-02-01 00:00:00'
    auto_migrate_to_this_phase: True
    max_submissions: 1
    max_submissions_per_day: 0
    execution_time_limit: 1200
    tasks: [1]
  - index: 0
    name: Development Phase
    description: Often
    start: 2029-12-12 13:30:00
    end: 1-31-2030
    max_submissions_per_day: 3
    max_submissions: 50
    max_submissions_per_person: 70
    execution_time_limit: 600
    hide_output: True
    hide_prediction_output: True
    hide_score_output: False
    accepts_only_result_submissions: False
    starting_kit: starting_kit
    public_data: public_data
    solutions: [0]
    tasks: [0]
leaderboards:
  - index: 0
    title: Results
    key: main
    submission_rule: Force_Last
    hidden: False
    columns:
      - {title: Mean accuracy, key: mean, index: 0, sorting: desc, computation: avg, computation_indexes: [1, 2],
         precision: 3}
      - {title: Accuracy 1, key: accuracy_1, index: 1, sorting: desc, precision: 3, hidden: False}
      - {title: Accuracy 2, key: accuracy_2, index: 2, sorting: desc, precision: 3, hidden: True}
      - {title: Duration, key: duration, index: 3, sorting: asc}
      - {title: Memory, key: memory, index: 4, sorting: asc, hidden: True}
"""

SCORING = """
import json
truth = open("/app/input/ref/pi.txt").read().strip()
guess = open("/app/input/res/guess.txt").read().strip()
right = sum(one == other for one, other in zip(truth, guess)) / len(truth)
scores = {"accuracy_1": right, "accuracy_2": right / 2, "duration": 1.5, "memory": 3}
json.dump(scores, open("/app/output/scores.json", "w"))
"""
INGESTION = """
import sys
sys.path.insert(0, "/app/ingested_program")
from model import digits
open("/app/output/guess.txt", "w").write(digits(int(open("/app/input_data/count.txt").read())))
"""
MODEL = 'def digits(count):\n    return "31415"[:count]\n'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6300010000050001"
    "0d0a2db40000000049454e44ae426082"
)

FILES = {
    "images/pi.png": PNG,
    "pages/terms.md": "# Rules\nBe kind.\n",
    "pages/welcome.md": "# Welcome\n",
    "pages/start.html": "<h1>Start</h1>\n",
    "ingestion_program/metadata": "command: python3 $ingestion_program/ingest.py $input $output\n",
    "ingestion_program/ingest.py": INGESTION,
    "dev/input_data/count.txt": "5\n",
    "dev/reference_data.zip": {"pi.txt": "31415\n"},
    "final/input_data/count.txt": "8\n",
    "final/reference_data/pi.txt": "31415926\n",
    "scoring_program.zip": {"metadata.yaml": "command: python3 score.py\n", "score.py": SCORING},
    "public_data/count.txt": "3\n",
    "starting_kit/README.md": "Fill model.py.\n",
    "starting_kit/.DS_Store": "x",
    "solutions/first.zip": {"model.py": MODEL},
    "solutions/second/model.py": MODEL,
}


def write_bundle(folder: Path, files: dict[str, Any] | None = None, **changes: str | None) -> Path:
    """The bundle in the new ``folder``; ``changes`` to its YAML by the text they replace, ``files`` beside its own."""
    text = COMPETITION
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the bundle"
        text = text.replace(old, new or "", 1)
    for name, content in ({"competition.yaml": text} | FILES | (files or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            continue
        if isinstance(content, dict):
            with zipfile.ZipFile(path, "w") as archive:
                for inner, data in content.items():
                    archive.writestr(inner, data)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(folder: Path) -> Path:
    """The bundle in ``folder`` as a zip."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def competition() -> dict[str, Any]:
    """The bundle's YAML as a dictionary."""
    content: dict[str, Any] = yaml.safe_load(COMPETITION)
    return content
