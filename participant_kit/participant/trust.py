"""What this machine remembers of a challenge from the first kit on: which kits it has had, and the holder's keys.

Trust on first use: a gateway cannot go back to an older kit later, take a revocation away, or bring keys of its own,
in whatever folder the kit lies.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from participant_kit.challenge.folder import KEYS, ChallengeFolder
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import data_folder, locked, write_whole
from participant_kit.protocol.keys import KeyRing, read_key_ring


class Known(BaseModel):
    """``kits`` are the SHA-256 (hex) of every kit that was taken, the present one last; ``ring`` has its keys."""

    model_config = ConfigDict(frozen=True)

    kits: list[str]
    ring: KeyRing


_EVERYTHING = TypeAdapter(dict[str, Known])


def known(gateway: str, challenge: str) -> Known | None:
    """What is remembered of ``challenge``; None when no kit of it was taken on this machine."""
    return _all().get(f"{gateway} {challenge}")


def remember(gateway: str, challenge: str, kit_sha256: str, ring: KeyRing) -> None:
    """Note that this kit was taken, with these keys. Call :func:`check_new` before."""
    path = data_folder() / "known.json"
    with locked(path):
        everything = _all()
        before = everything.get(f"{gateway} {challenge}")
        kits = [kit for kit in before.kits if kit != kit_sha256] if before else []
        everything[f"{gateway} {challenge}"] = Known(kits=[*kits, kit_sha256], ring=ring)
        write_whole(path, _EVERYTHING.dump_json(everything, indent=2))


def check_kit(before: Known, kit_sha256: str) -> None:
    """Raise :class:`ParticipantError` when the kit is one that a later one has replaced on this machine."""
    if kit_sha256 in before.kits[:-1]:
        raise ParticipantError(
            f"The gateway offers an older kit ({kit_sha256[:16]}) than the one you had ({before.kits[-1][:16]}).",
            hint="Ask the organizer whether it was taken back, and give that kit's SHA-256 with --checksum.",
            code="older_kit",
        )


def check_new(before: Known, kit_sha256: str, ring: KeyRing, *, confirmed: bool) -> list[str]:
    """Raise :class:`ParticipantError` unless a kit with these keys may follow ``before``; what to tell of it.

    ``confirmed`` says that the kit's SHA-256 came by another way than the gateway. New revocations are taken without
    that, because keys that were trusted have signed them; none is ever taken back.
    """
    if not confirmed:
        check_kit(before, kit_sha256)
    revoked, now = before.ring.revocations, ring.revocations
    if missing := [one for one in revoked if one not in now]:
        raise ParticipantError(
            f"The new kit does not say any more that a key was revoked: {missing[0]}.",
            hint="Do not use it: a revocation is for ever. Ask the data holder.",
            code="revocation_missing",
        )
    if not confirmed and (ring.runners != before.ring.runners or now[: len(revoked)] != revoked):
        raise ParticipantError(
            f"The new kit has other keys ({KEYS}) than the one you have.",
            hint="Ask the data holder whether they changed, and give the new kit's SHA-256 with --checksum.",
            code="keys_changed",
        )
    return [f"A key of the data holder counts no more: {one}." for one in now[len(revoked) :]]


def trusted_ring(kit: ChallengeFolder, gateway: str, challenge: str) -> KeyRing:
    """The keys of ``kit``, with what is remembered to be revoked. Raises ``ProtocolError`` for keys that are none."""
    ring, before = read_key_ring(kit.keys_path), known(gateway, challenge)
    also = [one for one in before.ring.revocations if one not in ring.revocations] if before else []
    return ring.model_copy(update={"revocations": [*ring.revocations, *also]})


def _all() -> dict[str, Known]:
    path = data_folder() / "known.json"
    try:
        return _EVERYTHING.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError):
        raise ParticipantError(
            f"{path}, which says which kits and keys you have trusted, cannot be read.",
            hint="Restore it. Without it, compare each kit's SHA-256 with the organizer's, and then remove it.",
            code="file",
        ) from None
