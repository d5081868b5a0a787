"""A Codabench competition as our card, with a note for everything that means something else here or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from participant_kit.challenge.card import Card
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import PAGES
from participant_kit.challenge.units import format_duration
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.competition import NAME
from participant_kit.organizer.codabench.names import file_name, slugs
from participant_kit.organizer.codabench.note import Note, Notes
from participant_kit.organizer.codabench.own import card_within, files_of, merge
from participant_kit.organizer.codabench.settings import tell_closed, tell_rest
from participant_kit.organizer.codabench.to_competition import OWN_IMAGE, OWN_TERMS
from participant_kit.organizer.codabench.to_metrics import Metrics, Ranges
from participant_kit.organizer.codabench.to_phases import Phases, wall_time_of
from participant_kit.organizer.codabench.to_tasks import Tasks


@dataclass
class Translation:
    """A ``card``; the ``files`` of the bundle by their place in the challenge folder; the ``notes``.

    ``own`` says that the bundle was exported here.
    """

    card: Card
    files: dict[str, Path]
    notes: list[Note]
    own: bool = False


def to_card(bundle: Bundle, slug: str, ranges: Ranges | None = None) -> Translation:
    """The card of ``bundle``, called ``slug``; ``ranges`` are of scores, by the keys of their columns.

    Raises :class:`FindingsError` for what is right on Codabench and cannot be here.
    """
    notes, files = Notes(), dict[str, str]()
    content = {"schema_version": 1, "slug": slug, **_texts(bundle, notes), **_pages(bundle, files, notes)}
    tasks, names = Tasks(bundle, files, notes), slugs((phase.name for phase in bundle.phases), "phase")
    slots = tasks.slots()
    content |= {
        "limits": {"wall_time": format_duration(timedelta(seconds=wall_time_of(bundle)))},
        "submission": {"output": "submission.zip"},
        "metrics": Metrics(bundle, ranges or {}, notes).content(slots),
        "tasks": [tasks.content(slot) for slot in slots],
        "phases": Phases(bundle, notes).content(names, slots),
    }
    if own := card_within(bundle):
        return _own(bundle, own, content, files)
    tasks.place(names, slots)
    card = _validated(content)
    tell_rest(bundle, notes)
    tell_closed(bundle, card, notes)
    sources = {
        place: bundle.path(name) if place.startswith(f"{PAGES}/") else bundle.folder(name)
        for place, name in files.items()
    }
    return Translation(card, sources, notes)


def _own(bundle: Bundle, own: Card, content: dict[str, Any], files: dict[str, str]) -> Translation:
    """Of a bundle that was exported here: what ``content`` says is read of the keys, and all else in the card."""
    pages = {place: bundle.path(name) for place, name in files.items() if place.startswith(f"{PAGES}/")}
    pages = {place: path for place, path in pages.items() if path.name not in (OWN_IMAGE, OWN_TERMS)}
    text = "the private data is not in the bundle: copy it from where the challenge was exported"
    note = Note("left out", "tasks.input_data, tasks.reference_data", text)
    return Translation(_validated(merge(own, bundle, content)), pages | files_of(own, bundle), [note], own=True)


def _validated(content: dict[str, Any]) -> Card:
    try:
        return Card.model_validate(content)
    except ValidationError as error:
        raise FindingsError(
            Finding(NAME, detail["msg"].removeprefix("Value error, "), key=".".join(map(str, detail["loc"])))
            for detail in error.errors()
        ) from None


def _texts(bundle: Bundle, notes: Notes) -> dict[str, Any]:
    content = {}
    for key, ours, most in (("title", "title", 200), ("description", "summary", 1000)):
        text = getattr(bundle.competition, key)
        if len(text) > most:
            notes.add("changed", key, f"cut to {most} of its {len(text)} characters: {text}")
        content[ours] = text[:most]
    return content


def _pages(bundle: Bundle, files: dict[str, str], notes: Notes) -> dict[str, Any]:
    pages = []
    for number, page in enumerate(bundle.competition.pages):
        title = page.title.strip()[:100] or f"Page {number + 1}"
        if title != page.title:
            notes.add("changed", f"pages.{number}.title", f"{page.title!r} is {title!r}")
        pages.append({"title": title, "file": _page(page.file, files)})
    texts = {key: _page(getattr(bundle.competition, key), files) for key in ("terms", "image")}
    return {"pages": pages, **texts}


def _page(name: str, files: dict[str, str]) -> str:
    """What a page, the terms or the image is called here; the same file is called the same."""
    taken = {place.removeprefix(f"{PAGES}/"): source for place, source in files.items()}
    known = next((place for place, source in taken.items() if source == name), None)
    if known is None:
        known = file_name(name, taken)
        files[f"{PAGES}/{known}"] = name
    return known
