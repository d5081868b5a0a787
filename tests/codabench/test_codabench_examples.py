"""Codabench's own examples: what a sample submission scores in our sandbox is what its programs write by hand.

None of their files is here: PKIT_CODABENCH_EXAMPLES names a checkout of codalab/competition-examples.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from by_hand import score_by_hand
from task_challenge import packed

from participant_kit.challenge.scores import read_scores
from participant_kit.execution.environment import Environment
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.execution.task import TaskRunner
from participant_kit.organizer.codabench.bring import import_bundle

EXAMPLES = Path(os.environ.get("PKIT_CODABENCH_EXAMPLES", "/nowhere")) / "codabench"

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        not EXAMPLES.is_dir(), reason="PKIT_CODABENCH_EXAMPLES names no checkout of Codabench's examples"
    ),
]

TIMES = {"Duration", "duration", "ingestion_duration", "scoring_duration"}
"""Scores that are another each time."""


SEED = b"import numpy\nnumpy.random.seed(0)\n"
"""In front of a model: some of the examples' learn another thing each time."""


def files_of(path: Path) -> dict[str, str | bytes]:
    """A sample submission, a zip or a folder, with models that always learn the same."""
    if path.is_dir():
        return {file.name: SEED + file.read_bytes() for file in path.iterdir()}
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
        return {name: (SEED if name == "model.py" else b"") + archive.read(name) for name in names}


@pytest.mark.parametrize(
    ("bundle", "submission", "phase"),
    [
        ("iris/bundle", "iris/sample_result_submission.zip", 0),
        ("iris/bundle", "iris/sample_code_submission.zip", 0),
        ("iris/bundle", "iris/sample_code_submission.zip", 1),
        ("Mini-MNIST/Mini-MNIST-Bundle", "Mini-MNIST/mini_MNIST_code_submission.zip", 0),
        ("mini-automl/bundle", "mini-automl/sample_code_submission.zip", 0),
        ("shortest_path/bundle", "shortest_path/dijkstra_submission.zip", 0),
        ("wheat_seeds/code_submission_bundle", "wheat_seeds/sample_code_submission.zip", 0),
        ("wheat_seeds/results_submission_bundle", "wheat_seeds/sample_results_dev_submission.zip", 0),
        ("wheat_seeds/ingestion_during_scoring_bundle", "wheat_seeds/ingestion_during_scoring_bundle/solution", 0),
    ],
    ids=lambda value: str(value).replace("_submission.zip", "").replace("/", "-"),
)
def test_a_sample_submission_scores_what_it_does_by_hand(
    tmp_path: Path,
    environment: Environment,
    record_property: Callable[[str, object], None],
    bundle: str,
    submission: str,
    phase: int,
) -> None:
    imported = import_bundle(EXAMPLES / bundle, tmp_path / "challenge")
    card = imported.card
    task, name = card.tasks_of(card.phases[phase].name)[0], card.phases[phase].name
    runner = TaskRunner(imported.folder, environment, get_sandbox())
    place = imported.folder.private_dir(name) / task.name
    submitted = packed(files_of(EXAMPLES / submission))
    done = runner.score(task, place, submitted, 1.0, None)
    assert done.output, done
    scores = read_scores(done.output)
    by_hand = score_by_hand(EXAMPLES / bundle, phase, submitted, environment)
    record_property("scores", f"{scores}, by hand {by_hand}")
    assert scores.keys() == by_hand.keys()
    same = scores.keys() - TIMES
    assert same and {key: scores[key] for key in same} == {key: pytest.approx(by_hand[key]) for key in same}
