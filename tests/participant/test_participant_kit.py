"""Fetching a kit, keeping one's own work in it, and finding it again."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest
from small_gateway import SLUG, SmallGateway, write_notebook

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.participant import Client
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kit import LINK, find_kit, join_kit, read_link
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys


def join(gateway: SmallGateway, folder: Path, checksum: str | None = None) -> tuple[ChallengeFolder, list[str]]:
    lines: list[str] = []
    kit = join_kit(Connection(gateway.address), SLUG, folder, checksum=checksum, tell=lines.append)
    return kit, lines


def test_a_joined_kit_is_what_was_published_and_knows_where_it_came_from(gateway: SmallGateway, tmp_path: Path) -> None:
    kit, lines = join(gateway, tmp_path / "new" / "kit", gateway.info.kit_sha256)
    published = {p.relative_to(gateway.kit.root): p.read_bytes() for p in gateway.kit.root.rglob("*") if p.is_file()}
    joined = {p.relative_to(kit.root): p.read_bytes() for p in kit.root.rglob("*") if p.is_file()}
    link = json.loads(joined.pop(Path(LINK)))
    assert joined == published
    assert (link["gateway"], link["challenge"]) == (gateway.address, SLUG)
    assert link["kit_sha256"] == gateway.info.kit_sha256
    assert any(line.startswith("Downloading") for line in lines)


def test_joining_again_is_harmless_and_brings_what_is_new(gateway: SmallGateway, tmp_path: Path) -> None:
    kit, _ = join(gateway, tmp_path / "kit")
    mine = write_notebook(kit.notebooks_dir / "start.ipynb", ("", "mine = True")).read_bytes()
    (kit.root / "own.py").write_text("own = True")
    (gateway.kit.root / "codebook.yaml").write_text((gateway.kit.root / "codebook.yaml").read_text() + "# corrected\n")
    gateway.publish()
    again, lines = join(gateway, tmp_path / "kit")
    assert "corrected" in again.codebook_path.read_text()
    assert (again.notebooks_dir / "start.ipynb").read_bytes() == mine
    assert "Kept your starter_notebooks/start.ipynb" in lines
    assert (again.root / "own.py").exists()
    link = read_link(again)
    assert link
    assert link.kit_sha256 == gateway.info.kit_sha256


def test_an_empty_folder_is_taken_and_one_in_use_is_not(gateway: SmallGateway, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert join(gateway, tmp_path / "empty")[0].card.slug == SLUG
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.tex").write_text("years of work")
    with pytest.raises(ParticipantError, match="--folder"):
        join(gateway, tmp_path / "used")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["thesis.tex"]


def test_another_checksum_than_the_organizers_is_refused(gateway: SmallGateway, tmp_path: Path) -> None:
    with pytest.raises(ParticipantError, match="Do not use it"):
        join(gateway, tmp_path / "kit", "0" * 64)
    assert not (tmp_path / "kit").exists()


def test_a_kit_with_a_changed_file_is_refused_and_nothing_is_written(gateway: SmallGateway, tmp_path: Path) -> None:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(gateway.zip)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"changed" if name == "requirements.txt" else old.read(name))
    gateway.zip = changed.getvalue()
    with pytest.raises(ProtocolError, match=r"requirements\.txt"):
        join(gateway, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()
    assert not list(tmp_path.glob(".kit-*"))


def test_new_keys_are_taken_only_with_a_checksum(gateway: SmallGateway, tmp_path: Path) -> None:
    kit, _ = join(gateway, tmp_path / "kit")
    before = kit.keys_path.read_bytes()
    ring = KeyRing(runners=[SecretKeys.generate(Role.BLIND).public])
    gateway.kit.keys_path.write_text(ring.model_dump_json())
    gateway.publish()
    with pytest.raises(ParticipantError, match="other keys") as raised:
        join(gateway, tmp_path / "kit")
    assert raised.value.code == "keys_changed"
    assert kit.keys_path.read_bytes() == before
    join(gateway, tmp_path / "kit", f"sha256:{gateway.info.kit_sha256}")
    assert kit.keys_path.read_text() == ring.model_dump_json()


def test_a_kit_without_a_runners_key_is_no_kit(gateway: SmallGateway, tmp_path: Path) -> None:
    gateway.kit.keys_path.write_text(KeyRing().model_dump_json())
    gateway.publish()
    with pytest.raises(ParticipantError, match="no key of a runner"):
        join(gateway, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_the_kit_of_another_challenge_is_refused(gateway: SmallGateway, tmp_path: Path) -> None:
    gateway.kit.card_path.write_text(gateway.kit.card_path.read_text().replace(SLUG, "another-challenge"))
    gateway.publish()
    with pytest.raises(ParticipantError, match="another-challenge"):
        join(gateway, tmp_path / "kit")


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the size of files as Linux does")
def test_a_disk_that_is_full_is_said_to_be_and_nothing_is_left_behind(gateway: SmallGateway, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(ParticipantError, match="cannot be written") as raised:
            join(gateway, tmp_path / "kit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.code == "disk"
    assert not (tmp_path / "kit").exists()
    assert not list(tmp_path.glob(".kit-*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_files_of_a_kit_can_be_read_by_others(gateway: SmallGateway, tmp_path: Path) -> None:
    kit, _ = join(gateway, tmp_path / "kit")
    assert {path.stat().st_mode & 0o777 for path in kit.root.rglob("*") if path.is_file()} == {0o644}


def test_a_kit_is_found_around_the_notebook_and_by_its_name(
    kit: ChallengeFolder, gateway: SmallGateway, tmp_path: Path
) -> None:
    assert find_kit(kit.notebooks_dir).root == kit.root
    assert find_kit(tmp_path, SLUG).root == kit.root
    assert find_kit(tmp_path, str(kit.root)).root == kit.root
    with pytest.raises(ParticipantError, match="pkit join"):
        find_kit(tmp_path)
    with pytest.raises(ParticipantError, match="pkit join"):
        find_kit(tmp_path, SLUG, "https://other.example.org")


def test_joining_makes_a_kernel_with_the_challenges_packages(
    gateway: SmallGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    kit = Client(gateway.address).join(SLUG, tmp_path / "kit")
    spec = json.loads((tmp_path / "jupyter" / "kernels" / f"pkit-{SLUG}" / "kernel.json").read_text())
    assert spec["argv"][0] == str(environment.python)
    assert spec["display_name"].startswith(kit.card.title)
    link = read_link(kit)
    assert link
    assert link.environment == environment.prefix
