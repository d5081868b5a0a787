"""One POST to an address that a participant has chosen, and to nothing inside the operator's own network."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

import urllib3

PATIENCE = 15.0
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given to anybody in the world; the rest of version 6 is for a network's own use."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class WebhookError(Exception):
    """It was not delivered."""


def check_webhook(url: str, *, private: bool) -> str:
    """What is wrong with the address; empty when nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "This is no address."
    if parts.scheme not in (("https", "http") if private else ("https",)) or not parts.hostname:
        return "This is an address that begins with https://"
    if parts.username or parts.password or parts.fragment or port == 0 or not url.isascii() or not url.isprintable():
        return "An address has no user, password or fragment, and no letters but plain ones."
    with contextlib.suppress(ValueError):  # a name is looked up when something is sent
        if not private and not _is_public(parts.hostname):
            return "This is a machine of a private network. Name one that everybody reaches."
    return ""


def post_webhook(url: str, body: bytes, headers: dict[str, str], *, private: bool) -> str:
    """Send it; what the other side answered. Raises :class:`WebhookError` unless that is of 200 to 299.

    The name is looked up once, and what it stands for is checked and used: a name cannot be one machine when it is
    checked and another when it is used. Redirections are not followed.
    """
    if fault := check_webhook(url, private=private):
        raise WebhookError(fault)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    address = _look_up(host, port, private=private)
    timeout = urllib3.Timeout(connect=PATIENCE, read=PATIENCE)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=timeout, cert_reqs="CERT_REQUIRED", server_hostname=host, assert_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "participant-kit", **headers}
    try:
        answer = pool.urlopen("POST", path, body, sent, retries=False, redirect=False, preload_content=False)
        status = answer.status
        answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise WebhookError(type(error).__name__) from None
    finally:
        pool.close()
    if not 200 <= status < 300:
        raise WebhookError(f"answered {status}")
    return f"answered {status}"


def _look_up(host: str, port: int, *, private: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebhookError("this name is not known") from None
    addresses = [str(each[4][0]) for each in found]
    if not private and not all(_is_public(address) for address in addresses):
        raise WebhookError("this is a machine of a private network")
    return addresses[0]


def _is_public(address: str) -> bool:
    """Whether everybody reaches it; an address of version 6 may hold one of version 4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside is not None:
            return _is_public(str(inside))
        if found not in _UNICAST:
            return False
    return found.is_global and not found.is_multicast
