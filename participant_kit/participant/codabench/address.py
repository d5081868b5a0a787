"""The addresses of Codabench servers and of competitions on them."""

from __future__ import annotations

import re

from participant_kit.participant.errors import ParticipantError
from participant_kit.protocol.address import gateway_address

_COMPETITION = re.compile(r"(?P<server>.+?)/(?:competitions/)?(?P<number>[0-9]{1,18})/?(?:[?#].*)?$")


def split_competition(text: str) -> tuple[str, int]:
    """The server and the number of ``SERVER/competitions/NUMBER/``, as a browser shows it, or ``SERVER/NUMBER``.

    What stands behind a ``?`` is left out: the secret key of a competition is for registering on its page.
    """
    if found := _COMPETITION.match(text.strip()):
        return gateway_address(found["server"]), int(found["number"])
    raise ParticipantError(
        f"{text.partition('?')[0]!r} names no competition on a Codabench server.",
        hint="Give its address as the browser shows it, such as https://www.codabench.org/competitions/1234",
        code="address",
    )


def page_of(server: str, number: int) -> str:
    """The competition's page for people."""
    return f"{server}/competitions/{number}/"
