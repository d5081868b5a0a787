"""A small challenge with two tasks, each with an ingestion and a scoring program by Codabench's convention."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder

ROOT = Path(__file__).parents[1]

CARD = """
schema_version: 1
slug: small-tasks
title: Two small tasks
environment: {preload: [pathlib]}
limits: {wall_time: 60 s, cpus: 2, memory: 1 GiB, disk: 64 MiB, processes: 64}
submission: {output: submission.zip}
tasks:
  - {name: easy, scoring: scoring_program, ingestion: ingestion_program}
  - {name: hard, scoring: scoring_program, ingestion: ingestion_program}
metrics:
  - {name: easy_accuracy, task: easy, key: accuracy, higher_is_better: true, range: [0, 1], decimals: 3}
  - {name: hard_accuracy, task: hard, key: accuracy, higher_is_better: true, range: [0, 1], decimals: 3}
  - {name: accuracy, computation: avg, of: [easy_accuracy, hard_accuracy], higher_is_better: true, range: [0, 1],
     decimals: 3, primary: true}
phases:
  - {name: development, starts: 2026-01-01, ends: 2036-01-01, total: 1000}
release: {leaderboard_mechanism: rounded, failure_detail: cell-and-class, completion_tick: 100 ms, budget_bits: 99999}
"""

INGESTION = """
import sys
given, output, submitted = sys.argv[1:]
sys.path.insert(0, submitted)
from model import predict
numbers = map(float, open(given + "/numbers.txt"))
open(output + "/predictions.txt", "w").writelines(f"{predict(number)}\\n" for number in numbers)
"""

SCORING = """
import json
truth = open("/app/input/ref/labels.txt").read().split()
guess = open("/app/input/res/predictions.txt").read().split()
hits = sum(one == other for one, other in zip(truth, guess, strict=True))
print("THE LABELS ARE", truth)
json.dump({"accuracy": hits / len(truth)}, open("/app/output/scores.json", "w"))
"""

MODEL = "def predict(number):\n    return int(number > 0.5)\n"
SOLUTION = f'from pathlib import Path\nPath(output_dir, "model.py").write_text({MODEL!r})'
RESULTS = """
from pathlib import Path
numbers = map(float, Path(data_dir, "numbers.txt").open())
Path(output_dir, "predictions.txt").write_text("".join(f"{int(number > 0.5)}\\n" for number in numbers))
"""

DATA = {"easy": ([0.1, 0.9, 0.2, 0.8], [0, 1, 0, 1]), "hard": ([0.1, 0.9, 0.4, 0.6], [0, 1, 1, 1])}
"""Numbers and their labels: of four, our model finds four and three."""


def write_tasks(
    root: Path, *, scoring: str = SCORING, ingestion: str = INGESTION, sample: bool = True
) -> ChallengeFolder:
    """The challenge in ``root``, which is made; its sample has other numbers."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "challenge.yaml").write_text(CARD)
    shutil.copy(ROOT / "tests" / "requirements.txt", root / "requirements.txt")
    command = "command: python3 $ingestion_program/ingest.py $input $output $submission_program\n"
    write_program(root / "ingestion_program", "ingest.py", ingestion, command)
    write_program(root / "scoring_program", "score.py", scoring, "command: python3 score.py\n")
    for task, (numbers, labels) in DATA.items():
        write_data(root / "private" / "development" / task, numbers, labels)
        if sample:
            write_data(root / "sample_data" / task, [0.3, 0.7], [0, 1])
    return ChallengeFolder(root)


def write_program(folder: Path, name: str, code: str, metadata: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(code)
    (folder / "metadata.yaml").write_text(metadata)


def write_data(folder: Path, numbers: list[float], labels: list[int]) -> None:
    for name, file, values in (("input", "numbers.txt", numbers), ("reference", "labels.txt", labels)):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_text("".join(f"{value}\n" for value in values))


def packed(files: dict[str, str | bytes]) -> bytes:
    """What the sandbox makes of an output folder with these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()
