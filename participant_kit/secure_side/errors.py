"""Errors of the secure side."""

from participant_kit.challenge.errors import KitError


class SecureSideError(KitError):
    """The runner, its egress log or its data is not in a state to work."""

    code = "secure_side"
