"""The client for where one is: the gateway or Codabench server that a folder came from, or the one that was named."""

from __future__ import annotations

import os
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.client import Client
from participant_kit.participant.codabench.client import CodabenchClient, client_at
from participant_kit.participant.codabench.place import find_place
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kit import find_kit, read_link
from participant_kit.protocol.address import split_challenge


def client_of(kit: ChallengeFolder) -> Client:
    """A client of the gateway that ``kit`` came from, unless the environment names another."""
    link = read_link(kit)
    return Client(link.gateway if link and not os.environ.get("PKIT_GATEWAY") else None)


def client_for(target: str | None, start: Path | None = None) -> tuple[Client | CodabenchClient, str | None]:
    """The client and the challenge that ``target`` names, or the kit around ``start`` or the current folder.

    The challenge is None when there is none in particular. Raises :class:`ParticipantError` without any gateway.
    """
    if place := find_place(start or Path.cwd(), target):
        return client_at(place), place.name
    try:
        kit = find_kit(start or Path.cwd(), target)
        return client_of(kit), kit.card.slug
    except ParticipantError:
        if target is None:
            return Client(), None
        gateway, slug = split_challenge(target)
        return Client(gateway), slug
