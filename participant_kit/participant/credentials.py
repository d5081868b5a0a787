"""A participant's secrets, one set per gateway: the token, and an age identity that opens rehearsal logs.

They are kept in the system's keyring where there is one, else in a file that only its owner can read.
``PKIT_KEYRING=off`` forces the file; ``PKIT_TOKEN`` with ``PKIT_GATEWAY`` overrides what is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Literal

from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import config_folder, locked, write_whole
from participant_kit.participant.hub import ask_hub, is_on_hub
from participant_kit.protocol.address import gateway_address
from participant_kit.protocol.connection import checked_token
from participant_kit.protocol.sealing import new_identity

SERVICE = "participant-kit"
_LOGIN = "Log in with: pkit login https://GATEWAY"


def save_token(gateway: str, token: str) -> Literal["keyring", "file"]:
    """Keep ``token`` for ``gateway`` and make it the default gateway. Says where the token is kept."""
    place = _save(gateway, "token", checked_token(token))
    write_whole(config_folder() / "settings.json", json.dumps({"gateway": gateway}).encode())
    return place


def keep_name(gateway: str, token: str, name: str) -> None:
    """Remember whose ``token`` is, as the gateway said when it was tried."""
    _save(gateway, "name", f"{_digest(token)} {name}")


def kept_name(gateway: str, token: str | None) -> str | None:
    """Whose ``token`` is, if that was said on this machine."""
    digest, _, name = (_load(gateway, "name") or "").partition(" ")
    return name if token and digest == _digest(token) else None


def save_codabench(server: str, token: str, name: str) -> Literal["keyring", "file"]:
    """Keep ``token`` of the user ``name`` for a Codabench server, which no command takes for a gateway."""
    return _save(server, "codabench", f"{checked_token(token)} {name}")


def load_codabench(server: str) -> tuple[str, str] | None:
    """The token for a Codabench server, and the user whose it is; None when nobody has logged in there."""
    token, _, name = (_load(server, "codabench") or "").partition(" ")
    return (token, name) if token else None


def _digest(token: str) -> str:
    return hashlib.sha256(checked_token(token).encode()).hexdigest()


def load_token(gateway: str) -> str | None:
    """The token for ``gateway``, or None. Raises :class:`ParticipantError` if others can read the file."""
    if token := os.environ.get("PKIT_TOKEN"):
        if not os.environ.get("PKIT_GATEWAY"):
            raise ParticipantError(
                "PKIT_TOKEN is set without PKIT_GATEWAY.",
                hint="Say in PKIT_GATEWAY whose token it is.",
                code="token",
            )
        if gateway_address(os.environ["PKIT_GATEWAY"]) == gateway:
            return checked_token(token)
    return _load(gateway, "token") or (_hub_token(gateway) if is_on_hub(gateway) else None)


def _hub_token(gateway: str) -> str:
    """The one that the Hub stands for; a new one in the last hour of the one before."""
    token, _, until = (_load(gateway, "hub") or "").partition(" ")
    if token and float(until) > time.time() + 3600:
        return token
    new = ask_hub(gateway)
    expires = new.expires_at.timestamp() if new.expires_at else float("inf")
    _save(gateway, "hub", f"{new.token} {expires}")
    return new.token


def default_gateway() -> str:
    """``PKIT_GATEWAY``, else the gateway last logged in to. Raises :class:`ParticipantError` without one."""
    if named := os.environ.get("PKIT_GATEWAY"):
        return gateway_address(named)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((config_folder() / "settings.json").read_bytes())["gateway"])
    raise ParticipantError("No gateway is known on this machine.", hint=_LOGIN, code="no_gateway")


def identity(gateway: str) -> tuple[str, str]:
    """The age identity for ``gateway`` and its recipient, ``(secret, public)``; made when first asked for."""
    with locked(_path()):
        if kept := _load(gateway, "identity"):
            secret, public = kept.split()
            return secret, public
        secret, public = new_identity()
        _save(gateway, "identity", f"{secret} {public}", held=True)
        return secret, public


def _save(gateway: str, kind: str, secret: str, *, held: bool = False) -> Literal["keyring", "file"]:
    if backend := _keyring():
        with contextlib.suppress(Exception):  # a keyring that is locked, gone or full: the file is next
            backend.set_password(SERVICE, f"{gateway} {kind}", secret)
            return "keyring"
    with contextlib.nullcontext() if held else locked(_path()):
        secrets = _read_file()
        secrets.setdefault(gateway, {})[kind] = secret
        write_whole(_path(), json.dumps(secrets, indent=2).encode())
    return "file"


def _load(gateway: str, kind: str) -> str | None:
    if backend := _keyring():
        with contextlib.suppress(Exception):
            if secret := backend.get_password(SERVICE, f"{gateway} {kind}"):
                return str(secret)
    return _read_file().get(gateway, {}).get(kind)


def _keyring() -> Any:
    """The system's keyring, or None where there is none that keeps secrets from others."""
    if os.environ.get("PKIT_KEYRING", "").lower() == "off":
        return None
    with contextlib.suppress(Exception):  # backends fail in ways of their own on a machine without a desktop
        import keyring

        backend = keyring.get_keyring()
        return backend if backend.priority >= 1 else None
    return None


def _path() -> Path:
    return config_folder() / "credentials.json"


def _read_file() -> dict[str, dict[str, str]]:
    path = _path()
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ParticipantError(f"Others can read {path}.", hint=f"Run: chmod 600 {path}", code="token")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise ParticipantError(
            f"{path} cannot be read.", hint="Remove it and log in again with: pkit login", code="token"
        ) from None
    return content if isinstance(content, dict) else {}
