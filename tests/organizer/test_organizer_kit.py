"""The starter kit: what is public, the same bytes each time, and never built over a mistake."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.kit import build_kit
from participant_kit.protocol.kit import open_kit


def test_a_kit_holds_the_public_half_and_nothing_else(challenge: ChallengeFolder) -> None:
    (challenge.root / "notes.txt").write_text("mine")
    (challenge.sample_dir / "draft.csv").write_text("mine")
    build = build_kit(challenge, parity=False)
    assert build.files == [
        "DATA.md",
        "README.md",
        "challenge.yaml",
        "codebook.yaml",
        "keys.json",
        "requirements.txt",
        "sample_data/guarantee.json",
        "sample_data/test.parquet",
        "sample_data/train.parquet",
        "starter_notebooks/01_explore.ipynb",
        "starter_notebooks/02_baseline.ipynb",
        "starter_notebooks/03_improve.ipynb",
    ]
    files = open_kit(build.zip.read_bytes())
    found = {path.relative_to(build.folder).as_posix(): path for path in build.folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == files


def test_pages_and_their_pictures_are_public_and_what_else_is_beside_them_is_not(challenge: ChallengeFolder) -> None:
    challenge.pages_dir.mkdir()
    for name in ("about.md", "cover.png", "draft.docx", ".about.md.swp"):
        (challenge.pages_dir / name).write_bytes(b"mine")
    card = challenge.card_path.read_text().replace("\nphases:", "\npages: [{title: About, file: about.md}]\nphases:")
    challenge.card_path.write_text(card)
    build = build_kit(ChallengeFolder(challenge.root), parity=False)
    assert [name for name in build.files if name.startswith("pages/")] == ["pages/about.md", "pages/cover.png"]


def test_the_zip_is_the_same_byte_for_byte(challenge: ChallengeFolder, tmp_path: Path) -> None:
    first = build_kit(challenge, parity=False)
    other = tmp_path / "elsewhere" / "copy"
    shutil.copytree(challenge.root, other, ignore=shutil.ignore_patterns("starter_kit*"))
    for path in other.rglob("*"):
        os.utime(path, (0, time.time() - 10_000))
    second = build_kit(ChallengeFolder(other), parity=False)
    assert first.zip.read_bytes() == second.zip.read_bytes()
    assert first.digest == second.digest


def test_building_again_replaces_the_kit(challenge: ChallengeFolder) -> None:
    before = build_kit(challenge, parity=False)
    (challenge.notebooks_dir / "03_improve.ipynb").unlink()
    after = build_kit(ChallengeFolder(challenge.root), parity=False)
    assert before.digest != after.digest
    assert not (after.folder / "starter_notebooks" / "03_improve.ipynb").exists()


def test_a_mistake_stops_the_build_and_the_kit_before_stays(challenge: ChallengeFolder) -> None:
    before = build_kit(challenge, parity=False).zip.read_bytes()
    shutil.copy(challenge.private_dir("final") / "train.parquet", challenge.sample_dir)
    with pytest.raises(FindingsError, match="no private file"):
        build_kit(ChallengeFolder(challenge.root), parity=False)
    assert (challenge.root / "starter_kit.zip").read_bytes() == before


def test_without_public_keys_nobody_could_seal(challenge: ChallengeFolder) -> None:
    challenge.keys_path.unlink()
    with pytest.raises(KitError, match="pkit holder keys"):
        build_kit(challenge, parity=False)


def test_nothing_is_left_lying_about(challenge: ChallengeFolder) -> None:
    build_kit(challenge, parity=False)
    assert not [path.name for path in challenge.root.iterdir() if path.name.startswith(".starter_kit")]


def test_a_link_in_the_public_half_is_not_followed(challenge: ChallengeFolder, tmp_path: Path) -> None:
    elsewhere = shutil.copyfile(challenge.notebooks_dir / "02_baseline.ipynb", tmp_path / "elsewhere.ipynb")
    (challenge.notebooks_dir / "linked.ipynb").symlink_to(elsewhere)
    with pytest.raises(KitError, match="is a link") as refused:
        build_kit(challenge, parity=False)
    assert "Copy the file" in refused.value.hint


def test_the_data_page_names_every_column_and_what_it_may_hold(challenge: ChallengeFolder) -> None:
    codebook = challenge.codebook_path
    text = codebook.read_text()
    described, count = re.subn(r"description: [^,}]+", 'description: "one | two"', text, count=1)
    assert count == 1
    codebook.write_text(described)
    build = build_kit(ChallengeFolder(challenge.root), parity=False)
    page = (build.folder / "DATA.md").read_text()
    for column in challenge.codebook.columns:
        assert f"| `{column}` |" in page
    assert r"one \| two" in page  # a bar would begin another cell
    assert "(to be predicted)" in page


def test_a_folder_without_a_notebook_gets_three_and_one_of_the_organizers_own_is_enough(
    challenge: ChallengeFolder,
) -> None:
    own = (challenge.notebooks_dir / "02_baseline.ipynb").read_bytes()
    shutil.rmtree(challenge.notebooks_dir)
    assert sum(name.endswith(".ipynb") for name in build_kit(challenge, parity=False).files) == 3
    shutil.rmtree(challenge.notebooks_dir)
    challenge.notebooks_dir.mkdir()
    (challenge.notebooks_dir / "own.ipynb").write_bytes(own)
    assert [name for name in build_kit(challenge, parity=False).files if name.endswith(".ipynb")] == [
        "starter_notebooks/own.ipynb"
    ]


def test_the_readme_names_the_notebook_to_submit_first(challenge: ChallengeFolder) -> None:
    readme = (build_kit(challenge, parity=False).folder / "README.md").read_text()
    assert "pkit submit starter_notebooks/02_baseline.ipynb" in readme
