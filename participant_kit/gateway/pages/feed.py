"""Atom feeds (RFC 4287): what is new in a challenge, and in all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, select

from participant_kit.gateway.challenges import list_challenges
from participant_kit.gateway.leaderboard import Standing, board_revision
from participant_kit.gateway.pages.address import public_address
from participant_kit.gateway.pages.challenge import Challenge, get_challenge
from participant_kit.gateway.pages.page import keep
from participant_kit.gateway.service import Gateway
from participant_kit.gateway.tables import challenges

router = APIRouter(include_in_schema=False)

ENTRIES = 50
"""Of a feed, the newest ones."""
ATOM = "http://www.w3.org/2005/Atom"
_TYPE = "application/atom+xml; charset=utf-8"


class Entry(NamedTuple):
    """One thing that is new, at ``path`` of the gateway; ``name`` makes its identifier."""

    name: str
    title: str
    text: str
    path: str
    moment: datetime


@router.get("/feed.xml")
def get_feed(request: Request, service: Gateway) -> Response:
    """What is new in every challenge: kits and phases."""
    with service.database.read() as connection:
        found = [Challenge(info, None) for info in list_challenges(connection)]
        withdrawn = set(connection.scalars(select(challenges.c.slug).where(challenges.c.withdrawn.is_not(None))))
        found = [challenge for challenge in found if challenge.card.slug not in withdrawn]

        def make() -> bytes:
            news = [entry for challenge in found for entry in _news(connection, challenge, boards=False)]
            return _feed(request, "Challenges", "", news)

        return keep(request, " ".join(challenge.version for challenge in found), make, _TYPE)


@router.get("/challenges/{slug}/feed.xml")
def get_challenge_feed(slug: str, request: Request, service: Gateway) -> Response:
    """What is new in one challenge: kits, phases, and who leads."""
    challenge = get_challenge(service, slug)
    with service.database.read() as connection:

        def make() -> bytes:
            return _feed(request, challenge.card.title, challenge.address, _news(connection, challenge, boards=True))

        return keep(request, f"{challenge.version} {board_revision(connection, slug)}", make, _TYPE)


def _news(connection: Connection, challenge: Challenge, *, boards: bool) -> list[Entry]:
    card, now, home = challenge.card, challenge.info.now, challenge.address
    if challenge.withdrawn:
        reason, moment = challenge.withdrawn
        return [Entry("withdrawn", f"{card.title} was withdrawn", reason, home, moment)]
    stored = connection.scalar(select(challenges.c.updated_at).where(challenges.c.slug == card.slug))
    kit = challenge.info.kit_sha256
    text = f"SHA-256 of the starter kit: {kit}"
    published = datetime.fromtimestamp(stored or 0, UTC)
    found = [Entry(f"kit/{kit[:16]}", f"{card.title}: starter kit published", text, f"{home}/kit", published)]
    for phase in card.phases:
        board = f"{home}/leaderboard?phase={phase.name}"
        if phase.starts <= now:
            until = f"Until {phase.ends:%Y-%m-%d %H:%M} UTC."
            found.append(
                Entry(f"{phase.name}/starts", f"{card.title}: {phase.name} is open", until, home, phase.starts)
            )
        if phase.ends <= now:
            found.append(Entry(f"{phase.name}/ends", f"{card.title}: {phase.name} has ended", "", board, phase.ends))
        if boards and phase.leaderboard == "live":
            for at, who, score in Standing(card, phase).leads(connection)[-ENTRIES:]:
                title = f"{who} leads {phase.name} with {card.primary.name} {score:.{card.primary.decimals}f}"
                entry = Entry(f"{phase.name}/{at:.3f}", title, "", board, datetime.fromtimestamp(at, UTC))
                found.append(entry)
    return [entry._replace(name=f"{card.slug}/{entry.name}") for entry in found]


def _feed(request: Request, title: str, path: str, entries: list[Entry]) -> bytes:
    address = public_address(request)
    newest = sorted(entries, key=lambda entry: entry.moment, reverse=True)[:ENTRIES]
    root = ElementTree.Element("feed", xmlns=ATOM)
    updated = newest[0].moment if newest else datetime(2026, 1, 1, tzinfo=UTC)
    _add(root, "title", title)
    _add(root, "id", f"{address}{path}/feed.xml")
    _add(root, "updated", updated.isoformat())
    _add(_add(root, "author"), "name", "participant-kit")
    _add(root, "link", rel="self", href=f"{address}{path}/feed.xml", type="application/atom+xml")
    _add(root, "link", rel="alternate", href=f"{address}{path or '/'}", type="text/html")
    for entry in newest:
        one = _add(root, "entry")
        _add(one, "title", entry.title)
        _add(one, "id", f"{address}/challenges/{entry.name}")
        _add(one, "updated", entry.moment.isoformat())
        _add(one, "link", rel="alternate", href=f"{address}{entry.path}", type="text/html")
        if entry.text:
            _add(one, "summary", entry.text)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name, attributes)
    child.text = "".join(letter for letter in text if letter.isprintable()) or None  # XML has no other letters
    return child
