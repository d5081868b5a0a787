"""Where tokens and identities are kept, and from whom."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from participant_kit.participant.credentials import (
    default_gateway,
    identity,
    keep_name,
    kept_name,
    load_token,
    save_token,
)
from participant_kit.participant.errors import ParticipantError
from participant_kit.protocol.sealing import decrypt, encrypt

GATEWAY = "https://gateway.example.org"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring of this process."""

    priority = 5.0

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        self.secrets[service, username] = password


@pytest.fixture
def system_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    monkeypatch.delenv("PKIT_KEYRING")
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_token_in_the_keyring_is_in_no_file(system_keyring: MemoryKeyring, own_home: Path) -> None:
    assert save_token(GATEWAY, "the-token\n") == "keyring"
    assert load_token(GATEWAY) == "the-token"
    assert default_gateway() == GATEWAY
    assert "the-token" in system_keyring.secrets.values()
    assert not any(b"the-token" in path.read_bytes() for path in own_home.rglob("*") if path.is_file())


def test_a_locked_keyring_gives_way_to_the_file(system_keyring: MemoryKeyring) -> None:
    system_keyring.locked = True
    assert save_token(GATEWAY, "the-token") == "file"
    assert load_token(GATEWAY) == "the-token"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_file_of_tokens_is_its_owners_alone(own_home: Path) -> None:
    assert save_token(GATEWAY, "the-token") == "file"
    path = own_home / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(ParticipantError, match="chmod 600"):
        load_token(GATEWAY)


def test_each_gateway_has_its_own_token() -> None:
    save_token(GATEWAY, "one")
    save_token("https://other.example.org", "two")
    assert (load_token(GATEWAY), load_token("https://other.example.org"), load_token("https://third.org")) == (
        "one",
        "two",
        None,
    )


def test_the_environment_overrides_the_token_of_its_gateway_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    save_token("https://other.example.org", "kept")
    monkeypatch.setenv("PKIT_TOKEN", "from-the-environment")
    monkeypatch.setenv("PKIT_GATEWAY", GATEWAY + "/")
    assert default_gateway() == GATEWAY
    assert load_token(GATEWAY) == "from-the-environment"
    assert load_token("https://other.example.org") == "kept"


def test_a_token_without_its_gateway_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKIT_TOKEN", "from-the-environment")
    with pytest.raises(ParticipantError, match="PKIT_GATEWAY"):
        load_token(GATEWAY)


def test_an_identity_is_made_once_for_each_gateway() -> None:
    secret, public = identity(GATEWAY)
    assert identity(GATEWAY) == (secret, public)
    assert identity("https://other.example.org") != (secret, public)
    assert decrypt(encrypt(b"a log", [public]), secret) == b"a log"


def test_a_broken_file_is_reported_and_not_overwritten(own_home: Path) -> None:
    save_token(GATEWAY, "the-token")
    (own_home / "credentials.json").write_text("{")
    with pytest.raises(ParticipantError, match="pkit login"):
        save_token(GATEWAY, "another")
    assert (own_home / "credentials.json").read_text() == "{"


def test_without_a_gateway_the_next_step_is_to_log_in() -> None:
    with pytest.raises(ParticipantError, match="pkit login"):
        default_gateway()


def test_a_name_is_that_of_one_token_at_one_gateway() -> None:
    keep_name(GATEWAY, "one", "ada")
    assert kept_name(GATEWAY, "one\n") == "ada"
    others = [(GATEWAY, "two"), (GATEWAY, None), ("https://other.example.org", "one")]
    assert [kept_name(gateway, token) for gateway, token in others] == [None, None, None]
