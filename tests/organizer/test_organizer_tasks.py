"""A challenge with tasks in the organizer's hands: what is checked, what is published, and what starts people off."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest
from task_challenge import write_tasks

from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.kit import build_kit
from participant_kit.organizer.parity import check_parity
from participant_kit.organizer.starter import task_notebooks, write_starters
from participant_kit.organizer.synthesize import Request, write_sample
from participant_kit.participant.check import check_notebook
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys


@pytest.fixture
def challenge(tmp_path: Path) -> ChallengeFolder:
    """A challenge with two tasks, starter notebooks and the public keys of a runner."""
    made = write_tasks(tmp_path / "tasks")
    write_starters(made)
    made.keys_path.write_text(KeyRing(runners=[SecretKeys.generate(Role.BLIND).public]).model_dump_json())
    return made


def told(findings: list[Finding]) -> str:
    return "\n".join(f"{finding.level} {finding.file}: {finding.expected}; {finding.found}" for finding in findings)


def test_a_folder_as_it_should_be_has_nothing_wrong(challenge: ChallengeFolder) -> None:
    assert told(check_challenge(challenge)) == ""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (
            "private/development/hard/reference",
            "error private/development/hard/reference/: at least one file",
        ),
        ("private/development/hard/input/numbers.txt", "warning private/development/hard/input/: at least one file"),
        ("sample_data/easy/input/numbers.txt", "warning sample_data/easy/input/: at least one file"),
        ("scoring_program/metadata.yaml", "error scoring_program/metadata.yaml: Write one program"),
        ("ingestion_program", "error challenge.yaml: a folder ingestion_program/; none"),
    ],
)
def test_what_is_missing_is_told(challenge: ChallengeFolder, path: str, found: str) -> None:
    shutil.rmtree(challenge.root / path, ignore_errors=True)
    (challenge.root / path).unlink(missing_ok=True)
    assert found in told(check_challenge(challenge))


def test_a_link_in_the_data_is_told(challenge: ChallengeFolder) -> None:
    (challenge.private_dir("development") / "easy" / "input" / "link").symlink_to("numbers.txt")
    assert "error private/development/easy/input/link: a file of its own; a link" in told(check_challenge(challenge))


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("easy/reference/labels.txt", "sample_data/hard/reference/same.txt"),
        ("easy/reference/labels.txt", "scoring_program/labels.txt"),
        ("easy/input/numbers.txt", "sample_data/easy/input/real.txt"),
    ],
)
def test_no_private_file_is_in_the_kit(challenge: ChallengeFolder, private: str, public: str) -> None:
    shutil.copy(challenge.private_dir("development") / private, challenge.root / public)
    with pytest.raises(FindingsError) as raised:
        build_kit(challenge)
    assert f"error {public}: no private file; the content of private/development/{private}" in told(
        raised.value.findings
    )


def test_an_input_that_is_said_to_be_public_may_be_in_the_kit(challenge: ChallengeFolder) -> None:
    shutil.copytree(
        challenge.private_dir("development") / "easy" / "input",
        challenge.sample_dir / "easy" / "input",
        dirs_exist_ok=True,
    )
    text = challenge.card_path.read_text().replace("{name: easy,", "{name: easy, public_input: true,")
    challenge.card_path.write_text(text)
    assert told(check_challenge(ChallengeFolder(challenge.root))) == ""


def test_a_kit_holds_samples_and_the_programs_that_participants_need(challenge: ChallengeFolder) -> None:
    build = build_kit(challenge)
    assert build.files == [
        "DATA.md",
        "README.md",
        "challenge.yaml",
        "ingestion_program/ingest.py",
        "ingestion_program/metadata.yaml",
        "keys.json",
        "requirements.txt",
        "sample_data/easy/input/numbers.txt",
        "sample_data/easy/reference/labels.txt",
        "sample_data/hard/input/numbers.txt",
        "sample_data/hard/reference/labels.txt",
        "scoring_program/metadata.yaml",
        "scoring_program/score.py",
        "starter_notebooks/01_results.ipynb",
        "starter_notebooks/02_code.ipynb",
        "starter_notebooks/03_compute.ipynb",
    ]
    assert "`sample_data/easy/input/numbers.txt`" in (build.folder / "DATA.md").read_text()
    assert "ingestion_program/" in (build.folder / "README.md").read_text()


def test_without_reference_data_in_the_sample_the_scoring_program_stays(challenge: ChallengeFolder) -> None:
    for task in ("easy", "hard"):
        shutil.rmtree(challenge.sample_dir / task / "reference")
    assert not any(name.startswith("scoring_program") for name in build_kit(challenge).files)


def test_a_folder_that_is_a_link_is_not_published(challenge: ChallengeFolder) -> None:
    shutil.rmtree(challenge.sample_dir / "easy" / "input")
    (challenge.sample_dir / "easy" / "input").symlink_to(challenge.private_dir("development") / "hard" / "input")
    with pytest.raises((OrganizerError, FindingsError)):
        build_kit(challenge)


def test_each_kind_of_submission_has_a_starter_that_the_check_takes(challenge: ChallengeFolder) -> None:
    notebooks = task_notebooks(challenge.card)
    assert list(notebooks) == ["01_results.ipynb", "02_code.ipynb", "03_compute.ipynb"]
    for name in notebooks:
        assert check_notebook(challenge.notebooks_dir / name, challenge) == []


def test_no_sample_is_made_of_files(challenge: ChallengeFolder) -> None:
    with pytest.raises(ChallengeError, match="Put a sample of each task's files into"):
        write_sample(challenge, "schema", Request())


@pytest.mark.sandbox
def test_each_starter_leaves_something_to_submit(challenge: ChallengeFolder, environment: Environment) -> None:
    left = {}
    for name, notebook in task_notebooks(challenge.card).items():
        given, data = nbformat.writes(notebook).encode(), challenge.sample_dir / "easy" / "input"
        done = run_notebook(given, data, challenge.card, environment, get_sandbox(), keep_log=True)
        assert done.output, (name, done)
        left[name] = zipfile.ZipFile(io.BytesIO(done.output)).namelist()
    assert left == {
        "01_results.ipynb": ["predictions.txt"],
        "02_code.ipynb": ["model.py"],
        "03_compute.ipynb": ["predictions.txt"],
    }


@pytest.mark.sandbox
def test_parity_runs_notebooks_through_the_programs_of_both_sides(
    challenge: ChallengeFolder, environment: Environment
) -> None:
    parity = check_parity(challenge, notebook="02_code", environment=environment)
    (pair,) = parity.pairs
    assert (pair.sample.stage, pair.real.stage) == ("output", "output")  # the program asks for `predict`, not `Model`
