"""Confirming takes `draft: true` away, and not one other byte."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from participant_kit.challenge.codebook import read_codebook
from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer import confirm as confirm_module
from participant_kit.organizer.confirm import confirm_columns, draft_columns

CARD = Path(confirm_module.__file__).parent / "demonstration" / "challenge.yaml"

CODEBOOK = """\
# Whose data these are: ours. Ärzte & Pflege
schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 9, draft: true}   # a number
  first: {draft: true, type: text}
  middle: { type: text , draft: true , description: "draft: true, or so" }
  wide: {type: number, minimum: 0.0, maximum: 50.0,
    bins: [0.0, 1.0, 50.0], # chosen, by us
    draft: true}
  last:
    type: category
    levels: [a, b]   # as
    draft: true
  noted:
    # of a kind
    draft: true   # guessed
    type: boolean
  quoted:
    "draft": yes

    description: |
      draft: true
    type: text
  done: {type: text, draft: false}
  plain: {type: text}
"""

CONFIRMED = """\
# Whose data these are: ours. Ärzte & Pflege
schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 9}   # a number
  first: {type: text}
  middle: { type: text , description: "draft: true, or so" }
  wide: {type: number, minimum: 0.0, maximum: 50.0,
    bins: [0.0, 1.0, 50.0] # chosen, by us
    }
  last:
    type: category
    levels: [a, b]   # as
  noted:
    # of a kind
    # guessed
    type: boolean
  quoted:

    description: |
      draft: true
    type: text
  done: {type: text, draft: false}
  plain: {type: text}
"""
DRAFTS = ["id", "first", "middle", "wide", "last", "noted", "quoted"]


def made(folder: Path, codebook: str | bytes) -> ChallengeFolder:
    shutil.copy(CARD, folder / "challenge.yaml")
    content = codebook.encode() if isinstance(codebook, str) else codebook
    (folder / "codebook.yaml").write_bytes(content)
    return ChallengeFolder(folder)


def test_drafts_are_listed_in_the_order_of_the_codebook(tmp_path: Path) -> None:
    folder = made(tmp_path, CODEBOOK)
    assert draft_columns(folder) == DRAFTS
    assert draft_columns(folder, ["plain", "last", "id"]) == ["id", "last"]


def test_everything_else_stays_byte_for_byte_in_every_style_of_yaml(tmp_path: Path) -> None:
    folder = made(tmp_path, CODEBOOK)
    assert confirm_columns(folder, DRAFTS[::-1]) == DRAFTS
    assert folder.codebook_path.read_text("utf-8") == CONFIRMED
    assert draft_columns(folder) == []


@pytest.mark.parametrize("name", DRAFTS)
def test_one_column_is_confirmed_and_no_other(tmp_path: Path, name: str) -> None:
    folder = made(tmp_path, CODEBOOK)
    before = read_codebook(folder.codebook_path)
    assert confirm_columns(folder, [name]) == [name]
    after = read_codebook(folder.codebook_path)
    assert [key for key in before.columns if before.columns[key] != after.columns[key]] == [name]
    assert after.columns[name] == before.columns[name].model_copy(update={"draft": False})


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: text.rstrip("\n")])
def test_line_ends_are_those_of_the_file(tmp_path: Path, change: object) -> None:
    assert callable(change)
    folder = made(tmp_path, change(CODEBOOK))
    confirm_columns(folder, DRAFTS)
    assert folder.codebook_path.read_bytes() == change(CONFIRMED).encode()


def test_what_was_scaffolded_can_be_confirmed_one_by_one(challenge: ChallengeFolder) -> None:
    before = challenge.codebook_path.read_text()
    for name in (names := draft_columns(challenge)):
        assert confirm_columns(challenge, [name]) == [name]
    after = challenge.codebook_path.read_text()
    assert "draft: true" not in after.replace("delete its `draft: true`", "")
    columns = {name: challenge.codebook.columns[name].model_copy(update={"draft": False}) for name in names}
    assert read_codebook(challenge.codebook_path).columns == columns
    assert before.splitlines()[:3] == after.splitlines()[:3]


def test_a_wrong_name_says_which_is_meant_and_changes_nothing(tmp_path: Path) -> None:
    folder = made(tmp_path, CODEBOOK)
    with pytest.raises(KitError, match=r"no column 'midle'.*Did you mean middle"):
        confirm_columns(folder, ["id", "midle"])
    assert folder.codebook_path.read_text("utf-8") == CODEBOOK


def test_what_is_confirmed_already_is_left_alone(tmp_path: Path) -> None:
    folder = made(tmp_path, CODEBOOK)
    before = folder.codebook_path.stat()
    assert confirm_columns(folder, ["plain", "done"]) == []
    after = folder.codebook_path.stat()
    for what in ("st_ino", "st_size", "st_mode", "st_mtime_ns", "st_ctime_ns"):  # to read it changes another time
        assert getattr(after, what) == getattr(before, what)


def test_yaml_that_cannot_be_edited_safely_is_left_as_it_is(tmp_path: Path) -> None:
    text = "schema_version: 1\ncolumns:\n  a:\n    ? draft\n    : true\n    type: text\n  b: {type: text}\n"
    folder = made(tmp_path, text.replace("    ? draft\n", "    ?\n      draft\n"))
    before = folder.codebook_path.read_bytes()
    with pytest.raises(KitError, match="by hand"):
        confirm_columns(folder, ["a"])
    assert folder.codebook_path.read_bytes() == before


def test_a_file_that_cannot_be_written_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path, CODEBOOK)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(confirm_module.os, "fsync", full)
    with pytest.raises(KitError, match="No space left"):
        confirm_columns(folder, ["id"])
    assert folder.codebook_path.read_text("utf-8") == CODEBOOK
    assert sorted(path.name for path in tmp_path.iterdir()) == ["challenge.yaml", "codebook.yaml"]


def test_the_rights_of_the_file_stay(tmp_path: Path) -> None:
    folder = made(tmp_path, CODEBOOK)
    folder.codebook_path.chmod(0o640)
    confirm_columns(folder, ["id"])
    assert stat.S_IMODE(folder.codebook_path.stat().st_mode) == 0o640
