"""What is sealed opens with the right key alone, whole or not at all, and is what Debian's ``age`` understands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.sealing import (
    MAX_HEADER_BYTES,
    Binding,
    decrypt,
    encrypt,
    new_identity,
    seal_notebook,
    unseal_notebook,
)

CHUNK = 64 << 10
"""What age encrypts at a time."""

SECRET, PUBLIC = new_identity()
OTHER_SECRET, OTHER_PUBLIC = new_identity()
BINDING = Binding(challenge="small", phase="final", participant="ada", submission="s-1", reply_to=OTHER_PUBLIC)
NOTEBOOK = b'{"cells": ["a very private notebook"]}\n'

sizes = pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])


@dataclass
class Age:
    """Debian's age, with a key made by ``age-keygen``."""

    identity: Path
    public: str

    @property
    def secret(self) -> str:
        return next(line for line in self.identity.read_text().splitlines() if not line.startswith("#"))

    def encrypt(self, data: bytes, *options: str) -> bytes:
        return subprocess.run(["age", "-r", self.public, *options], input=data, capture_output=True, check=True).stdout

    def decrypt(self, data: bytes, identity: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["age", "-d", "-i", identity or self.identity], input=data, capture_output=True)


@pytest.fixture(scope="module")
def age(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Age]:
    identity = tmp_path_factory.mktemp("age") / "identity.txt"
    subprocess.run(["age-keygen", "-o", identity], capture_output=True, check=True)
    public = subprocess.run(["age-keygen", "-y", identity], capture_output=True, check=True, text=True).stdout
    yield Age(identity, public.strip())


def refused(sealed: bytes, secret: str = SECRET) -> str:
    with pytest.raises(ProtocolError) as raised:
        decrypt(sealed, secret)
    return str(raised.value)


@sizes
def test_age_opens_what_we_seal_to_a_key_of_age_keygen(age: Age, size: int) -> None:
    opened = age.decrypt(encrypt(b"x" * size, [age.public]))
    assert opened.returncode == 0
    assert opened.stdout == b"x" * size


@sizes
def test_we_open_what_age_seals(age: Age, size: int) -> None:
    assert decrypt(age.encrypt(b"x" * size), age.secret) == b"x" * size


def test_age_opens_what_we_seal_with_a_key_of_ours(age: Age, tmp_path: Path) -> None:
    (tmp_path / "identity").write_text(SECRET)
    assert age.decrypt(encrypt(NOTEBOOK, [PUBLIC]), tmp_path / "identity").stdout == NOTEBOOK


def test_we_open_what_age_seals_to_several_keys(age: Age) -> None:
    sealed = age.encrypt(NOTEBOOK, "-r", PUBLIC)
    assert decrypt(sealed, SECRET) == decrypt(sealed, age.secret) == NOTEBOOK


def test_age_refuses_what_was_sealed_to_another(age: Age) -> None:
    opened = age.decrypt(encrypt(NOTEBOOK, [PUBLIC]))
    assert opened.returncode != 0
    assert opened.stdout == b""


def test_with_age_alone_one_can_read_the_header_and_the_notebook(age: Age) -> None:
    header, _, notebook = age.decrypt(seal_notebook(NOTEBOOK, BINDING, [age.public])).stdout.partition(b"\n")
    assert Binding.model_validate_json(header).model_copy(update={"notebook_sha256": ""}) == BINDING
    assert notebook == NOTEBOOK


def test_every_recipient_opens_it_and_nobody_else() -> None:
    sealed = encrypt(NOTEBOOK, [PUBLIC, OTHER_PUBLIC])
    assert decrypt(sealed, SECRET) == decrypt(sealed, OTHER_SECRET) == NOTEBOOK
    assert "not sealed to this key" in refused(sealed, new_identity()[0])


def test_the_same_notebook_is_sealed_differently_each_time() -> None:
    first, second = encrypt(NOTEBOOK, [PUBLIC]), encrypt(NOTEBOOK, [PUBLIC])
    assert first != second
    assert NOTEBOOK[:20] not in first


def test_every_changed_bit_is_noticed_and_no_plaintext_shown() -> None:
    sealed = encrypt(NOTEBOOK, [PUBLIC])
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1 << position % 8
        assert "private" not in refused(bytes(changed))


def test_every_truncation_is_noticed() -> None:
    sealed = encrypt(NOTEBOOK, [PUBLIC])
    for length in range(len(sealed)):
        assert refused(sealed[:length])


def test_a_missing_swapped_or_added_chunk_is_noticed() -> None:
    sealed = encrypt(bytes(CHUNK) + b"\1" * CHUNK, [PUBLIC])
    size = CHUNK + 16
    head, first, second = sealed[: -2 * size], sealed[-2 * size : -size], sealed[-size:]
    assert decrypt(head + first + second, SECRET)[CHUNK:] == b"\1" * CHUNK
    for forged in (head + first, head + second, head + second + first, head + first + first + second, sealed + b"\0"):
        assert refused(forged)


@pytest.mark.parametrize(
    "sealed",
    [b"", b"junk" * 100, NOTEBOOK, b"age-encryption.org/v1\n", pyrage.passphrase.encrypt(NOTEBOOK, "password")],
    ids=["empty", "junk", "plain", "a first line", "by password"],
)
def test_what_was_not_sealed_to_a_key_is_refused(sealed: bytes) -> None:
    assert refused(sealed)


@pytest.mark.parametrize(
    "secret",
    ["", "junk", PUBLIC, SECRET[:-1], SECRET + "Q"],
    ids=["empty", "junk", "public", "a letter less", "a letter more"],
)
def test_what_is_no_key_opens_nothing_and_is_not_shown(secret: str) -> None:
    said = refused(encrypt(NOTEBOOK, [PUBLIC]), secret)
    assert not secret or secret not in said


@pytest.mark.parametrize(
    "recipient",
    ["", "junk", PUBLIC[:-1], PUBLIC[:-1] + "b1", SECRET, f"{PUBLIC}\n"],
    ids=["empty", "junk", "a letter less", "other letters", "secret", "a line"],
)
def test_nothing_is_sealed_to_what_is_no_recipient(recipient: str) -> None:
    with pytest.raises(ProtocolError, match="no age recipient") as raised:
        encrypt(NOTEBOOK, [PUBLIC, recipient])
    assert SECRET not in str(raised.value)


def test_nothing_is_sealed_to_nobody() -> None:
    with pytest.raises(ProtocolError, match="pkit holder keys"):
        seal_notebook(NOTEBOOK, BINDING, [])


@pytest.mark.parametrize("notebook", [NOTEBOOK, b"", b"\n", b"\n\nlines\n", bytes(range(256)), b"x" * 3 * CHUNK])
def test_a_notebook_comes_out_as_it_went_in_with_what_it_belongs_to(notebook: bytes) -> None:
    binding, opened = unseal_notebook(seal_notebook(notebook, BINDING, [PUBLIC]), SECRET)
    assert opened == notebook
    assert binding.model_copy(update={"notebook_sha256": ""}) == BINDING


def test_a_name_cannot_end_the_header_early() -> None:
    odd = BINDING.model_copy(update={"participant": 'ada"}\n{"x": "'})
    binding, notebook = unseal_notebook(seal_notebook(NOTEBOOK, odd, [PUBLIC]), SECRET)
    assert (binding.participant, notebook) == (odd.participant, NOTEBOOK)


def test_the_header_names_the_notebook_by_its_contents() -> None:
    sealed = seal_notebook(NOTEBOOK, BINDING, [PUBLIC])
    header = decrypt(sealed, SECRET).partition(b"\n")[0]
    with pytest.raises(ProtocolError, match="not the one that its header names"):
        unseal_notebook(encrypt(header + b"\n" + b"another notebook", [PUBLIC]), SECRET)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        NOTEBOOK,
        b"{}\n" + NOTEBOOK,
        BINDING.model_dump_json().encode(),
        BINDING.model_dump_json().encode()[:-1] + b', "more": 1}\n',
        BINDING.model_dump_json(exclude={"submission"}).encode() + b"\n",
        BINDING.model_dump_json().encode() + b" " * MAX_HEADER_BYTES + b"\n",
        b"[" * MAX_HEADER_BYTES + b"\n",
        b"\xff\n",
    ],
    ids=["empty", "no header", "empty header", "no line", "a field more", "a field less", "long", "deep", "no text"],
)
def test_what_has_no_valid_header_is_refused(plain: bytes) -> None:
    with pytest.raises(ProtocolError, match="no valid header"):
        unseal_notebook(encrypt(plain, [PUBLIC]), SECRET)


@pytest.mark.parametrize("reply_to", ["junk", SECRET, f"{OTHER_PUBLIC} "], ids=["junk", "secret", "a space more"])
def test_a_header_without_a_key_to_reply_to_is_refused_before_anything_runs(reply_to: str) -> None:
    binding = BINDING.model_copy(update={"reply_to": reply_to})
    with pytest.raises(ProtocolError, match="no valid header"):
        unseal_notebook(seal_notebook(NOTEBOOK, binding, [PUBLIC]), SECRET)


def test_a_notebook_sealed_to_another_runner_stays_closed() -> None:
    with pytest.raises(ProtocolError, match="not sealed to this key"):
        unseal_notebook(seal_notebook(NOTEBOOK, BINDING, [PUBLIC]), OTHER_SECRET)
