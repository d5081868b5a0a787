"""Errors of the participant's zone."""

from __future__ import annotations

from participant_kit.challenge.errors import KitError


class ParticipantError(KitError):
    """Something on the participant's machine is not as it should be. ``code`` is a stable word."""

    code = "participant"

    def __init__(self, message: str, *, hint: str = "", code: str = "participant") -> None:
        self.code = code
        super().__init__(message, hint=hint)
