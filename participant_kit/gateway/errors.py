"""Every refusal of the gateway, with its HTTP status."""

from __future__ import annotations

from participant_kit.challenge.errors import KitError
from participant_kit.protocol.messages import Problem


class SettingsError(KitError):
    """What an operator decided about a gateway cannot be."""

    code = "settings"


class GatewayError(KitError):
    """A request that the gateway does not grant. ``status`` is the HTTP status, ``code`` a stable word."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "") -> None:
        self.status, self.code = status, code
        super().__init__(message, hint=hint)

    @property
    def problem(self) -> Problem:
        """The body of the answer."""
        return Problem(code=self.code, message=self.message, hint=self.hint)
