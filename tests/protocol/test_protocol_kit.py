"""A kit is the same bytes from the same files, and a changed or hostile one is refused before anything is written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from participant_kit.protocol import kit
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.kit import MANIFEST, kit_digest, open_kit, pack_kit

FILES = {
    "README.md": b"Read me.\n",
    "challenge.yaml": b"slug: small\n" * 20,
    "sample_data/train.parquet": bytes(range(256)),
    "starter_notebooks/deep/start.ipynb": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "kit", FILES)


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def manifest_of(files: dict[str, bytes], /, **changed: Any) -> bytes:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return json.dumps({"schema_version": 1, "challenge": "small", "files": digests, **changed}).encode()


def zip_of(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


def kit_of(files: dict[str, bytes], /, **changed: Any) -> bytes:
    """A zip whose manifest is true, whatever its paths are."""
    return zip_of((MANIFEST, manifest_of(files, **changed)), *files.items())


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return made


def refused(data: bytes) -> str:
    with pytest.raises(ProtocolError) as raised:
        open_kit(data)
    return str(raised.value)


def test_what_was_packed_is_what_is_opened(folder: Path) -> None:
    assert open_kit(pack_kit(folder, "small")) == FILES


def test_the_kits_that_these_tests_build_are_opened_when_nothing_is_wrong() -> None:
    assert open_kit(kit_of(FILES)) == FILES
    assert open_kit(zip_of((MANIFEST, manifest_of(FILES)), *FILES.items(), compression=zipfile.ZIP_STORED)) == FILES
    regular = zip_of((MANIFEST, manifest_of({"a": b"x"})), (entry("a", stat.S_IFREG | 0o644), b"x"))
    assert open_kit(regular) == {"a": b"x"}


def test_the_manifest_holds_the_hash_of_every_file(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(pack_kit(folder, "small"))) as archive:
        assert archive.namelist() == [MANIFEST, *sorted(FILES)]
        manifest = json.loads(archive.read(MANIFEST))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert manifest == {"schema_version": 1, "challenge": "small", "files": digests}


def test_equal_files_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "elsewhere" / "copy", dict(reversed(FILES.items())))
    for path in sorted(other.rglob("*")):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    (other / "an empty folder").mkdir()
    assert pack_kit(folder, "small") == pack_kit(other, "small")


def test_the_bytes_depend_on_no_clock_zone_language_or_hash_seed(folder: Path) -> None:
    program = "import sys; from pathlib import Path; from participant_kit.protocol.kit import *\n"
    program += "print(kit_digest(pack_kit(Path(sys.argv[1]), 'small')))"
    settings = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    told = subprocess.run([sys.executable, "-c", program, folder], env=settings, capture_output=True, text=True)
    assert told.stdout.strip() == kit_digest(pack_kit(folder, "small"))


def test_no_time_owner_or_mode_of_the_packers_machine_is_in_the_kit(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(pack_kit(folder, "small"))) as archive:
        found = {(e.date_time, e.create_system, e.external_attr >> 16, e.extra) for e in archive.infolist()}
    assert found == {((1980, 1, 1, 0, 0, 0), 3, 0o644, b"")}


@pytest.mark.parametrize("name", ["README.md", "new.txt"])
def test_another_file_gives_another_digest(folder: Path, name: str) -> None:
    before = kit_digest(pack_kit(folder, "small"))
    (folder / name).write_bytes(b"changed")
    assert kit_digest(pack_kit(folder, "small")) != before


def test_a_manifest_from_before_is_not_packed(folder: Path) -> None:
    before = pack_kit(folder, "small")
    (folder / MANIFEST).write_text("old")
    assert pack_kit(folder, "small") == before


def test_the_digest_is_the_one_of_sha256sum(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kit.zip").write_bytes(pack_kit(folder, "small"))
    told = subprocess.run(["sha256sum", tmp_path / "kit.zip"], capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == kit_digest((tmp_path / "kit.zip").read_bytes())


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_changed_byte_is_refused_or_changes_nothing(folder: Path, flip: int) -> None:
    data = pack_kit(folder, "small")
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ flip]) + data[position + 1 :]
        try:
            assert open_kit(changed) == FILES
        except ProtocolError:
            continue


def test_every_truncation_is_refused(folder: Path) -> None:
    data = pack_kit(folder, "small")
    for length in range(len(data)):
        assert refused(data[:length])


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "//server/share",
        "../outside",
        "a/../../outside",
        "a/..",
        "..",
        ".",
        "./a",
        "a//b",
        "a/./b",
        "a/",
        "..\\outside",
        "a\\b",
        "C:\\outside",
        "C:outside",
        "a:stream",
        ".. /outside",
        "... /outside",
        "a./b",
        "a.",
        "a ",
        "a\nb",
        "a\x1b[2Jb",
        "a\u202eb",
    ],
    ids=ascii,
)
def test_a_path_that_is_not_plain_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target").mkdir()
    monkeypatch.chdir(tmp_path / "target")
    assert "not a plain file" in refused(kit_of({name: b"x"}))
    assert [path.name for path in tmp_path.rglob("*")] == ["target"]


def test_an_absolute_path_into_this_machine_writes_nothing(tmp_path: Path) -> None:
    assert "not a plain file" in refused(kit_of({str(tmp_path / "outside"): b"x"}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK], ids=stat.filemode
)
def test_links_and_all_that_is_no_file_are_refused(kind: int) -> None:
    target = b"/etc/passwd"
    data = zip_of((MANIFEST, manifest_of({"a": target})), (entry("a", kind | 0o777), target))
    assert "not a plain file" in refused(data)


def test_a_folder_that_is_a_link_takes_no_file_elsewhere() -> None:
    link = (entry("a", stat.S_IFLNK | 0o777), b"/tmp")
    data = zip_of((MANIFEST, manifest_of({"a": b"/tmp", "a/b": b"x"})), link, ("a/b", b"x"))
    assert "not a plain file" in refused(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["README.md", MANIFEST])
def test_a_path_that_stands_twice_is_refused(name: str) -> None:
    data = zip_of((MANIFEST, manifest_of(FILES)), *FILES.items(), (name, FILES.get(name, manifest_of(FILES))))
    assert "twice" in refused(data)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("README.md", "readme.md"),
        ("a/b", "A/b"),
        ("straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("A", "a/b"),
        (MANIFEST.upper(), "x"),
    ],
)
def test_paths_that_are_one_on_some_systems_are_refused(first: str, second: str) -> None:
    assert "twice" in refused(kit_of({first: b"x", second: b"y"}))


def test_paths_that_merely_begin_alike_are_fine() -> None:
    files = {"a": b"", "ab": b"", "b/a": b"", "b/ab": b"", "b/a.txt": b"", "B2/a": b""}
    assert open_kit(kit_of(files)) == files


@pytest.mark.parametrize(
    ("held", "listed"),
    [
        (FILES, FILES | {"more.txt": b"x"}),
        (FILES | {"more.txt": b"x"}, FILES),
        (FILES | {"README.md": b"changed"}, FILES),
        (FILES | {"README.md": b""}, FILES),
        (FILES, {name.lower(): content for name, content in FILES.items()}),
        ({"a": b"x", "b": b"y"}, {"a": b"y", "b": b"x"}),
        ({}, {MANIFEST: b""}),
    ],
    ids=["missing", "additional", "changed", "emptied", "renamed", "swapped", "itself"],
)
def test_a_kit_that_differs_from_its_manifest_is_refused(held: dict[str, bytes], listed: dict[str, bytes]) -> None:
    assert "not the one in its manifest" in refused(zip_of((MANIFEST, manifest_of(listed)), *held.items()))


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        manifest_of({}, schema_version=2),
        manifest_of({}, files=["a"]),
        manifest_of({}, files={"a": 1}),
        manifest_of({}, challenge=None),
        manifest_of({}, note="free text"),
    ],
    ids=lambda manifest: manifest[:70].decode(errors="replace"),
)
def test_a_manifest_that_cannot_be_understood_is_refused(manifest: bytes) -> None:
    assert "no starter kit" in refused(zip_of((MANIFEST, manifest)))


@pytest.mark.parametrize("data", [b"", b"PK", b"<html>", zip_of(), zip_of(("README.md", b"x")), b"PK\5\6" + bytes(18)])
def test_what_is_no_zip_with_a_manifest_is_refused(data: bytes) -> None:
    assert "no starter kit" in refused(data)


def test_a_manifest_in_a_folder_is_no_manifest() -> None:
    assert "no starter kit" in refused(zip_of((f"a/{MANIFEST}", manifest_of({}))))


@pytest.mark.parametrize("limit", [("MAX_KIT_FILES", 4), ("MAX_KIT_BYTES", 400)], ids=lambda limit: limit[0])
def test_a_kit_larger_than_the_limit_is_refused(limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    data = kit_of(FILES)
    open_kit(data)
    monkeypatch.setattr(kit, *limit)
    assert "is larger than" in refused(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_is_refused_before_it_fills_the_memory(
    method: int, honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bomb(method, 16 << 20, declared=None if honest else 10)
    monkeypatch.setattr(kit, "MAX_KIT_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        assert refused(data)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_can_be_unpacked_in_bounds_is_unpacked(method: int) -> None:
    files = {"a": b"x" * 100}
    assert "no starter kit" in refused(zip_of((MANIFEST, manifest_of(files)), *files.items(), compression=method))


def bomb(method: int, size: int, declared: int | None) -> bytes:
    """A small kit with ``size`` zeros in it, which may say of itself that they are fewer."""
    name = zipfile.ZipInfo("bomb")
    name.compress_type = method
    data = zip_of((MANIFEST, manifest_of({"bomb": bytes(declared or size)})), (name, bytes(size)))
    assert len(data) < size / 100
    if declared is None:
        return data
    directory = data.rindex(b"PK\x01\x02")
    return data[: directory + 24] + struct.pack("<I", declared) + data[directory + 28 :]
