"""The fingerprint of data is the Merkle tree of RFC 6962: one root a version, and a proof for each file alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.merkle import (
    inclusion_path,
    merkle_root,
    parse_inclusion,
    prove_file,
    tree_root,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The leaves that Certificate Transparency's own tests use (google/certificate-transparency, merkle_tree_test.cc)."""
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Its roots over the first 0 to 8 of them."""
PATHS = [
    (8, 0, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (8, 5, ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (3, 2, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (5, 1, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]  # fmt: skip
"""Its audit paths: size, leaf (from 0), hashes from below."""

FILES = {f"{phase}/{name}.parquet": hashlib.sha256(f"{phase}{name}".encode()).hexdigest()
         for phase in ("development", "final") for name in ("train", "test", "labels")}  # fmt: skip


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle_root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("size", "index", "hashes"), PATHS)
def test_paths_are_those_of_certificate_transparency(size: int, index: int, hashes: list[str]) -> None:
    assert [one.hex() for one in inclusion_path(LEAVES[:size], index)] == hashes


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 8, 13])
def test_every_file_is_proved_by_its_own_digest_and_by_no_other(count: int) -> None:
    files = {f"{number:02}": hashlib.sha256(bytes([number])).hexdigest() for number in range(count)}
    for path in files:
        proof = parse_inclusion(prove_file(files, path).model_dump_json().encode())
        assert proof.root() == tree_root(files)
        for changed in ({"sha256": "0" * 64}, {"path": "other"}):
            assert proof.model_copy(update=changed).root() != tree_root(files)


def test_a_proof_with_another_hash_or_in_another_order_is_of_another_root() -> None:
    proof, root = prove_file(FILES, "final/labels.parquet"), tree_root(FILES)
    assert len(proof.path_hashes) == 3
    for number in range(3):
        hashes = [*proof.path_hashes]
        hashes[number] = "0" * 64
        assert proof.model_copy(update={"path_hashes": hashes}).root() != root
    assert proof.model_copy(update={"path_hashes": proof.path_hashes[::-1]}).root() != root


@pytest.mark.parametrize("hashes", [[], ["00" * 32] * 9, ["no hex"] * 3, ["00" * 31] * 3])
def test_a_path_of_another_shape_proves_nothing(hashes: list[str]) -> None:
    proof = prove_file(FILES, "final/test.parquet").model_copy(update={"path_hashes": hashes})
    with pytest.raises(ProtocolError, match="proves nothing"):
        proof.root()


def test_the_root_changes_with_each_file_and_each_name() -> None:
    roots = {tree_root(FILES)}
    for path, digest in FILES.items():
        rest = {other: FILES[other] for other in FILES if other != path}
        roots |= {tree_root(rest), tree_root(rest | {path: "0" * 64}), tree_root(rest | {f"{path}x": digest})}
    assert len(roots) == 1 + 3 * len(FILES)
    assert tree_root(dict(reversed(FILES.items()))) == tree_root(FILES), "the order is that of the paths"


def test_a_leaf_is_the_line_that_sha256sum_prints(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    for name in ("labels", "test"):
        (tmp_path / "final" / f"{name}.parquet").write_bytes(name.encode())
    paths = ["final/labels.parquet", "final/test.parquet"]
    lines = subprocess.run(["sha256sum", *paths], cwd=tmp_path, capture_output=True, check=True).stdout
    digests = {path: hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() for path in paths}
    assert tree_root(digests) == merkle_root(lines.splitlines(keepends=True)).hex()


def test_a_file_that_is_not_there_is_not_proved() -> None:
    with pytest.raises(ProtocolError, match=r"final/train\.parquet"):
        prove_file(FILES, "final/other.parquet")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", json.dumps({"path": "x"}).encode()])
def test_what_is_no_proof_is_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="no proof"):
        parse_inclusion(content)
