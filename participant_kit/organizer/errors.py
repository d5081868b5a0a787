"""Errors of the organizer's zone."""

from participant_kit.challenge.errors import KitError


class OrganizerError(KitError):
    """A challenge cannot be made, built or published as asked."""

    code = "organizer"
