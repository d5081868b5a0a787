"""The check of a notebook, done once for who looks at its findings and then sends it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from participant_kit.challenge.finding import Finding
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.check import check_notebook
from participant_kit.participant.packages import Importable, importable


def findings_of(path: Path, kit: ChallengeFolder) -> list[Finding]:
    """What :func:`check_notebook` finds, kept until the notebook, what lies beside it, or the kit changes."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        beside, card = path.parent.stat().st_mtime_ns, kit.card_path.read_bytes()
    except OSError:  # the check has words for it
        return check_notebook(path, kit)
    return list(_findings(path, digest, beside, kit, card, importable(kit)))


@lru_cache(maxsize=16)
def _findings(
    path: Path, digest: bytes, beside: int, kit: ChallengeFolder, card: bytes, packages: Importable
) -> tuple[Finding, ...]:
    return tuple(check_notebook(path, kit))
