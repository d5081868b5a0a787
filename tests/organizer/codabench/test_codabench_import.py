"""A bundle that uses every key becomes a challenge: nothing is dropped in silence, and nothing leaks by default."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from codabench_bundle import COMPETITION, competition, write_bundle, zipped

from participant_kit.challenge.finding import FindingsError
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.codabench.bring import Imported, import_bundle
from participant_kit.organizer.codabench.competition import Competition
from participant_kit.organizer.errors import OrganizerError


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    root = tmp_path_factory.mktemp("bundle")
    return import_bundle(write_bundle(root / "pi"), root / "digits")


def note_of(imported: Imported, key: str) -> str:
    return "; ".join(f"{note.kind}: {note.text}" for note in imported.notes if note.key == key)


def test_what_both_sides_say_is_the_same(imported: Imported) -> None:
    card = imported.card
    assert (card.title, card.summary) == ("Digits of pi", "As many digits as possible, as fast as you can.")
    assert [(page.title, page.file) for page in card.pages] == [
        ("Welcome", "welcome.md"), ("Getting started", "start.html")
    ]  # fmt: skip
    assert (card.terms, card.image) == ("terms.md", "pi.png")
    development, final = card.phases
    assert (development.name, development.per_day, development.total) == ("development-phase", 3, 50)
    assert (final.name, final.per_day, final.total) == ("final-phase", None, 1)
    assert (development.starts, development.ends) == (
        datetime(2029, 12, 12, 13, 30, tzinfo=UTC), datetime(2030, 1, 31, tzinfo=UTC)
    )  # fmt: skip
    assert card.limits.wall_time.total_seconds() == 1200


def test_columns_become_metrics_with_ranges_that_are_told_to_be_guesses(imported: Imported) -> None:
    mean, first, second, duration = imported.card.metrics
    assert mean.primary and (mean.computation, mean.of) == ("avg", ["accuracy_1", "accuracy_2"])
    assert (first.range, first.decimals, first.higher_is_better) == ((0, 1), 3, True)
    assert (duration.range, duration.decimals, duration.higher_is_better) == ((0, 1200), 2, False)
    assert "0 to 1200, guessed by the word 'duration'" in note_of(imported, "leaderboards.0.columns.3")
    assert "--range duration=LOW:HIGH" in note_of(imported, "leaderboards.0.columns.3")
    assert second.name == "accuracy_2"  # hidden, but another column is computed of it
    assert "another column is computed of it" in note_of(imported, "leaderboards.0.columns.2.hidden")
    assert "'memory' does not leave" in note_of(imported, "leaderboards.0.columns.4.hidden")
    assert "17.6 bits" in note_of(imported, "leaderboards.0.columns.4.hidden")


def test_a_range_that_is_given_is_not_guessed(tmp_path: Path) -> None:
    made = import_bundle(write_bundle(tmp_path / "pi"), tmp_path / "digits", {"duration": (0, 60)})
    assert made.card.metrics[3].range == (0, 60)
    assert not any("'duration'" in note.text for note in made.notes if note.kind == "guessed")
    with pytest.raises(OrganizerError, match="No column has the key 'speed'"):
        import_bundle(write_bundle(tmp_path / "again"), tmp_path / "new", {"speed": (0, 1)})


def test_programs_and_data_lie_where_the_runner_reads_them(imported: Imported) -> None:
    root = imported.folder.root
    (task,) = imported.card.tasks  # the two of the bundle have the same programs
    assert (task.scoring, task.ingestion, task.beside) == ("scoring_program", "ingestion_program", False)
    assert (root / "scoring_program/score.py").exists() and (root / "ingestion_program/metadata").exists()
    assert (root / "private/development-phase/task/reference/pi.txt").read_text() == "31415\n"
    assert (root / "private/final-phase/task/input/count.txt").read_text() == "8\n"
    assert (root / "sample_data/task/input/count.txt").read_text() == "3\n"
    assert (root / "solutions/first/model.py").exists() and (root / "solutions/solutions-second/model.py").exists()
    assert (root / "starting_kit/development-phase/README.md").exists()
    assert not list(root.rglob(".DS_Store"))
    assert [finding for finding in check_challenge(imported.folder) if finding.level == "error"] == []


def test_every_key_of_the_bundle_is_in_the_card_or_in_the_report(imported: Imported) -> None:
    in_card = {
        "version", "title", "image", "terms", "description", "pages", "tasks", "phases", "leaderboards",
        "index", "name", "file", "start", "end", "input_data", "reference_data", "scoring_program",
        "ingestion_program", "sorting", "computation", "computation_indexes", "precision", "key", "columns",
        "make_input_data_available", "solutions", "path", "public_data", "hide_prediction_output", "hide_output",
    }  # fmt: skip
    told = " ".join(note.key for note in imported.notes)
    text = (imported.folder.root / "IMPORT.md").read_text()
    content = competition()
    keys = set(content) | {"favourite_colour"}
    for part in ("pages", "tasks", "solutions", "phases", "leaderboards"):
        keys |= {key for entry in content[part] for key in entry}
    keys |= {key for column in content["leaderboards"][0]["columns"] for key in column}
    dull = {"is_public", "accepts_only_result_submissions"}  # false in the bundle, as always here
    for key in keys - in_card - dull:
        assert key in told or key in text, f"nothing is said of {key}"


def test_the_bundle_of_these_tests_uses_every_key() -> None:
    def keys(model: type) -> set[str]:
        return set(model.model_fields)  # type: ignore[attr-defined]

    content = competition()
    assert keys(Competition) <= set(content)
    from participant_kit.organizer.codabench import competition as module

    for part, model in (("pages", module.Page), ("phases", module.Phase)):
        assert keys(model) <= {key for entry in content[part] for key in entry}
    tasks = {key for entry in content["tasks"] for key in entry}
    assert keys(module.Task) - tasks == {"key", "ingestion_only_during_scoring"}  # each is in a test of its own
    assert keys(module.Column) <= {key for column in content["leaderboards"][0]["columns"] for key in column}


def test_what_would_leak_is_off_and_its_price_is_told(imported: Imported) -> None:
    assert imported.card.release.failure_detail == "stage"
    assert "failure_detail: cell-and-class" in note_of(imported, "phases.hide_output")
    assert "bits, not 3" in note_of(imported, "phases.hide_output")
    assert "release.figures" in note_of(imported, "enable_detailed_results")
    assert "release.budget_bits: 512 allows" in note_of(imported, "phases.max_submissions")


def test_a_time_that_codabench_reads_otherwise_is_told(imported: Imported) -> None:
    said = note_of(imported, "phases.0.start")
    assert "2029-12-12 13:30 in UTC here; Codabench takes it for 2029-12-12 00:00" in said
    assert not note_of(imported, "phases.1.start")  # it is in quotes


def test_queue_and_image_are_notes(imported: Imported) -> None:
    assert "codalab/codalab-legacy:py312" in note_of(imported, "docker_image")
    assert "5f2b4f3e" in note_of(imported, "queue")


def test_a_zip_gives_the_same_as_a_folder(imported: Imported, tmp_path: Path) -> None:
    made = import_bundle(zipped(write_bundle(tmp_path / "pi")), tmp_path / "digits")
    assert made.card == imported.card
    assert [note for note in made.notes if note.key != "(files)"] == [
        note for note in imported.notes if note.key != "(files)"
    ]


@pytest.mark.parametrize(
    "rule", ["Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best"]
)
def test_each_submission_rule_is_explained(rule: str, tmp_path: Path) -> None:
    made = import_bundle(write_bundle(tmp_path / "pi", **{"Force_Last": rule}), tmp_path / "digits")
    assert "best" in note_of(made, "leaderboards.0.submission_rule")


def test_several_tasks_of_a_phase_are_ranked_by_their_mean(tmp_path: Path) -> None:
    changes = {"tasks: [0]\nleader": "tasks: [0, 1]\nleader", "tasks: [1]\n  - index": "tasks: [0, 1]\n  - index"}
    made = import_bundle(write_bundle(tmp_path / "pi", **changes), tmp_path / "digits")
    assert [task.name for task in made.card.tasks] == ["pi-development", "pi-final"]
    assert made.card.primary.of == [
        "pi-development_accuracy_1", "pi-development_accuracy_2", "pi-final_accuracy_1", "pi-final_accuracy_2"
    ]  # fmt: skip
    assert "Codabench ranks by the sum" in note_of(made, "leaderboards.0.primary_index")


def test_ingestion_beside_scoring_stays_so(tmp_path: Path) -> None:
    text = "ingestion_program: ingestion_program\n    scoring"
    beside = {text: f"ingestion_only_during_scoring: True\n    {text}"}
    files = {"competition.yaml": COMPETITION.replace(text, beside[text])}
    (task,) = import_bundle(write_bundle(tmp_path / "pi", files), tmp_path / "digits").card.tasks
    assert task.beside


def test_reference_data_among_the_public_data_is_taken_out(tmp_path: Path) -> None:
    made = import_bundle(write_bundle(tmp_path / "pi", {"public_data/pi.txt": "31415\n"}), tmp_path / "digits")
    assert not (made.folder.root / "sample_data/task/input/pi.txt").exists()
    assert "pi.txt is reference data of 'development-phase'" in note_of(made, "phases.public_data")


def test_public_input_is_said_to_be_public(tmp_path: Path) -> None:
    changes = {"public_data: public_data": "public_data: dev/input_data"}
    made = import_bundle(write_bundle(tmp_path / "pi", **changes), tmp_path / "digits")
    assert made.card.tasks[0].public_input


def test_a_hidden_leaderboard_is_hidden_here(tmp_path: Path) -> None:
    changes = {"hidden: False\n    columns": "hidden: True\n    columns"}
    made = import_bundle(write_bundle(tmp_path / "pi", **changes), tmp_path / "digits")
    assert {phase.leaderboard for phase in made.card.phases} == {"hidden"}


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "mine").touch()
    with pytest.raises(OrganizerError, match="is not empty"):
        import_bundle(write_bundle(tmp_path / "pi"), tmp_path / "digits")
    assert [path.name for path in (tmp_path / "digits").iterdir()] == ["mine"]


def test_nothing_is_left_of_an_import_that_failed(tmp_path: Path) -> None:
    files = {"scoring_program.zip": {"metadata.yaml": "command: python3 score.py | tee log\n"}}
    with pytest.raises(FindingsError, match="command"):
        import_bundle(write_bundle(tmp_path / "pi", files), tmp_path / "digits")
    assert [path.name for path in tmp_path.iterdir()] == ["pi"]


def test_a_task_may_have_nothing_to_score_against(tmp_path: Path) -> None:
    changes = {"    reference_data: dev/reference_data.zip\n": "", "    reference_data: final/reference_data\n": ""}
    made = import_bundle(write_bundle(tmp_path / "pi", **changes), tmp_path / "digits")
    findings = [finding for finding in check_challenge(made.folder) if "reference" in finding.file]
    assert [finding.level for finding in findings] == ["warning", "warning"]


def test_the_command_tells_what_became_of_each_key(tmp_path: Path) -> None:
    pkit = Path(sys.executable).with_name("pkit")
    folder = write_bundle(tmp_path / "pi")
    words = [pkit, "challenge", "import", folder, tmp_path / "digits", "--range", "duration=0:60", "--json"]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert told["card"]["metrics"][3]["range"] == [0, 60]
    assert {"guessed", "closed", "changed", "left out", "kept"} == {note["kind"] for note in told["notes"]}
    (folder / "pages" / "welcome.md").unlink()
    done = subprocess.run([*words[:4], tmp_path / "again", "--json"], capture_output=True, text=True, check=False)
    (finding,) = json.loads(done.stdout)["error"]["findings"]
    assert (done.returncode, finding["key"]) == (1, "pages.0.file")
