"""Making a runner's keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import (
    KeyRing,
    PublicKeys,
    Role,
    SecretKeys,
    held_together,
    read_key_ring,
    read_secret_keys,
    write_secret_keys,
)
from participant_kit.secure_side.errors import SecureSideError


def make_keys(file: Path, challenge: Path, role: Role) -> PublicKeys:
    """Write new secret keys to ``file``, mode 0600, and add the public half to the challenge's ``keys.json``.

    Raises :class:`SecureSideError` when ``file`` exists or lies inside the challenge folder.
    """
    folder = ChallengeFolder(challenge.resolve())
    if file.resolve().is_relative_to(folder.root):
        raise SecureSideError(f"{file} lies inside the challenge folder.", hint="Keep secret keys elsewhere.")
    ring = read_key_ring(folder.keys_path) if folder.keys_path.exists() else KeyRing()
    keys = SecretKeys.generate(role)
    try:
        write_secret_keys(file, keys)
    except FileExistsError:
        raise SecureSideError(f"{file} exists already.", hint="Give a new file; keys are never overwritten.") from None
    ring = KeyRing(runners=[*ring.runners, keys.public])
    folder.keys_path.write_text(ring.model_dump_json(indent=2) + "\n")
    return keys.public


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
