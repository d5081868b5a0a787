"""Everything against everything: each mistake is found, and told without a value of the data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.check import check_challenge
from participant_kit.organizer.public import public_files
from participant_kit.organizer.report import write_organizer_report, write_published_report
from participant_kit.organizer.scaffold import new_challenge
from participant_kit.organizer.synthesize import read_guarantee


def edit(path: Path, **replaced: str) -> None:
    text = path.read_text()
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def change(path: Path, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    how(pd.read_parquet(path)).to_parquet(path, index=False)


def errors(folder: ChallengeFolder) -> list[Finding]:
    """What is wrong, read afresh."""
    return [finding for finding in check_challenge(ChallengeFolder(folder.root)) if finding.level == "error"]


def only_error(folder: ChallengeFolder) -> Finding:
    found = errors(folder)
    assert len(found) == 1, found
    return found[0]


CARD_MISTAKES = [
    ('"patient"', '"person"', "data.identifier"),
    ('target: "died"', 'target: "dead"', "data.target"),
    ('{"patient": integer', '{"patient": text', "submission.columns.patient"),
    ("roc_auc_score", "r2_score", None),
    ("budget_bits: 512 ", "budget_bits: 20 ", "release.budget_bits"),
    ("scoring: null", "scoring: program", "scoring"),
    ("processes: 128", "processes: 128, gpus: 1", "limits.gpus"),
]


@pytest.mark.parametrize(("old", "new", "key"), CARD_MISTAKES)
def test_what_the_card_says_is_held_against_the_rest(challenge: ChallengeFolder, old: str, new: str, key: str) -> None:
    edit(challenge.card_path, **{old: new})
    found = errors(challenge)
    if key is None:  # an integer of two classes is a number as well: nothing is wrong with it
        assert found == []
        return
    assert key in [finding.key for finding in found]
    assert all(finding.line and finding.file == "challenge.yaml" for finding in found if finding.key == key)


def test_a_probability_metric_needs_two_classes(challenge: ChallengeFolder) -> None:
    edit(challenge.codebook_path, **{"minimum: 0, maximum: 1, draft": "minimum: 0, maximum: 3, draft"})
    assert [(finding.key, finding.line is not None) for finding in errors(challenge)] == [
        ("metrics.0.name", True),
        ("metrics.1.name", True),
    ]


def test_all_mistakes_are_told_at_once(challenge: ChallengeFolder) -> None:
    edit(challenge.requirements_path, **{"papermill==": "papermill>="})
    edit(challenge.card_path, **{'{"patient": integer': '{"patient": text'})
    (challenge.private_dir("final") / "test.parquet").unlink()
    change(challenge.private_dir("development") / "train.parquet", lambda table: table.assign(age=table.age + 500))
    files = {finding.file for finding in errors(challenge)}
    assert files >= {
        "requirements.txt",
        "challenge.yaml",
        "private/final/test.parquet",
        "private/development/train.parquet",
    }


def test_a_card_that_cannot_be_read_is_told_with_its_line(challenge: ChallengeFolder) -> None:
    edit(
        challenge.card_path, **{"wall_time: 30 min": "wall_time: soon", "decimals: 3, primary": "decimals: x, primary"}
    )
    found = errors(challenge)
    assert [finding.key for finding in found] == ["limits.wall_time", "metrics.0.decimals"]
    assert all(finding.line for finding in found)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("scipy", "'scipy'"),
        ("scipy>=1.1", "'scipy>=1.1'"),
        ("scipy==1.*", "'scipy==1.*'"),
        ("scipy @ https://example.org/scipy.whl", "scipy @"),
        ("-r others.txt", "'-r others.txt'"),
        ("--index-url https://example.org", "--index-url"),
    ],
)
def test_requirements_are_pinned_packages_and_nothing_else(challenge: ChallengeFolder, line: str, found: str) -> None:
    with challenge.requirements_path.open("a") as file:
        file.write(line + "\n")
    finding = only_error(challenge)
    assert (finding.file, finding.line, found in finding.found) == ("requirements.txt", 8, True)


def test_what_runs_notebooks_must_be_among_the_requirements(challenge: ChallengeFolder) -> None:
    challenge.requirements_path.write_text("# nothing\n\n")
    assert len(errors(challenge)) == 4


TABLE_MISTAKES = {
    "a column less": ("train", lambda table: table.drop(columns="age"), "columns"),
    "a column more": ("test", lambda table: table.assign(died=1), "columns"),
    "another order": ("train", lambda table: table[table.columns[::-1]], "columns"),
    "another type": ("train", lambda table: table.assign(age=table.age.astype(float)), "age"),
    "another level": ("train", lambda table: table.assign(ward=table.ward.astype(str)), "ward"),
    "out of bounds": ("test", lambda table: table.assign(age=table.age + 100), "age"),
    "missing values": ("test", lambda table: table.assign(sex=table.sex.mask(table.index < 3)), "sex"),
    "repeated rows": ("test", lambda table: pd.concat([table, table.head(1)]), "patient"),
    "no rows": ("test", lambda table: table.head(0), ""),
}


@pytest.mark.parametrize("name", TABLE_MISTAKES)
@pytest.mark.parametrize("where", ["private/development", "sample_data"])
def test_tables_are_held_against_the_codebook(challenge: ChallengeFolder, where: str, name: str) -> None:
    table, how, key = TABLE_MISTAKES[name]
    change(challenge.root / where / f"{table}.parquet", how)
    found = [finding for finding in errors(challenge) if finding.file == f"{where}/{table}.parquet"]
    assert key in [finding.key for finding in found]


def test_labels_are_complete_and_of_the_test_rows(challenge: ChallengeFolder) -> None:
    path = challenge.private_dir("final") / "labels.parquet"
    change(path, lambda table: table.iloc[2:])
    finding = only_error(challenge)
    assert (finding.file, finding.found) == (
        "private/final/labels.parquet",
        "2 rows without a label, 0 labels without a row",
    )


def test_a_label_is_never_missing(challenge: ChallengeFolder) -> None:
    change(challenge.private_dir("final") / "labels.parquet", lambda t: t.assign(died=t.died.mask(t.index < 2)))
    assert only_error(challenge).key == "died"


def test_labels_of_one_class_cannot_be_scored(challenge: ChallengeFolder) -> None:
    change(challenge.private_dir("final") / "labels.parquet", lambda table: table.assign(died=table.died * 0))
    assert only_error(challenge).expected == "at least two different values"


def test_training_rows_are_no_test_rows(challenge: ChallengeFolder) -> None:
    private = challenge.private_dir("final")
    row = pd.read_parquet(private / "train.parquet").head(1)
    for name, columns in (("test", row.columns.drop("died")), ("labels", ["patient", "died"])):
        change(private / f"{name}.parquet", lambda table, columns=columns: pd.concat([table, row[columns]]))
    assert only_error(challenge).found == "1 of both"


def test_the_final_ranking_is_on_rows_that_no_live_score_ever_touched(challenge: ChallengeFolder) -> None:
    shutil.copytree(challenge.private_dir("final"), challenge.private_dir("development"), dirs_exist_ok=True)
    findings = check_challenge(challenge)
    assert [finding.level for finding in findings if "of another phase" in finding.found] == ["error"]


LEAKS = {
    "a whole file": lambda real, sample: real,
    "one row": lambda real, sample: pd.concat([sample, real.head(1)]),
    "one row under another identifier": lambda real, sample: pd.concat([sample, real.head(1).assign(patient=9)]),
    "one row with the other answer": lambda real, sample: pd.concat([sample, real.head(1).assign(died=1 - real.died)]),
}


@pytest.mark.parametrize("how", LEAKS)
@pytest.mark.parametrize("phase", ["development", "final"])
def test_a_private_row_in_the_sample_is_found(challenge: ChallengeFolder, how: str, phase: str) -> None:
    real = pd.read_parquet(challenge.private_dir(phase) / "train.parquet")
    change(challenge.sample_dir / "train.parquet", lambda sample: LEAKS[how](real, sample).astype(real.dtypes))
    found = errors(challenge)
    assert {finding.file for finding in found} == {"sample_data/train.parquet"}
    assert "no row of the private tables" in [finding.expected for finding in found]


def test_a_private_test_row_in_the_sample_is_found(challenge: ChallengeFolder) -> None:
    real = pd.read_parquet(challenge.private_dir("final") / "test.parquet")
    change(challenge.sample_dir / "test.parquet", lambda sample: pd.concat([sample.iloc[1:], real.tail(1)]))
    (challenge.sample_dir / "guarantee.json").unlink()
    assert only_error(challenge).found == "1 of its 250 rows"


def test_a_private_file_under_a_public_name_is_found(challenge: ChallengeFolder) -> None:
    shutil.copy(challenge.private_dir("final") / "labels.parquet", challenge.notebooks_dir / "more.ipynb")
    assert any(finding.expected == "no private file" for finding in errors(challenge))


def test_rows_that_are_equal_by_chance_are_no_leak(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(400), "sex": ["f", "m"] * 200, "group": [*"abcd"] * 100})
    frame["ill"] = (frame.id // 7) % 2
    frame.to_csv(tmp_path / "few.csv", index=False)
    made = new_challenge(tmp_path / "few", tmp_path / "few.csv", "ill", "id")
    assert [finding.level for finding in check_challenge(made) if "of its" in finding.found] == ["warning", "warning"]


def test_notebooks_show_no_outputs_and_have_their_parameters(challenge: ChallengeFolder) -> None:
    path = challenge.notebooks_dir / "02_baseline.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="patient 20001")]
    notebook.cells[1].source = "data_dir = 1"
    nbformat.write(notebook, path)
    found = errors(challenge)
    assert [(finding.file, finding.cell) for finding in found] == [
        ("starter_notebooks/02_baseline.ipynb", None),
        ("starter_notebooks/02_baseline.ipynb", 3),
    ]
    assert "20001" not in str(found)


def test_a_notebook_that_is_none_is_found(challenge: ChallengeFolder) -> None:
    (challenge.notebooks_dir / "02_baseline.ipynb").write_text("{}")
    assert only_error(challenge).file == "starter_notebooks/02_baseline.ipynb"


def test_keys_that_are_none_are_found(challenge: ChallengeFolder) -> None:
    challenge.keys_path.write_text(json.dumps({"runners": [{"role": "blind", "sealing": "age1x", "signing": "00"}]}))
    assert only_error(challenge).file == "keys.json"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("pages: [{title: About, file: none.md}]", "pages[0].file"),
        ("pages: [{title: About, file: about.txt}]", "pages[0].file"),
        ("terms: none.md", "terms"),
        ("image: about.md", "image"),
    ],
)
def test_a_page_that_the_card_names_is_there_and_is_a_page(challenge: ChallengeFolder, line: str, key: str) -> None:
    challenge.pages_dir.mkdir()
    for name in ("about.md", "about.txt"):
        (challenge.pages_dir / name).write_text("About")
    challenge.card_path.write_text(challenge.card_path.read_text().replace("\nphases:", f"\n{line}\nphases:"))
    found = [finding.key for finding in check_challenge(ChallengeFolder(challenge.root)) if finding.level == "error"]
    assert found == [key]


def test_a_scoring_program_without_a_command_is_found(challenge: ChallengeFolder) -> None:
    edit(challenge.card_path, **{"scoring: null": "scoring: program"})
    (challenge.root / "program").mkdir()
    assert only_error(challenge).file == "program/metadata.yaml"
    (challenge.root / "program" / "metadata.yaml").write_text("command: python3 score.py\n")
    assert errors(challenge) == []


def test_no_finding_quotes_a_value_of_the_data(challenge: ChallengeFolder) -> None:
    path = challenge.private_dir("final") / "train.parquet"
    secrets = {"note": "the patient said hello", "age": 4711, "ward": "Z-secret"}
    change(path, lambda table: table.assign(**{name: [value] * len(table) for name, value in secrets.items()}))
    text = str([str(finding) for finding in errors(challenge)])
    assert text
    assert not [value for value in secrets.values() if str(value) in text]


def test_a_table_that_the_guarantee_does_not_speak_of_is_told(challenge: ChallengeFolder) -> None:
    path = challenge.sample_dir / "train.parquet"
    pd.read_parquet(path).iloc[::-1].to_parquet(path, index=False)
    assert ("sample_data/train.parquet", "error") in {(one.file, one.level) for one in check_challenge(challenge)}


@pytest.mark.parametrize("ending", ["html", "json"])
def test_a_published_report_holds_what_the_sample_gives_and_nothing_else(
    challenge: ChallengeFolder, ending: str
) -> None:
    guarantee = read_guarantee(challenge)
    assert guarantee is not None
    write_published_report(challenge, guarantee)
    before = check_challenge(challenge)
    assert not [finding for finding in before if finding.level == "error"]
    path = challenge.sample_dir / f"report.{ending}"
    path.write_text(path.read_text().replace("300", "301", 1) + " ")
    (found,) = [finding for finding in check_challenge(challenge) if finding not in before]
    assert (found.file, found.level) == (f"sample_data/report.{ending}", "error")


def test_a_sample_of_unknown_origin_is_told(challenge: ChallengeFolder) -> None:
    (challenge.sample_dir / "guarantee.json").unlink()
    assert ("sample_data/guarantee.json", "warning") in {(one.file, one.level) for one in check_challenge(challenge)}
    (challenge.sample_dir / "guarantee.json").write_text("{}")
    assert ("sample_data/guarantee.json", "error") in {(one.file, one.level) for one in check_challenge(challenge)}


def test_the_organizers_report_enters_no_kit(challenge: ChallengeFolder) -> None:
    guarantee = read_guarantee(challenge)
    assert guarantee is not None
    write_organizer_report(challenge, guarantee)
    own = challenge.root / "private" / "sample_report.html"
    assert own.is_file()
    assert not any("sample_report" in name for name in public_files(challenge))
    (challenge.sample_dir / "report.html").write_bytes(own.read_bytes())
    assert {one.level for one in check_challenge(challenge) if one.file == "sample_data/report.html"} == {"error"}
