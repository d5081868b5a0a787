"""One spelling of a gateway's address, and no plain HTTP beyond this machine."""

from __future__ import annotations

import pytest

from participant_kit.protocol.address import gateway_address, split_challenge
from participant_kit.protocol.errors import ProtocolError

GATEWAY = "https://gateway.example.org"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("gateway.example.org/", "https://gateway.example.org"),
        ("https://Gateway.Example.org:8443/a/", "https://gateway.example.org:8443/a"),
        ("localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_one_gateway_has_one_spelling(written: str, read: str) -> None:
    assert gateway_address(written) == read


@pytest.mark.parametrize(
    "address",
    [
        "ftp://x.org",
        "https://ada:secret@x.org",
        "https://",
        "https://x.org?token=secret",
        "http://x.org",
        "https://x:y",
    ],
)
def test_other_addresses_are_refused_without_their_secrets(address: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        gateway_address(address)
    assert "secret" not in str(raised.value)


def test_a_challenge_is_named_with_its_gateway_or_without() -> None:
    assert split_challenge("gateway.example.org/heart") == (GATEWAY, "heart")
    assert split_challenge(f"{GATEWAY}/challenges/heart/") == (GATEWAY, "heart")
    assert split_challenge("heart") == (None, "heart")


@pytest.mark.parametrize(
    "text", [GATEWAY, f"{GATEWAY}/", "gateway.example.org", "http://127.0.0.1:8765", "localhost:8765"]
)
def test_an_address_without_a_challenge_is_told(text: str) -> None:
    with pytest.raises(ProtocolError, match="names no challenge"):
        split_challenge(text)
