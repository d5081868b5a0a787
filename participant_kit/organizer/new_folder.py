"""A challenge folder that is made whole or not at all, and its short name."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.organizer.errors import OrganizerError


def slug_of(folder: Path) -> str:
    """The short name of a challenge in ``folder``. Raises :class:`OrganizerError` when there is none in its name."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:64].strip("-")
    if len(slug) < 2:
        raise OrganizerError(
            f"No short name can be made of {folder.name!r}.", hint="Name the folder in letters, digits and hyphens."
        )
    return slug


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[ChallengeFolder]:
    """A folder beside ``folder`` that takes its place when all went well, and is gone when not."""
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OrganizerError(f"{folder} exists and is not empty.", hint="Name a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield ChallengeFolder(made)
            made.chmod(0o777 & ~_umask())
            if folder.exists():
                folder.rmdir()
            made.replace(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise OrganizerError(
            f"{folder} cannot be written: {error.strerror}.", hint="Free some space, or name another place."
        ) from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
