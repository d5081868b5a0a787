"""Against what Codabench's own people wrote: their example bundles, and their unpacker. Neither is in the repository.

``PKIT_CODABENCH_EXAMPLES`` is a checkout of codalab/competition-examples; ``PKIT_CODABENCH_SOURCE`` one of
codalab/codabench, and ``PKIT_CODABENCH_PYTHON`` a Python with its dependencies.
"""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from codabench_bundle import write_bundle, zipped
from codabench_worker import run_submission
from task_challenge import write_tasks

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.codabench.bring import import_bundle
from participant_kit.organizer.codabench.send import export_challenge
from participant_kit.organizer.starter import write_starters

EXAMPLES = Path(os.environ.get("PKIT_CODABENCH_EXAMPLES", "absent"), "codabench")
SOURCE, PYTHON = (os.environ.get(f"PKIT_CODABENCH_{name}", "") for name in ("SOURCE", "PYTHON"))

examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="PKIT_CODABENCH_EXAMPLES names no checkout of the examples")
unpacker = pytest.mark.skipif(
    not (SOURCE and PYTHON), reason="PKIT_CODABENCH_SOURCE or PKIT_CODABENCH_PYTHON is not set"
)

BUNDLES = [
    f"{name}{ending}"
    for name, endings in {
        "Mini-MNIST/Mini-MNIST-Bundle": ("", ".zip"),
        "autowsl/code_submission/code_submission_bundle": (".zip",),  # the folders lack their reference data
        "autowsl/dataset_submission/dataset_submission_bundle": (".zip",),
        "example_GPU/Example-GPU-Competition": ("",),
        "example_GPU/example_GPU_bundle": (".zip",),
        "iris/bundle": ("", ".zip"),
        "mini-automl/bundle": ("", ".zip"),
        "shortest_path/bundle": ("", ".zip"),
        "wheat_seeds/code_submission_bundle": ("", ".zip"),
        "wheat_seeds/ingestion_during_scoring_bundle": ("", ".zip"),
        "wheat_seeds/results_submission_bundle": ("", ".zip"),
    }.items()
    for ending in endings
]

SAMPLES = (
    ("iris/bundle", "iris/sample_code_submission.zip", 0),
    ("iris/bundle", "iris/sample_result_submission.zip", 1),
    ("Mini-MNIST/Mini-MNIST-Bundle", "Mini-MNIST/mini_MNIST_code_submission.zip", 0),
    ("Mini-MNIST/Mini-MNIST-Bundle", "Mini-MNIST/mini_MNIST_result_submission.zip", 0),
    ("mini-automl/bundle", "mini-automl/sample_code_submission.zip", 0),
    ("shortest_path/bundle", "shortest_path/dijkstra_submission.zip", 1),
    ("wheat_seeds/code_submission_bundle", "wheat_seeds/sample_code_submission.zip", 0),
    ("wheat_seeds/results_submission_bundle", "wheat_seeds/sample_results_dev_submission.zip", 0),
)


@examples
@pytest.mark.parametrize("name", BUNDLES)
def test_each_of_their_examples_is_imported(name: str, tmp_path: Path) -> None:
    made = import_bundle(EXAMPLES / name, tmp_path / "imported")
    errors = [finding for finding in check_challenge(made.folder) if finding.level == "error"]
    assert [str(error) for error in errors] == []
    assert (made.folder.root / "IMPORT.md").exists()


@examples
@pytest.mark.sandbox
@pytest.mark.parametrize(("bundle", "sample", "task"), SAMPLES)
def test_imported_and_exported_again_their_programs_give_the_same_scores(
    bundle: str, sample: str, task: int, tmp_path: Path
) -> None:
    made = import_bundle(EXAMPLES / bundle, tmp_path / "imported")
    again = export_challenge(made.folder, tmp_path / "again")
    with zipfile.ZipFile(EXAMPLES / sample) as archive:
        archive.extractall(tmp_path / "sample")
    (tmp_path / "none").mkdir()
    results = "result" in sample
    theirs = run_submission(
        EXAMPLES / bundle, task, tmp_path / "sample", tmp_path / "none", tmp_path / "first", results=results
    )
    ours = run_submission(again.bundle, task, tmp_path / "sample", again.worker, tmp_path / "second", results=results)
    timed = {"duration", "Duration"}  # measured by the clock
    near = 0.05 if "automl" in bundle else 0  # whose sample submission draws at random
    for key in theirs.keys() - timed:
        assert ours[key] == (pytest.approx(theirs[key], abs=near) if near else theirs[key])
    assert ours.keys() == theirs.keys()
    print(f"{bundle} {sample}: {theirs}")


@examples
def test_an_example_imported_exported_and_imported_is_the_same_challenge(tmp_path: Path) -> None:
    first = import_bundle(EXAMPLES / "mini-automl/bundle", tmp_path / "mini")
    again = import_bundle(export_challenge(first.folder, tmp_path / "b.zip").bundle, tmp_path / "again" / "mini")
    assert again.card == first.card


def unpacked(*bundles: Path) -> list[dict[str, Any]]:
    script = Path(__file__).parents[2] / "codabench_unpack.py"
    done = subprocess.run([PYTHON, script, SOURCE, *bundles], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@unpacker
def test_their_unpacker_accepts_what_was_exported(challenge: ChallengeFolder, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "small-tasks")
    write_starters(tasks)
    tables, programs = unpacked(
        export_challenge(challenge, tmp_path / "heart.zip").bundle,
        export_challenge(tasks, tmp_path / "tasks.zip").bundle,
    )
    card = challenge.card
    assert (tables["title"], tables["rule"]) == (card.title, "Force_Best")
    assert [phase["name"] for phase in tables["phases"]] == [phase.name for phase in card.phases]
    assert [phase["start"] for phase in tables["phases"]] == [str(phase.starts) for phase in card.phases]
    assert [phase["max_submissions_per_person"] for phase in tables["phases"]] == [100, 2]
    assert all(phase["hide_output"] and phase["hide_score_output"] for phase in tables["phases"])
    assert [(column["key"], column["precision"]) for column in tables["columns"]] == [
        (metric.name, metric.decimals) for metric in card.metrics
    ]
    assert programs["phases"][0]["tasks"] == ["easy", "hard"]
    assert [column["key"] for column in programs["columns"]] == ["accuracy"]


@unpacker
def test_their_unpacker_reads_the_bundle_of_these_tests_as_we_do(tmp_path: Path) -> None:
    changes = {"queue: 5f2b4f3e-5b1c-4a43-a6f6-1c2d3e4f5a6b\n": ""}  # no server, no queue
    changes["submission_rule: Force_Last"] = "primary_index: 3\n    submission_rule: Force_Last"
    folder = write_bundle(tmp_path / "pi", **changes)
    (theirs,) = unpacked(zipped(folder))
    made = import_bundle(folder, tmp_path / "digits")
    starts = [phase["start"] for phase in theirs["phases"]]
    assert starts == ["2029-12-12 00:00:00+00:00", "2030-02-01 00:00:00+00:00"]  # of 13:30 without quotes, the day
    assert any("Codabench takes it for 2029-12-12 00:00" in note.text for note in made.notes)
    ends = [phase["end"] for phase in theirs["phases"]]
    assert ends == [str(made.card.phases[0].ends), None]
    quotas = [(phase["max_submissions_per_day"], phase["max_submissions_per_person"]) for phase in theirs["phases"]]
    assert quotas == [(phase.per_day or 0, phase.total) for phase in made.card.phases]
    assert theirs["primary"] == 3 and made.card.primary.name == theirs["columns"][3]["key"]
    assert yaml.safe_load((folder / "competition.yaml").read_text())["title"] == theirs["title"]
