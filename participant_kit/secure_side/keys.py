"""Making a runner's keys."""

from __future__ import annotations

from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.protocol.keys import KeyRing, PublicKeys, Role, SecretKeys, read_key_ring, write_secret_keys
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
