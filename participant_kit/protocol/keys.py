"""The runners' keys: an age identity to open sealed notebooks, an Ed25519 key to sign receipts."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel, ConfigDict

from participant_kit.protocol.errors import ProtocolError


class Role(StrEnum):
    """What a runner does. Each role has keys of its own, and a machine of its own outside a demonstration."""

    BLIND = "blind"
    """Runs on the real data; scores leave."""
    REHEARSAL = "rehearsal"
    """Runs on the sample; the whole log leaves."""


class PublicKeys(BaseModel):
    """The public half of one runner's keys. ``sealing`` is an age recipient, ``signing`` hex of 32 bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    sealing: str
    signing: str


class KeyRing(BaseModel):
    """``keys.json`` in a challenge folder: the public keys that participants seal to and verify with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    runners: list[PublicKeys] = []

    def of(self, role: Role) -> list[PublicKeys]:
        """The keys of one role."""
        return [keys for keys in self.runners if keys.role == role]

    @property
    def recipients(self) -> list[str]:
        """Every age recipient that a notebook is sealed to."""
        return [keys.sealing for keys in self.runners]


class SecretKeys(BaseModel):
    """The private half. Its ``repr`` shows nothing of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    sealing: str
    signing: str

    @classmethod
    def generate(cls, role: Role) -> SecretKeys:
        """New keys from the operating system's randomness."""
        seed = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return cls(role=role, sealing=str(pyrage.x25519.Identity.generate()), signing=seed.hex())

    def __repr__(self) -> str:
        return f"SecretKeys(role={self.role.value!r})"

    __str__ = __repr__

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The signing key."""
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.signing))

    @property
    def public(self) -> PublicKeys:
        """The public half."""
        signing = self.signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        recipient = str(pyrage.x25519.Identity.from_str(self.sealing).to_public())
        return PublicKeys(role=self.role, sealing=recipient, signing=signing.hex())


def write_secret_keys(path: Path, keys: SecretKeys) -> None:
    """Write ``keys`` to a new file that only its owner can read. Raises ``FileExistsError``, never overwrites."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(keys.model_dump_json())


def read_secret_keys(path: Path) -> SecretKeys:
    """Read what :func:`write_secret_keys` wrote. Refuses a file that others can read."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ProtocolError(f"Others can read the key file {path}.", hint=f"Run: chmod 600 {path}")
        keys = SecretKeys.model_validate_json(path.read_bytes())
        _ = keys.public  # which only usable keys have
    except OSError as error:
        hint = "Make keys with: pkit holder keys FILE --challenge FOLDER"
        raise ProtocolError(f"No key file at {path} ({error.strerror}).", hint=hint) from None
    except (ValueError, pyrage.IdentityError):
        raise ProtocolError(f"{path} is no key file of a runner.") from None
    return keys


def read_key_ring(path: Path) -> KeyRing:
    """Read ``keys.json``."""
    try:
        content = path.read_bytes()
    except OSError:
        hint = "The data holder makes them with: pkit holder keys FILE --challenge FOLDER"
        raise ProtocolError(f"There are no public keys at {path}.", hint=hint) from None
    return parse_key_ring(content)


def parse_key_ring(content: bytes) -> KeyRing:
    """Check that ``content`` is a key ring whose keys can be used. Raises :class:`ProtocolError`."""
    try:
        ring = KeyRing.model_validate_json(content)
        for keys in ring.runners:
            pyrage.x25519.Recipient.from_str(keys.sealing)
            if len(bytes.fromhex(keys.signing)) != 32:
                raise ValueError
    except (ValueError, pyrage.RecipientError):
        raise ProtocolError("keys.json holds no usable public keys.") from None
    return ring
