"""Tokens come from files or the environment, never from the command line, where others could see them."""

from __future__ import annotations

import os
from pathlib import Path

from participant_kit.challenge.errors import KitError


class TokenError(KitError):
    """There is no token, or it cannot be read."""

    code = "token"


def read_token(file: Path | None) -> str | None:
    """The token in ``file``, else in the variable PKIT_TOKEN, else None. Raises :class:`TokenError`."""
    if file is None:
        return os.environ.get("PKIT_TOKEN")
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise TokenError(f"{file} cannot be read.", hint="Give a file that holds the token alone.") from None
