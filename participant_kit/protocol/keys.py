"""The runners' keys: an age identity to open sealed notebooks, an Ed25519 key to sign receipts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import AwareDatetime, BaseModel, ConfigDict

from participant_kit.protocol.errors import ProtocolError, printable


class Role(StrEnum):
    """What a runner does. Each role has keys of its own, and a machine of its own outside a demonstration."""

    BLIND = "blind"
    """Runs on the real data; scores leave."""
    REHEARSAL = "rehearsal"
    """Runs on the sample; the whole log leaves."""


class PublicKeys(BaseModel):
    """The public half of one runner's keys. ``sealing`` is an age recipient, ``signing`` hex of 32 bytes.

    They were made at ``since``. From ``until`` on nothing is sealed to them, and they vouch for no submission made
    later; what they signed for earlier ones stays good, because a key that ends at its time was not stolen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    sealing: str
    signing: str
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def has_ended(self, moment: datetime | None = None) -> bool:
        """Whether it is past its end at ``moment`` (now, if left out)."""
        return self.until is not None and (moment or datetime.now(UTC)) >= self.until


class Revocation(BaseModel):
    """Says that nobody may trust the key ``key`` any more; ``by`` has signed it. Both are public signing keys (hex).

    ``at`` tells when this was said. What ``key`` had signed before does not count either: a receipt has no time that
    somebody with a stolen key could not choose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    at: AwareDatetime
    reason: str = ""
    by: str
    signature: str = ""

    @property
    def signed_bytes(self) -> bytes:
        """What ``signature`` is over."""
        content = self.model_dump(mode="json", exclude={"signature"})
        return b"participant-kit revocation v1\n" + json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    def is_signed(self) -> bool:
        """Whether the signature is that of ``by``."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.by))
            key.verify(bytes.fromhex(self.signature), self.signed_bytes)
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        reason = f" ({printable(self.reason, 200)})" if self.reason else ""
        return f"{self.key[:16]}, revoked on {self.at:%Y-%m-%d %H:%M} UTC{reason}"


class KeyRing(BaseModel):
    """``keys.json`` in a challenge folder: the public keys that participants seal to and verify with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    runners: list[PublicKeys] = []
    revocations: list[Revocation] = []

    def of(self, role: Role) -> list[PublicKeys]:
        """The keys of one role, whatever has become of them."""
        return [keys for keys in self.runners if keys.role == role]

    def revocation_of(self, signing: str) -> Revocation | None:
        """The revocation of the key ``signing``, if there is one."""
        return next((one for one in self.revocations if one.key == signing), None)

    def in_use(self, moment: datetime | None = None) -> list[PublicKeys]:
        """The keys that are neither revoked nor at their end at ``moment`` (now, if left out)."""
        return [keys for keys in self.runners if not self.revocation_of(keys.signing) and not keys.has_ended(moment)]

    def state_of(self, keys: PublicKeys) -> str:
        """What has become of ``keys``, in a few words."""
        if revocation := self.revocation_of(keys.signing):
            return f"revoked {revocation.at:%Y-%m-%d %H:%M} UTC" + (f": {revocation.reason}" * bool(revocation.reason))
        if keys.until is None:
            return "in use"
        return f"{'ended' if keys.has_ended() else 'in use until'} {keys.until:%Y-%m-%d %H:%M} UTC"

    @property
    def recipients(self) -> list[str]:
        """Every age recipient that a notebook is sealed to. Raises :class:`ProtocolError` when no blind one is left."""
        left = self.in_use()
        if self.of(Role.BLIND) and not any(keys.role == Role.BLIND for keys in left):
            ended = "; ".join(
                str(self.revocation_of(keys.signing) or ended_words(keys)) for keys in self.of(Role.BLIND)
            )
            raise ProtocolError(
                f"No key of a blind runner is left to seal to: {ended}.",
                hint="Get the kit again; if it is the present one, ask the data holder for new keys.",
            )
        return [keys.sealing for keys in left]

    def check(self) -> None:
        """Raise ``ValueError`` unless each key can be used and each revocation was signed by who may revoke.

        That is the key itself, or a blind one that was not revoked before: a rehearsal runner's machine is trusted
        with less. A key stands there once, and in one spelling: what is said of it must not miss it.
        """
        for keys in self.runners:
            pyrage.x25519.Recipient.from_str(keys.sealing)
        for signing in (*(keys.signing for keys in self.runners), *(one.key for one in self.revocations)):
            if len(signing) != 64 or bytes.fromhex(signing).hex() != signing:
                raise ValueError
        if len({keys.signing for keys in self.runners}) < len(self.runners):
            raise ValueError
        blind = {keys.signing for keys in self.of(Role.BLIND)}
        for one in self.revocations:
            if one.by not in blind | {one.key} or not one.is_signed():
                raise ValueError
            blind -= {one.key}


def ended_words(keys: PublicKeys) -> str:
    """Which key has ended, and when."""
    return f"{keys.signing[:16]}, ended on {keys.until:%Y-%m-%d %H:%M} UTC"


class SecretKeys(BaseModel):
    """The private half. Its ``repr`` shows nothing of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    sealing: str
    signing: str
    since: AwareDatetime | None = None

    @classmethod
    def generate(cls, role: Role) -> SecretKeys:
        """New keys from the operating system's randomness."""
        seed = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        sealing = str(pyrage.x25519.Identity.generate())
        return cls(role=role, sealing=sealing, signing=seed.hex(), since=datetime.now(UTC).replace(microsecond=0))

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
        return PublicKeys(role=self.role, sealing=recipient, signing=signing.hex(), since=self.since)

    @property
    def held(self) -> tuple[SecretKeys, ...]:
        """Every pair that this runner has, the newest first: what is sealed to any of them is opened."""
        return (self,)

    @property
    def signers(self) -> tuple[SecretKeys, ...]:
        """Those to sign with now."""
        return (self,)

    @property
    def known(self) -> frozenset[str]:
        """Public signing keys (hex) of every blind runner whose releases this one takes for its own challenge's."""
        return frozenset({self.public.signing})

    @property
    def retired(self) -> frozenset[str]:
        """Public signing keys (hex) of runners that cannot work any more, so that their work is this one's to end."""
        return frozenset()

    def revoke(self, key: str, reason: str) -> Revocation:
        """Say, signed with these keys, that the public signing key ``key`` (hex) must not be trusted any more."""
        moment = datetime.now(UTC).replace(microsecond=0)
        said = Revocation(key=key, at=moment, reason=reason, by=self.public.signing)
        return said.model_copy(update={"signature": self.signer.sign(said.signed_bytes).hex()})


class HeldKeys(SecretKeys):
    """What one runner holds around a rotation: its newest keys, the ``older`` ones, and the ``ring`` they are in.

    It signs with all that have not ended, so that who still has the kit of before can verify.
    """

    older: tuple[SecretKeys, ...]
    ring: KeyRing

    @property
    def held(self) -> tuple[SecretKeys, ...]:
        """See :class:`SecretKeys`."""
        return (self, *self.older)

    @property
    def signers(self) -> tuple[SecretKeys, ...]:
        """See :class:`SecretKeys`. The newest always signs: what was claimed before its end is finished with it."""
        use = {keys.signing for keys in self.ring.in_use()}
        return (self, *(keys for keys in self.older if keys.public.signing in use))

    @property
    def known(self) -> frozenset[str]:
        """See :class:`SecretKeys`; also what has ended or was revoked, because it stands in the egress log."""
        return frozenset(keys.signing for keys in self.ring.of(Role.BLIND))

    @property
    def retired(self) -> frozenset[str]:
        """See :class:`SecretKeys`."""
        return frozenset(keys.signing for keys in self.ring.of(self.role) if keys not in self.ring.in_use())


def held_together(keys: Sequence[SecretKeys], ring: KeyRing) -> HeldKeys:
    """``keys`` of one runner as one; ``ring`` is its challenge's ``keys.json``.

    Raises :class:`ProtocolError` for two roles, for a key that was revoked or is not in ``ring``, and when all are at
    their end.
    """
    if len({one.role for one in keys}) > 1:
        raise ProtocolError("The key files are of two roles, and a runner has one.")
    listed = {one.signing: one for one in ring.runners}
    for one in keys:
        public = one.public.signing
        if revocation := ring.revocation_of(public):
            raise ProtocolError(
                f"This runner has the key {revocation}.",
                hint="Take its file out of the runner's --keys; make new keys with: pkit holder keys",
            )
        if public not in listed:
            raise ProtocolError(
                f"The key {public[:16]} is not in keys.json, so nothing is sealed to it.",
                hint="Give the challenge's folder (for a rehearsal: the present kit), or the key's own file.",
            )
    if all(listed[one.public.signing].has_ended() for one in keys):
        raise ProtocolError(
            f"All keys of this runner are at their end: {ended_words(listed[keys[0].public.signing])}.",
            hint="Give --keys the file that `pkit holder rotate-keys` made, or make new ones.",
        )
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    ages = {one.signing: (listed[one.public.signing].until or last, one.since or first) for one in keys}
    newest, *older = sorted(keys, key=lambda one: ages[one.signing], reverse=True)
    return HeldKeys(**newest.model_dump(include=set(SecretKeys.model_fields)), older=tuple(older), ring=ring)


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
        ring.check()
    except (ValueError, pyrage.RecipientError):
        raise ProtocolError("keys.json holds no usable public keys.") from None
    return ring
