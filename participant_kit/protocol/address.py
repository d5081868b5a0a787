"""The addresses of gateways and of challenges on them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from participant_kit.protocol.errors import ProtocolError

_EXAMPLE = "An address looks like https://gateway.example.org"


def gateway_address(text: str) -> str:
    """``text`` as a gateway's address in one spelling: scheme, host, port, path, no slash at the end.

    Raises :class:`ProtocolError` for plain HTTP to another machine, and for secrets in the address.
    """
    text = text.strip()
    if "://" not in text:
        text = ("http://" if is_loopback(f"http://{text}") else "https://") + text
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ProtocolError("This is no address of a gateway.", hint=_EXAMPLE) from None
    if parts.username or parts.password:
        raise ProtocolError(
            "The address holds a name or a password.",
            hint=f"Leave it out; tokens go elsewhere. {_EXAMPLE}",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ProtocolError("This is no address of a gateway.", hint=_EXAMPLE)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), "", ""))
    if parts.scheme == "http" and not is_loopback(address):
        raise ProtocolError(
            f"{address} is plain HTTP, which anybody on the way can read and change.",
            hint=f"Use https://{host}{port}{parts.path.rstrip('/')}",
        )
    return address


def is_loopback(address: str) -> bool:
    """Whether ``address`` names this machine itself."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_challenge(text: str) -> tuple[str | None, str]:
    """The gateway (None if left out) and the slug of ``GATEWAY/slug``, ``GATEWAY/challenges/slug`` or ``slug``.

    Raises :class:`ProtocolError` for an address without a slug, or of no gateway.
    """
    gateway, _, slug = text.strip().rstrip("/").rpartition("/")
    if "." in slug or ":" in slug:
        raise ProtocolError(
            "The address names no challenge.",
            hint="Write it behind the gateway: https://gateway.example.org/CHALLENGE; pkit list shows those there are.",
        )
    gateway = gateway.removesuffix("/challenges")
    return (gateway_address(gateway) if gateway else None), slug
