"""An exported bundle has no private row, its programs score as our runner does, and imported it gives the same card."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from codabench_worker import run_submission
from task_challenge import MODEL, write_tasks

from participant_kit.challenge.card import read_card
from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.organizer.codabench.bring import import_bundle
from participant_kit.organizer.codabench.bundle import open_bundle
from participant_kit.organizer.codabench.send import Exported, export_challenge, parse_keys
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.scaffold import new_challenge
from participant_kit.organizer.starter import write_starters
from participant_kit.participant.codabench.pack import pack
from participant_kit.secure_side.scoring import Scorer

NOTEBOOK = """
from pathlib import Path
import pandas as pd
test = pd.read_parquet(Path(data_dir) / "test.parquet")
labels = list(Path("/app").rglob("labels.parquet"))
assert not labels, labels
guess = (test["age"].astype(float) - 18) / 152 + test["patient"] % 7 / 14
test[["patient"]].assign(prediction=guess).to_csv(Path(output_dir) / "predictions.csv", index=False)
"""


@pytest.fixture(scope="module")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> ChallengeFolder:
    """Patients who may have died, as scaffolded; no test here changes it."""
    root, random = tmp_path_factory.mktemp("challenge"), np.random.default_rng(7)
    frame = pd.DataFrame({"patient": np.arange(20_001, 20_201), "age": random.integers(18, 94, 200)})
    frame["bmi"] = random.normal(27, 4, 200).round(2)
    frame["died"] = (frame.age + random.normal(0, 12, 200) > 60).astype(int)
    frame.to_csv(root / "patients.csv", index=False)
    return new_challenge(root / "heart", root / "patients.csv", "died", "patient")


@pytest.fixture(scope="module")
def made(challenge: ChallengeFolder, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Its export as a folder, to be read."""
    return export_challenge(challenge, tmp_path_factory.mktemp("export") / "heart.bundle")


@pytest.fixture
def tasks(tmp_path: Path) -> ChallengeFolder:
    folder = write_tasks(tmp_path / "small-tasks")
    write_starters(folder)
    return folder


def private_rows(folder: ChallengeFolder) -> list[bytes]:
    return [hashlib.sha256(path.read_bytes()).digest() for path in (folder.root / "private").rglob("*.parquet")]


def test_the_bundle_has_no_private_file_and_no_label(made: Exported, challenge: ChallengeFolder) -> None:
    files = [path for path in made.bundle.rglob("*") if path.is_file()]
    assert not {hashlib.sha256(path.read_bytes()).digest() for path in files} & set(private_rows(challenge))
    real = pd.read_parquet(challenge.private_dir("final") / "test.parquet").drop(columns="patient").astype(str)
    for path in files:
        if path.suffix == ".parquet":
            assert real.merge(pd.read_parquet(path).astype(str)).empty
    named = sorted(path.name for path in (made.bundle / "data").rglob("*") if path.is_file())
    assert named == [".participant-kit.json"] * 4
    assert made.worker.stat().st_mode & 0o077 == 0


def test_labels_are_sealed_on_the_worker_and_the_key_is_where_a_notebook_is_not(made: Exported) -> None:
    on_worker = {path.name for path in made.worker.rglob("*") if path.is_file()}
    assert on_worker == {"README.md", "requirements.txt", "train.parquet", "test.parquet", "reference.age"}
    place = json.loads((made.bundle / "data/final/input_data/.participant-kit.json").read_text())
    assert place == {"folder": "heart/final"}
    assert "key" in json.loads((made.bundle / "data/final/reference_data/.participant-kit.json").read_text())


@pytest.mark.sandbox
def test_both_programs_on_a_worker_give_the_scores_of_our_runner(
    made: Exported, challenge: ChallengeFolder, tmp_path: Path
) -> None:
    cells = [
        nbformat.v4.new_code_cell('data_dir = ""\noutput_dir = ""', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(NOTEBOOK),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "mine.ipynb")
    submission, work = tmp_path / "submission", tmp_path / "work"
    with zipfile.ZipFile(BytesIO(pack(tmp_path / "mine.ipynb").content)) as archive:
        archive.extractall(submission)  # what `pkit submit` sends
    scores = run_submission(made.bundle, 1, submission, made.worker, work)
    predictions = (work / "predicted" / "predictions.csv").read_bytes()
    scorer = Scorer(challenge, Path("/nowhere"), get_sandbox())
    ours = scorer.score(predictions, challenge.private_dir("final"))["scores"]
    assert scores == {metric.name: metric.rounded(ours[metric.name]) for metric in challenge.card.metrics}
    assert 0.5 < scores["roc_auc_score"] < 1


@pytest.mark.sandbox
def test_programs_of_tasks_find_their_data_on_the_worker(tasks: ChallengeFolder, tmp_path: Path) -> None:
    made = export_challenge(tasks, tmp_path / "tasks.bundle")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "model.py").write_text(MODEL)
    scores = [
        run_submission(made.bundle, index, tmp_path / "submission", made.worker, tmp_path / f"work{index}")
        for index in (0, 1)
    ]
    assert scores == [{"accuracy": 1.0}, {"accuracy": 0.75}]


def test_importing_an_export_gives_the_same_card_and_the_same_public_files(
    challenge: ChallengeFolder, tmp_path: Path
) -> None:
    made = export_challenge(challenge, tmp_path / "heart.zip")
    again = import_bundle(made.bundle, tmp_path / "back" / "heart")
    assert again.card == challenge.card
    for name in (
        "codebook.yaml",
        "requirements.txt",
        "sample_data/train.parquet",
        "starter_notebooks/02_baseline.ipynb",
    ):
        assert (again.folder.root / name).read_bytes() == (challenge.root / name).read_bytes()
    assert not (again.folder.root / "private").exists()
    assert "private data is not in the bundle" in (again.folder.root / "IMPORT.md").read_text()


def test_a_challenge_with_tasks_comes_back_as_it_was(tasks: ChallengeFolder, tmp_path: Path) -> None:
    made = export_challenge(tasks, tmp_path / "tasks.zip")
    again = import_bundle(made.bundle, tmp_path / "back" / "small-tasks")
    assert again.card == tasks.card
    for program in ("scoring_program", "ingestion_program"):
        files = sorted(path.name for path in (again.folder.root / program).rglob("*"))
        assert files == sorted(path.name for path in (tasks.root / program).rglob("*"))
        assert (again.folder.root / program / "metadata.yaml").read_text() == (
            tasks.root / program / "metadata.yaml"
        ).read_text()


def test_what_was_changed_on_codabench_is_read_there(challenge: ChallengeFolder, tmp_path: Path) -> None:
    made = export_challenge(challenge, tmp_path / "heart.bundle")
    path = made.bundle / "competition.yaml"
    content = yaml.safe_load(path.read_text())
    content["title"], content["phases"][1]["max_submissions"] = "Another title", 3
    content["leaderboards"][0]["columns"][0]["precision"] = 2
    path.write_text(yaml.safe_dump(content))
    again = import_bundle(made.bundle, tmp_path / "back" / "heart").card
    assert (again.title, again.phases[1].total, again.metrics[0].decimals) == ("Another title", 3, 2)
    assert again.release == challenge.card.release


def test_a_dump_of_codabench_itself_comes_back_too(challenge: ChallengeFolder, tmp_path: Path) -> None:
    """Its dumps have programs and data as zips, and neither starting kits, public data, nor which column ranks."""
    made = export_challenge(challenge, tmp_path / "heart.bundle")
    content = yaml.safe_load((made.bundle / "competition.yaml").read_text())
    for task in content["tasks"]:
        for kind in ("scoring_program", "ingestion_program", "input_data", "reference_data"):
            name = f"{kind}-{task['index']}"
            shutil.make_archive(str(made.bundle / name), "zip", made.bundle / task[kind])
            task[kind] = f"{name}.zip"
    for phase in content["phases"]:
        del phase["starting_kit"], phase["public_data"]
    del content["leaderboards"][0]["primary_index"]
    (made.bundle / "competition.yaml").write_text(yaml.safe_dump(content))
    again = import_bundle(made.bundle, tmp_path / "back" / "heart")
    assert again.card == challenge.card
    assert any("copy codebook.yaml" in note.text for note in again.notes)


def test_what_codabench_leaves_open_is_closed(made: Exported) -> None:
    with open_bundle(made.bundle) as bundle:
        competition = bundle.competition
    assert all(phase.hide_output and phase.hide_prediction_output for phase in competition.phases)
    assert all(phase.hide_score_output for phase in competition.phases)
    assert not competition.make_programs_available and not competition.make_input_data_available
    assert not competition.enable_detailed_results and not competition.can_participants_make_submissions_public
    instructions = (made.worker / "README.md").read_text()
    assert "COMPETITION_CONTAINER_NETWORK_DISABLED=True" in instructions and "/codabench/data/" in instructions


def test_data_on_the_server_is_named_by_its_key(challenge: ChallengeFolder, tmp_path: Path) -> None:
    key = "0f8fad5b-d9cb-469f-a165-70867728950e"
    made = export_challenge(
        challenge, tmp_path / "b", keys=parse_keys([f"final/input={key}", f"final/reference={key}"])
    )
    task = yaml.safe_load((made.bundle / "competition.yaml").read_text())["tasks"][1]
    assert (task["input_data"], task["reference_data"]) == (key, key)
    assert not (made.worker / "heart" / "final").exists() and not (made.bundle / "data" / "final").exists()
    with pytest.raises(OrganizerError, match="no data 'first/input'"):
        export_challenge(challenge, tmp_path / "c", keys={"first/input": key})
    with pytest.raises(OrganizerError, match="names no key"):
        parse_keys(["final/input=mine"])


def test_a_private_file_among_the_pages_stops_the_export(tasks: ChallengeFolder, tmp_path: Path) -> None:
    shutil.copy(tasks.root / "private/development/easy/reference/labels.txt", tasks.root / "scoring_program/labels.txt")
    with pytest.raises(FindingsError, match=r"scoring_program/labels\.txt"):
        export_challenge(tasks, tmp_path / "tasks.zip")
    assert not list(tmp_path.glob("tasks*"))


def test_nothing_is_overwritten(challenge: ChallengeFolder, tmp_path: Path) -> None:
    (tmp_path / "heart.zip").touch()
    with pytest.raises(OrganizerError, match="exists"):
        export_challenge(challenge, tmp_path / "heart.zip")


def test_the_card_travels_in_the_bundle(made: Exported, challenge: ChallengeFolder) -> None:
    assert read_card(made.bundle / "scoring_program/participant_kit/challenge.yaml") == challenge.card
