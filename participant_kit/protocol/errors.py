"""Errors of the protocol zone."""

from __future__ import annotations

from participant_kit.challenge.errors import KitError


class ProtocolError(KitError):
    """A message, key, address, sealed notebook, receipt or kit is not what it should be."""

    code = "protocol"


class GatewayError(ProtocolError):
    """A gateway refused a request, or gave no answer that can be used.

    ``code`` is a stable word: the gateway's own for what it refused, else one of this zone's. ``status`` is
    the HTTP status of a refusal.
    """

    def __init__(self, message: str, *, hint: str = "", code: str, status: int | None = None) -> None:
        self.code = code
        self.status = status
        super().__init__(message, hint=hint)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later: no connection, no answer in time, a fault over there."""
        return self.code == UNREACHABLE or (self.status is not None and self.status >= 500)

    @property
    def is_refusal(self) -> bool:
        """Whether the gateway has understood the request and said no."""
        return self.status is not None and 400 <= self.status < 500


UNREACHABLE = "gateway_unreachable"
"""The code of an error for want of a connection, or of an answer in time."""


def printable(text: str, limit: int = 2000) -> str:
    """``text`` from another machine, without what could steer a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text[:limit])
