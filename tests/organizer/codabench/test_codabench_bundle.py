"""A bundle that is wrong is refused with the file, the line and the key; whatever is wrong, nothing is made of it."""

from __future__ import annotations

import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from codabench_bundle import write_bundle, zipped

from participant_kit.challenge.finding import FindingsError
from participant_kit.organizer.codabench import archive
from participant_kit.organizer.codabench.bring import import_bundle
from participant_kit.organizer.codabench.bundle import open_bundle
from participant_kit.organizer.codabench.moment import read_moment, theirs_of
from participant_kit.organizer.errors import OrganizerError


def findings_of(path: Path) -> list[str]:
    with pytest.raises(FindingsError) as raised, open_bundle(path):
        pass
    return [str(finding) for finding in raised.value.findings]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("file: pages/welcome.md", "file: pages/none.md", "pages.0.file: found 'pages/none.md', which is not there"),
        ("terms: pages/terms.md", "terms: ../terms.md", "terms: found '../terms.md', which leads out of it"),
        ("image: images/pi.png", "image: /etc/passwd", "image: found '/etc/passwd', which leads out of it"),
        ("version: 2", "version: 1.5", "version: found 1.5; expected version: 2 (Codabench turns"),
        ("version: 2\n", "", "version: found nothing; expected this key"),
        ("index: 1\n    name: Pi, final", "index: 0\n    name: Pi, final", "found 2 tasks 0; expected an index"),
        ("tasks: [1]\n", "tasks: [7]\n", "found 7; expected indexes of tasks (0, 1)"),
        ("tasks: [0, 1]}", "tasks: [0, 9]}", "solutions.0.tasks: found 9; expected indexes of tasks (0, 1)"),
        ("    scoring_program: scoring_program.zip\n", "", "tasks.0: found none; expected a scoring_program"),
        ("    tasks: [0]\nleader", "leader", "phases.1.tasks: found nothing; expected this key"),
        ("dev/input_data/", "dev/nothing/", "tasks.0.input_data: found 'dev/nothing/', which is not there"),
        (
            "input_data: dev/input_data/", "input_data: 0f8fad5b-d9cb-469f-a165-70867728950e",
            "tasks.0.input_data: found the key 0f8fad5b",
        ),
        ("name: Pi, final\n", "key: abc\n", "tasks.1.key: found the key abc; expected a task with its files"),
        ("dev/input_data/", "pages/terms.md", "found 'pages/terms.md', a file; expected a folder or a zip"),
        ("end: 1-31-2030", "end: 31 Februar", "phases.1.end: found '31 Februar'; expected date with its year"),
        ("end: 1-31-2030", "end: 3-31-2030", "expected a start after the end of 'Development Phase' (2030-03-31)"),
        ("end: 1-31-2030", "end: 1-31-2020", "expected an end after the start"),
        ("    end: 1-31-2030\n", "", "found none; expected an end of each phase but the last"),
        ("computation_indexes: [1, 2]", "computation_indexes: [1, 8]", "found 8; expected indexes of columns"),
        ("computation_indexes: [1, 2]", "computation_indexes: [0, 2]", "found 0, its own"),
        ("computation: avg, computation_indexes: [1, 2],", "computation: avg,", "expected computation_indexes beside"),
        ("computation: avg, ", "computation: median, ", "columns.0.computation: found 'median'"),
        ("sorting: desc, computation", "sorting: down, computation", "columns.0.sorting: found 'down'"),
        ("key: accuracy_2", "key: accuracy_1", "found 'accuracy_1'; expected a key of its own for each column"),
        ("key: accuracy_2, index: 2", "key: accuracy_2, index: 1", "expected an index of its own for each column"),
        ("submission_rule: Force_Last", "submission_rule: Worst", "submission_rule: found 'Worst'"),
        ("submission_rule: Force_Last", "primary_index: 9", "found 9; expected a column of this index, which ranks"),
        ("max_submissions: 50", "max_submissions: many", "phases.1.max_submissions: found 'many'"),
        ("title: Digits of pi", "title: &a [x]\nreward2: *a", "valid YAML"),
        ("title: Digits of pi", "title: " + "[" * 60, "more than 50 levels"),
        (
            "ingestion_program: ingestion_program\n", "ingestion_only_during_scoring: True\n",
            "expected an ingestion_program beside it",
        ),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_each_mistake_has_its_own_sentence(old: str, new: str, expected: str, tmp_path: Path) -> None:
    findings = findings_of(write_bundle(tmp_path / "pi", **{old: new}))
    assert any(expected in finding for finding in findings), findings
    assert all(finding.startswith("competition.yaml:") for finding in findings)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    changes = {"pages/welcome.md": "pages/none.md", "tasks: [1]\n": "tasks: [7]\n", "key: accuracy_2": "key: mean"}
    assert len(findings_of(write_bundle(tmp_path / "pi", **changes))) == 3


def test_yaml_that_would_grow_without_end_is_refused(tmp_path: Path) -> None:
    bomb = 'a: &a ["x"]\n' + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert "an alias" in findings_of(write_bundle(tmp_path / "pi", {"competition.yaml": bomb}))[0]


def test_a_competition_that_lies_deeper_is_pointed_to(tmp_path: Path) -> None:
    write_bundle(tmp_path / "outer" / "inner")
    assert "found one at inner/competition.yaml" in findings_of(tmp_path / "outer")[0]
    assert "expected a file at" in findings_of(write_bundle(tmp_path / "no", {"competition.yaml": None}))[0]


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ("command: python3 score.py | tee log", "another"),
        ("command: 'python3 \"score.py'", "another"),
        ("command: python3 score.py && rm x", "another"),
        ("command: [python3, score.py]", "another"),
        ("[" * 1500, "another"),
        ("description: none", "another"),
        (None, "no metadata.yaml"),
    ],
)
def test_a_command_that_is_no_program_and_its_arguments_is_refused(
    metadata: str | None, found: str, tmp_path: Path
) -> None:
    program = {"score.py": ""} | ({"metadata.yaml": metadata} if metadata else {})
    with pytest.raises(FindingsError) as raised:
        import_bundle(write_bundle(tmp_path / "pi", {"scoring_program.zip": program}), tmp_path / "digits")
    (finding,) = raised.value.findings
    assert (finding.file, finding.key, finding.found) == ("scoring_program/metadata.yaml", "command", found)
    assert "one program and its arguments" in finding.expected


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "C:/out", "a\\..\\out"])
@pytest.mark.parametrize("inner", [False, True])
def test_a_zip_that_climbs_out_is_refused(name: str, inner: bool, tmp_path: Path) -> None:
    files: dict[str, Any] = {"scoring_program.zip": {"metadata.yaml": "command: x", name: "x"}} if inner else {}
    path = zipped(write_bundle(tmp_path / "deep" / "pi", files))
    if not inner:
        with zipfile.ZipFile(path, "a") as opened:
            opened.writestr(name, "x")
    with pytest.raises(FindingsError, match="expected paths that stay within it"):
        import_bundle(path, tmp_path / "digits")
    assert not list(tmp_path.rglob("out"))


def test_links_are_refused_in_zips_and_folders(tmp_path: Path) -> None:
    path = zipped(write_bundle(tmp_path / "pi"))
    link = zipfile.ZipInfo("pages/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    assert "'pages/link', a link; expected files and folders alone" in findings_of(path)[0]
    folder = write_bundle(tmp_path / "again")
    (folder / "dev/input_data/link").symlink_to("/etc/passwd")
    with pytest.raises(FindingsError, match="found a link"):
        import_bundle(folder, tmp_path / "digits")
    (folder / "pages/welcome.md").unlink()
    (folder / "pages/welcome.md").symlink_to("/etc/passwd")
    assert "'pages/welcome.md', which is a link" in findings_of(folder)[0]


def test_a_zip_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SMALL", 1 << 20)
    monkeypatch.setattr(archive, "MAX_RATIO", 10)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("competition.yaml", b"\0" * (4 << 20))
    assert "a bomb" in findings_of(bomb)[0]
    with pytest.raises(FindingsError, match="a bomb"):
        import_bundle(write_bundle(tmp_path / "pi", {"dev/reference_data.zip": bomb.read_bytes()}), tmp_path / "digits")


def test_a_zip_of_two_gigabytes_is_to_be_unpacked_first(tmp_path: Path) -> None:
    with (tmp_path / "huge.zip").open("wb") as sparse:
        os.truncate(sparse.fileno(), 2 << 30)
    assert "a zip of 2048 MiB; expected at most 1024 MiB; unpack it" in findings_of(tmp_path / "huge.zip")[0]


def test_what_is_no_bundle_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("hello")
    assert "found something else; expected a zip" in findings_of(tmp_path / "text.zip")[0]
    (tmp_path / "empty.zip").touch()
    assert "expected a zip" in findings_of(tmp_path / "empty.zip")[0]
    with pytest.raises(OrganizerError, match="There is no bundle"):
        import_bundle(tmp_path / "none", tmp_path / "digits")


def test_a_key_that_stands_twice_counts_the_last_time_as_on_codabench(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "pi", **{"solutions:\n": "solutions: []\nsolutions:\n"})
    with open_bundle(folder) as bundle:
        assert len(bundle.competition.solutions) == 2 and [key for key, _ in bundle.repeated] == ["solutions"]


@pytest.mark.parametrize(
    "text",
    ["2030-01-31", "1-31-2030", "01/31/2030", "31 January 2030", "2030-01-31 00:00:00", "2030-01-31T01:00:00+01:00"],
)
def test_dates_are_read_in_each_of_their_forms(text: str) -> None:
    assert read_moment(text) == datetime(2030, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "12", "March", "2030", "31-31-2030", "99999999999999999999", 7, None, []])
def test_what_is_no_whole_date_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="a date with its year"):
        read_moment(text)


def test_codabench_reads_the_day_alone_of_a_time_without_quotes() -> None:
    assert theirs_of("2030-01-31 12:00:00", quoted=False) == datetime(2030, 1, 31, tzinfo=UTC)
    assert theirs_of("2030-01-31 12:00:00+05:00", quoted=True) == datetime(2030, 1, 31, 12, tzinfo=UTC)
