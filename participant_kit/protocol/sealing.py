"""Sealing: a notebook encrypted with age (C2SP) so that only the runners can read it.

Inside, before the notebook, stands a header that binds it to one challenge, phase, participant and submission,
so that the gateway can neither swap nor replay sealed notebooks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyrage
from pydantic import BaseModel, ConfigDict

from participant_kit.protocol.errors import ProtocolError

MAX_HEADER_BYTES = 4096


class Binding(BaseModel):
    """What a sealed notebook belongs to. ``reply_to`` is the participant's age recipient for rehearsal logs.

    ``card_sha256`` (hex) is the card that the participant has; empty where they do not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    challenge: str
    phase: str
    participant: str
    submission: str
    reply_to: str
    notebook_sha256: str = ""
    card_sha256: str = ""


def seal_notebook(notebook: bytes, binding: Binding, recipients: Iterable[str]) -> bytes:
    """``notebook`` and its binding as an age file. Raises :class:`ProtocolError` when there is no recipient."""
    digest = hashlib.sha256(notebook).hexdigest()
    header = binding.model_copy(update={"notebook_sha256": digest}).model_dump_json().encode()
    return encrypt(header + b"\n" + notebook, recipients)


def unseal_notebook(sealed: bytes, *secrets: str) -> tuple[Binding, bytes]:
    """The binding and the notebook, opened with any of ``secrets`` (age identities). Raises :class:`ProtocolError`."""
    header, newline, notebook = decrypt(sealed, *secrets).partition(b"\n")
    try:
        if not newline or len(header) > MAX_HEADER_BYTES:
            raise ValueError
        binding = Binding.model_validate_json(header)
        if binding.reply_to:
            pyrage.x25519.Recipient.from_str(binding.reply_to)
    except (ValueError, pyrage.RecipientError):
        raise ProtocolError("The sealed notebook has no valid header.") from None
    if hashlib.sha256(notebook).hexdigest() != binding.notebook_sha256:
        raise ProtocolError("The sealed notebook is not the one that its header names.")
    return binding, notebook


def encrypt(data: bytes, recipients: Iterable[str]) -> bytes:
    """``data`` as an age file for all of ``recipients``."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise ProtocolError("A public key to seal to is no age recipient.") from None
    if not keys:
        hint = "The data holder adds them with: pkit holder keys FILE --challenge FOLDER"
        raise ProtocolError("The kit holds no public key to seal to.", hint=hint)
    return bytes(pyrage.encrypt(data, keys))


def decrypt(sealed: bytes, *secrets: str) -> bytes:
    """What was sealed to one of the age identities ``secrets``. Raises :class:`ProtocolError`."""
    try:
        return bytes(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(secret) for secret in secrets]))
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise ProtocolError("This was not sealed to this key, or it was changed on the way.") from None


def new_identity() -> tuple[str, str]:
    """A new age identity and its recipient: ``(secret, public)``."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())
