"""A starter kit: a zip that an organizer sends to the gateway, and the gateway to a participant."""

from participant_kit.challenge.errors import KitError
from participant_kit.gateway.challenges import read_kit
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.kit import open_kit


def run(data: bytes) -> None:
    """Opened or refused, here and by the gateway; and no path climbs out."""
    try:
        files = open_kit(data)
    except ProtocolError:
        return
    assert not any(path.startswith("/") or ".." in path.split("/") for path in files)
    try:
        read_kit("small", data)
    except KitError:
        return
