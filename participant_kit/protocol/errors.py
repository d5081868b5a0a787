"""Errors of the protocol zone."""

from participant_kit.challenge.errors import KitError


class ProtocolError(KitError):
    """A message, key, sealed notebook, receipt or kit is not what it should be."""

    code = "protocol"
