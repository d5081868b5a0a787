"""The layout of a challenge folder, and how it is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CARD

from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import ChallengeFolder, find_challenge


def test_a_challenge_is_found_from_anywhere_inside(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").write_bytes(CARD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for place in (tmp_path, tmp_path / "deep" / "er"):
        found = find_challenge(place)
        assert found and found.root == tmp_path.resolve()


def test_outside_there_is_none(tmp_path: Path) -> None:
    assert find_challenge(tmp_path) is None


def test_paths_are_those_that_the_card_names(tmp_path: Path) -> None:
    named = CARD.replace(b"target: ill}", b"target: ill, codebook: columns.yaml}")
    (tmp_path / "challenge.yaml").write_bytes(named + b"scoring: program\n")
    folder = ChallengeFolder(tmp_path)
    assert folder.codebook_path == tmp_path / "columns.yaml"
    assert folder.scoring_path == tmp_path / "program"
    assert folder.private_dir("final") == tmp_path / "private" / "final"


def test_a_folder_without_a_card_says_so(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"challenge\.yaml"):
        _ = ChallengeFolder(tmp_path).card


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("f", "this"), "f: expected this"),
        (Finding("f", "this", "that", "a.b", 3), "f:3 a.b: found that; expected this"),
        (Finding("n.ipynb", "this", cell=2), "n.ipynb cell 2: expected this"),
    ],
)
def test_a_finding_says_where_what_and_what_instead(finding: Finding, text: str) -> None:
    assert str(finding) == text
    assert finding.to_dict()["expected"] == "this"


def test_the_nearest_challenge_is_found_from_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    for folder in (tmp_path, inner):
        (folder / "challenge.yaml").write_bytes(CARD)
    monkeypatch.chdir(inner / "deep")
    found = find_challenge(Path())
    assert found and found.root == inner.resolve()


def test_a_folder_of_that_name_is_no_card(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").mkdir()
    assert find_challenge(tmp_path) is None


def test_named_metrics_need_no_program(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").write_bytes(CARD)
    assert ChallengeFolder(tmp_path).scoring_path is None


def test_the_card_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").write_bytes(CARD)
    folder = ChallengeFolder(tmp_path)
    card = folder.card
    (tmp_path / "challenge.yaml").unlink()
    assert folder.card is card
