"""Keys of a challenge: made, replaced with an overlap, revoked. The public half is in the challenge's ``keys.json``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import (
    KeyRing,
    PublicKeys,
    Revocation,
    Role,
    SecretKeys,
    held_together,
    read_key_ring,
    read_secret_keys,
    write_secret_keys,
)
from participant_kit.secure_side.errors import SecureSideError

SHORTEST = 8
"""Letters of a public key that are enough to name it."""


def make_keys(file: Path, challenge: Path, role: Role) -> PublicKeys:
    """Write new secret keys to ``file``, mode 0600, and add the public half to the challenge's ``keys.json``.

    Raises :class:`SecureSideError` when ``file`` exists or lies inside the challenge folder.
    """
    folder = ChallengeFolder(challenge.resolve())
    ring = key_ring(folder)
    keys = _write_new(file, folder, role)
    _write_ring(folder, ring.model_copy(update={"runners": [*ring.runners, keys.public]}))
    return keys.public


def rotate_keys(old: Path, file: Path, challenge: Path, overlap: timedelta) -> tuple[PublicKeys, PublicKeys]:
    """New keys in ``file`` for the runner whose secret keys are in ``old``; those end after ``overlap``.

    Returns the public halves, old and new. Raises :class:`SecureSideError` as :func:`make_keys` does, and when
    ``old`` is not in use in this challenge.
    """
    folder = ChallengeFolder(challenge.resolve())
    ring, before = key_ring(folder), read_secret_keys(old).public.signing
    listed = next((keys for keys in ring.in_use() if keys.signing == before), None)
    if listed is None:
        raise SecureSideError(f"The key {before[:16]} in {old} is not in use in {folder.root}.", hint=_see(folder))
    keys = _write_new(file, folder, listed.role)
    end = datetime.now(UTC).replace(microsecond=0) + overlap
    ended = listed.model_copy(update={"until": min(filter(None, (end, listed.until)))})
    runners = [ended if one is listed else one for one in ring.runners]
    _write_ring(folder, ring.model_copy(update={"runners": [*runners, keys.public]}))
    return ended, keys.public


def revoke_key(name: str, challenge: Path, reason: str, by: Path) -> Revocation:
    """Revoke the key whose public half begins with ``name``, signed with the secret keys in the file ``by``.

    Raises :class:`SecureSideError` when ``name`` is not one key that is left, or ``by`` may not revoke it.
    """
    folder = ChallengeFolder(challenge.resolve())
    ring, signer = key_ring(folder), read_secret_keys(by)
    found = {keys.signing for keys in ring.runners if len(name) >= SHORTEST and keys.signing.startswith(name)}
    if len(found) != 1:
        raise SecureSideError(
            f"{len(found) or 'No'} keys begin with {name!r}; expected one, by {SHORTEST} letters or more.",
            hint=_see(folder),
        )
    (key,) = found
    if before := ring.revocation_of(key):
        raise SecureSideError(f"This was done before: {before}.", hint="Publish the kit again, if it was not.")
    blind = {keys.signing for keys in ring.of(Role.BLIND) if not ring.revocation_of(keys.signing)}
    if signer.public.signing not in blind | {key}:
        raise SecureSideError(
            f"The keys in {by} may not revoke {key[:16]}.",
            hint="Sign with the key itself, or with one of a blind runner of this challenge that is not revoked.",
        )
    revocation = signer.revoke(key, reason)
    _write_ring(folder, ring.model_copy(update={"revocations": [*ring.revocations, revocation]}))
    return revocation


def key_ring(folder: ChallengeFolder) -> KeyRing:
    """The challenge's public keys; none when it has no ``keys.json`` yet."""
    return read_key_ring(folder.keys_path) if folder.keys_path.exists() else KeyRing()


def runner_keys(paths: Iterable[Path], folder: ChallengeFolder) -> SecretKeys:
    """The secret keys in ``paths`` (files, or folders of ``*.key``) as one runner's.

    Raises :class:`SecureSideError` for a folder without any, and ``ProtocolError`` for keys that cannot be used or
    held together.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.key")) if path.is_dir() else [path]
        if not found:
            raise SecureSideError(f"The folder {path} holds no file *.key.", hint="Give --keys the key file itself.")
        files += found
    unique = {keys.signing: keys for keys in map(read_secret_keys, files)}
    return held_together(list(unique.values()), read_key_ring(folder.keys_path))


class KeyWatch:
    """Whether the keys of a runner may still be used: the challenge's ``keys.json`` may change while it runs."""

    def __init__(self, keys: SecretKeys, folder: ChallengeFolder) -> None:
        self._keys, self._path, self._seen = keys, folder.keys_path, -1

    def check(self) -> None:
        """Read the file again if it has changed. Raises ``ProtocolError`` as ``held_together`` does."""
        seen = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if seen != self._seen:
            held_together(self._keys.held, read_key_ring(self._path))
            self._seen = seen


def _write_new(file: Path, folder: ChallengeFolder, role: Role) -> SecretKeys:
    if file.resolve().is_relative_to(folder.root):
        raise SecureSideError(f"{file} lies inside the challenge folder.", hint="Keep secret keys elsewhere.")
    keys = SecretKeys.generate(role)
    try:
        write_secret_keys(file, keys)
    except FileExistsError:
        raise SecureSideError(f"{file} exists already.", hint="Give a new file; keys are never overwritten.") from None
    return keys


def _write_ring(folder: ChallengeFolder, ring: KeyRing) -> None:
    """Whole or not at all, because a runner or the organizer may read it meanwhile."""
    new = folder.keys_path.with_suffix(".new")
    new.write_text(ring.model_dump_json(indent=2, exclude_none=True) + "\n")
    new.replace(folder.keys_path)


def _see(folder: ChallengeFolder) -> str:
    return f"See its keys with: pkit holder list-keys --challenge {folder.root}"
