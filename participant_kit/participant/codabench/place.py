"""Competitions on this machine: joined, put into a folder, and found again."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.participant.codabench.address import split_competition
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import data_folder, locked, write_whole
from participant_kit.participant.kit import LINK as KIT_LINK

LINK = ".codabench.json"


class Place(BaseModel):
    """``.codabench.json`` in a competition's folder; ``folder`` is None for one that was only named."""

    model_config = ConfigDict(frozen=True)

    server: str
    competition: int
    title: str = ""
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The competition where a gateway has the slug of a challenge."""
        return str(self.competition)


def find_place(start: Path, target: str | Path | None = None) -> Place | None:
    """The competition that ``target`` names: its address, its number if it was joined here, or its folder.

    Without it, the one whose folder holds ``start``, unless a kit of a gateway does that is nearer.
    """
    if target is None:
        start = start.expanduser().absolute()
        for folder in (start, *start.parents):
            if place := read_place(folder):
                return place
            if (folder / KIT_LINK).is_file():
                return None
        return None
    if place := read_place(Path(target)):
        return place
    if "/competitions/" in str(target):
        server, number = split_competition(str(target))
        return joined(server, str(number)) or Place(server=server, competition=number)
    found = [place for place in joined_places() if place.name == str(target)]
    return found[0] if len(found) == 1 else None


def joined(server: str, name: str) -> Place | None:
    """The competition ``name`` of ``server``, if it was joined on this machine and is still there."""
    return next((place for place in joined_places() if (place.server, place.name) == (server, name)), None)


def joined_places() -> list[Place]:
    """Every competition that was joined on this machine and is still there."""
    found = (read_place(Path(folder)) for folder in dict.fromkeys(_joined().values()))
    return [place for place in found if place]


def read_place(folder: Path) -> Place | None:
    """The competition in ``folder``; None when there is none."""
    try:
        place = Place.model_validate_json((folder / LINK).read_bytes())
    except (OSError, ValidationError):
        return None
    return place.model_copy(update={"folder": folder.absolute()})


def check_folder(folder: Path, server: str, number: int) -> None:
    """Raise :class:`ParticipantError` unless ``folder`` is empty, absent, or holds that competition."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    place = read_place(folder)
    if place is None or (place.server, place.competition) != (server, number):
        raise ParticipantError(
            f"{folder} is not empty and does not hold competition {number} of {server}.",
            hint="Give another folder with --folder.",
            code="folder",
        )


def remember(place: Place, folder: Path) -> Place:
    """Write down that ``folder`` is that competition's."""
    write_whole(folder / LINK, place.model_dump_json(indent=2, exclude={"folder"}).encode(), private=False)
    path = data_folder() / "codabench.json"
    with locked(path):
        known = {**_joined(), f"{place.server} {place.competition}": str(folder)}
        write_whole(path, json.dumps(known, indent=2).encode())
    return place.model_copy(update={"folder": folder})


def _joined() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((data_folder() / "codabench.json").read_bytes()))
    return {}
