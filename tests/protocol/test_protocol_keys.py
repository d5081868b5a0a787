"""A runner's secret keys are for its eyes alone; the public ones are checked before anybody seals to them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import (
    KeyRing,
    Role,
    SecretKeys,
    parse_key_ring,
    read_key_ring,
    read_secret_keys,
    write_secret_keys,
)

BLIND, REHEARSAL = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.REHEARSAL)
RING = KeyRing(runners=[BLIND.public, REHEARSAL.public])

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


def as_json(keys: SecretKeys, **changed: Any) -> str:
    return json.dumps(json.loads(keys.model_dump_json()) | changed)


def write_private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ProtocolError) as raised:
        read_secret_keys(path)
    return str(raised.value)


@pytest.mark.parametrize("role", Role)
def test_secret_keys_are_read_as_they_were_written(tmp_path: Path, role: Role) -> None:
    keys = SecretKeys.generate(role)
    write_secret_keys(tmp_path / "keys", keys)
    assert read_secret_keys(tmp_path / "keys") == keys


def test_new_keys_are_always_other_keys() -> None:
    made = [SecretKeys.generate(Role.BLIND) for _ in range(10)]
    assert len({keys.sealing for keys in made} | {keys.signing for keys in made}) == 20


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_the_file_and_its_folder(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_secret_keys(tmp_path / "private" / "keys", BLIND)
    finally:
        os.umask(before)
    assert (tmp_path / "private" / "keys").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    write_secret_keys(tmp_path / "keys", BLIND)
    (tmp_path / "keys").chmod(mode)
    assert f"chmod 600 {tmp_path / 'keys'}" in refusal(tmp_path / "keys")


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    write_secret_keys(tmp_path / "keys", BLIND)
    with pytest.raises(FileExistsError):
        write_secret_keys(tmp_path / "keys", REHEARSAL)
    assert read_secret_keys(tmp_path / "keys") == BLIND


@posix
def test_keys_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_secret_keys(tmp_path / "keys", BLIND)
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_file_points_to_the_command_that_makes_it(tmp_path: Path) -> None:
    assert "pkit holder keys" in refusal(tmp_path / "keys")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        as_json(BLIND, role="king"),
        as_json(BLIND, more=1),
        as_json(BLIND, signing=None),
        as_json(BLIND, signing="no hex"),
        as_json(BLIND, signing=BLIND.signing[2:]),
        as_json(BLIND, sealing="no identity"),
        as_json(BLIND, sealing=BLIND.public.sealing),
    ],
)
def test_what_is_no_key_file_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    said = refusal(write_private(tmp_path / "keys", text))
    assert "no key file" in said
    assert BLIND.sealing not in said
    assert BLIND.signing not in said


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format, lambda keys: repr([keys])])
def test_showing_secret_keys_shows_nothing_secret(show: Any) -> None:
    shown = show(BLIND)
    assert "blind" in shown
    assert BLIND.sealing not in shown
    assert BLIND.signing not in shown


def test_the_public_half_holds_nothing_secret() -> None:
    public = BLIND.public.model_dump_json()
    assert BLIND.sealing not in public
    assert BLIND.signing not in public


def test_the_public_half_belongs_to_the_secret_one(tmp_path: Path) -> None:
    identity = write_private(tmp_path / "identity", BLIND.sealing)
    told = subprocess.run(["age-keygen", "-y", identity], capture_output=True, check=True, text=True).stdout
    assert told.strip() == BLIND.public.sealing
    signing = Ed25519PublicKey.from_public_bytes(bytes.fromhex(BLIND.public.signing))
    signing.verify(BLIND.signer.sign(b"data"), b"data")


def test_keys_have_one_role_and_are_found_by_it_alone() -> None:
    assert RING.of(Role.BLIND) == [BLIND.public]
    assert RING.of(Role.REHEARSAL) == [REHEARSAL.public]
    assert KeyRing(runners=[REHEARSAL.public]).of(Role.BLIND) == []


def test_a_notebook_is_sealed_to_every_runner() -> None:
    assert RING.recipients == [BLIND.public.sealing, REHEARSAL.public.sealing]


def test_a_key_ring_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(RING.model_dump_json(indent=2))
    assert read_key_ring(tmp_path / "keys.json") == RING


def test_a_missing_key_ring_points_to_who_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="pkit holder keys"):
        read_key_ring(tmp_path / "keys.json")


@pytest.mark.parametrize(
    "changed",
    [
        {"sealing": "age1"},
        {"sealing": BLIND.public.sealing[:-1] + ("p" if BLIND.public.sealing.endswith("q") else "q")},
        {"sealing": BLIND.sealing},
        {"sealing": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"},
        {"signing": ""},
        {"signing": "no hex"},
        {"signing": BLIND.public.signing[2:]},
        {"signing": BLIND.public.signing + "00"},
        {"signing": None},
        {"role": "king"},
        {"role": "Blind"},
        {"note": "free text"},
    ],
    ids=[
        "sealing: short",
        "sealing: another letter",
        "sealing: secret",
        "sealing: of SSH",
        "signing: empty",
        "signing: no hex",
        "signing: a byte less",
        "signing: a byte more",
        "signing: null",
        "role: unknown",
        "role: capital",
        "a field more",
    ],
)
def test_a_key_that_cannot_be_used_is_refused(changed: dict[str, Any]) -> None:
    keys = BLIND.public.model_dump(mode="json")
    parse_key_ring(json.dumps({"runners": [keys]}).encode())
    with pytest.raises(ProtocolError, match="no usable public keys"):
        parse_key_ring(json.dumps({"runners": [keys | changed]}).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"runners": 1}',
        b'{"schema_version": 2, "runners": []}',
        b'{"note": "free text"}',
        b"[" * 100_000,
    ],
    ids=lambda content: content[:20].decode(errors="replace"),
)
def test_what_is_no_key_ring_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(ProtocolError, match="no usable public keys"):
        read_key_ring(tmp_path / "keys.json")
