"""What pages show of a kit, made once when it is published, and kept in the database until the next one."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from participant_kit.challenge.card import Card
from participant_kit.challenge.folder import PAGES, PICTURES, TEXTS
from participant_kit.gateway.challenges import read_kit, read_kit_blob
from participant_kit.gateway.errors import GatewayError
from participant_kit.gateway.pages.column import Columns, show_columns
from participant_kit.gateway.pages.markdown import render_page
from participant_kit.gateway.pages.preview import draw_preview, is_picture
from participant_kit.gateway.tables import shown
from participant_kit.protocol.messages import ChallengeInfo

COLUMNS, KIT, PREVIEW = "columns.json", "kit.json", "preview.png"
MAX_PAGES = 16 << 20
"""Bytes of all the organizer's pages and pictures together."""
MAX_NAME = 100
"""Letters of a name there."""


class Shown(NamedTuple):
    """One thing that is ready to be sent, or to be filled into a page."""

    name: str
    media_type: str
    content: bytes


def make_shown(card: Card, files: dict[str, bytes]) -> list[Shown]:
    """Everything that pages show of a kit's ``files``. Raises a :class:`~participant_kit.challenge.errors.KitError`."""
    sizes = [[name, len(data)] for name, data in sorted(files.items())]
    return [
        Shown(KIT, "application/json", json.dumps(sizes).encode()),
        Shown(COLUMNS, "application/json", Columns.dump_json(show_columns(card, files))),
        Shown(PREVIEW, "image/png", draw_preview(card)),
        *_make_pages(card, files),
    ]


def _make_pages(card: Card, files: dict[str, bytes]) -> list[Shown]:
    found = {name.removeprefix(f"{PAGES}/"): data for name, data in files.items() if name.startswith(f"{PAGES}/")}
    if sum(map(len, found.values())) > MAX_PAGES:
        message = f"The files in {PAGES} have more than {MAX_PAGES >> 20} MiB together."
        raise GatewayError(422, "pages_large", message, hint="Make the pictures smaller.")
    named = [page.file for page in card.pages] + [name for name in (card.terms, card.image) if name]
    if missing := [name for name in named if name not in found]:
        hint = f"Put it into the folder {PAGES}, and build the kit again."
        raise GatewayError(422, "page_missing", f"The kit lacks {PAGES}/{missing[0]}, which the card names.", hint=hint)
    made = []
    for name, data in sorted(found.items()):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in TEXTS and len(name) <= MAX_NAME:
            made.append(Shown(f"{PAGES}/{name}", "text/html", render_page(name, data).encode()))
        elif suffix in PICTURES and len(name) <= MAX_NAME and is_picture(name, data):
            made.append(Shown(f"{PAGES}/{name}", PICTURES[suffix], data))
        else:
            known = ", ".join((*TEXTS, *PICTURES))
            message = f"{PAGES}/{name[:MAX_NAME]} is no page and no picture."
            raise GatewayError(422, "page_unknown", message, hint=f"Files there end in {known}, and are what they say.")
    return made


def store_shown(connection: Connection, slug: str, made: list[Shown]) -> None:
    """Put ``made`` in the place of what was shown of the challenge."""
    connection.execute(delete(shown).where(shown.c.challenge == slug))
    connection.execute(insert(shown), [{"challenge": slug, **one._asdict()} for one in made])


def find_shown(connection: Connection, slug: str, name: str) -> Shown | None:
    """One of what is shown of a challenge."""
    row = connection.execute(select(shown).where(shown.c.challenge == slug, shown.c.name == name)).one_or_none()
    return None if row is None else Shown(row.name, row.media_type, row.content)


def read_json(service: Any, info: ChallengeInfo, name: str) -> Any:
    """:data:`COLUMNS` or :data:`KIT`; made now for a kit that an earlier version has published."""
    slug = info.card.slug
    with service.database.read() as connection:
        found = find_shown(connection, slug, name)
    if found is None:
        kit = read_kit_blob(service.blobs, slug, info.kit_sha256)
        if kit is None:
            return []
        made = make_shown(info.card, read_kit(slug, kit)[2])
        with service.database.write() as connection:
            store_shown(connection, slug, made)
        found = next(one for one in made if one.name == name)
    return json.loads(found.content)
