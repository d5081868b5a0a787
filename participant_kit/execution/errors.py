"""Errors of the execution zone."""

from participant_kit.challenge.errors import KitError


class ExecutionError(KitError):
    """A sandbox or an environment cannot be made or used on this machine."""

    code = "execution"
