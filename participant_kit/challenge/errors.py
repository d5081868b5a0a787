"""The base of every error that a person is meant to read."""

from __future__ import annotations


class KitError(Exception):
    """An error with a next step: what is wrong, and what to do about it.

    ``str(error)`` is the whole message. ``code`` is a stable word for programs.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".strip())


class ChallengeError(KitError):
    """A challenge card, codebook, table or prediction file is not what it should be."""

    code = "challenge"
