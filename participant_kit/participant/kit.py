"""Starter kits on the participant's machine: fetched, verified, put into a folder, and found again."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.challenge.folder import CARD, NOTEBOOKS, ChallengeFolder, find_challenge
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import cannot_write, data_folder, locked, write_whole
from participant_kit.participant.trust import Known, check_new, known, remember
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.keys import Role, read_key_ring
from participant_kit.protocol.kit import MAX_KIT_BYTES, kit_digest, open_kit
from participant_kit.protocol.messages import ChallengeInfo

LINK = ".participant-kit.json"

Tell = Callable[[str], None]
"""Told what is being done, a line at a time."""


class Link(BaseModel):
    """``.participant-kit.json`` in a kit's folder: where it came from, and the environment made for it."""

    model_config = ConfigDict(frozen=True)

    gateway: str
    challenge: str
    kit_sha256: str
    environment: Path | None = None
    environment_digest: str | None = None


def read_link(kit: ChallengeFolder) -> Link | None:
    """Where ``kit`` came from; None when it was not put there by :func:`join_kit`."""
    try:
        return Link.model_validate_json((kit.root / LINK).read_bytes())
    except (OSError, ValidationError):
        return None


def write_link(kit: ChallengeFolder, link: Link) -> None:
    """Write where ``kit`` came from."""
    write_whole(kit.root / LINK, link.model_dump_json(indent=2).encode(), private=False)


def join_kit(
    connection: Connection, slug: str, folder: Path, *, checksum: str | None = None, tell: Tell | None = None
) -> ChallengeFolder:
    """Fetch the kit of the challenge ``slug`` into ``folder``, or bring the one there up to date.

    ``checksum`` is the kit's SHA-256 (hex) as the organizer told it elsewhere. Notebooks that differ from the
    kit's are left alone. Raises :class:`ParticipantError`, and
    :class:`~participant_kit.protocol.errors.ProtocolError` for what is no kit; then nothing was written.
    """
    tell = tell or (lambda line: None)
    info = connection.get(f"/challenges/{slug}", ChallengeInfo)
    kit = ChallengeFolder(folder.expanduser().absolute())
    before = _check_folder(kit, connection.gateway, slug)
    files, digest = _fetch(connection, info, slug, checksum, tell)
    with _temporary(kit.root.parent) as temporary:
        new = ChallengeFolder(Path(temporary) / "kit")
        for name, content in files.items():
            write_whole(new.root / name, content, private=False)
        _check_kit(new, slug)
        trusted = known(connection.gateway, slug)
        if trusted is None and before:  # joined before this was remembered
            trusted = Known(kits=[before.kit_sha256], ring=read_key_ring(kit.keys_path))
        if trusted:
            for line in check_new(trusted, digest, read_key_ring(new.keys_path), confirmed=checksum is not None):
                tell(line)
        link = Link(gateway=connection.gateway, challenge=slug, kit_sha256=digest)
        if before is None:
            write_link(new, link)
            with contextlib.suppress(FileNotFoundError):
                kit.root.rmdir()  # empty, as was checked
            new.root.replace(kit.root)
        else:
            _update(kit, files, tell)
            write_link(kit, before.model_copy(update=link.model_dump(include={"kit_sha256"})))
    remember(connection.gateway, slug, digest, read_key_ring(kit.keys_path))
    _remember(link, kit)
    return ChallengeFolder(kit.root)


def find_kit(start: Path, challenge: str | Path | None = None, gateway: str | None = None) -> ChallengeFolder:
    """The kit named by ``challenge`` (a folder, or the slug of a challenge joined on this machine).

    Without it, the kit around ``start`` or around the current folder. Raises :class:`ParticipantError`.
    """
    if challenge is None:
        if kit := find_challenge(start) or find_challenge(Path.cwd()):
            return kit
        raise ParticipantError(
            "No challenge is known here.",
            hint="Work in the folder of a kit, or name one. Get a kit with: pkit join GATEWAY/CHALLENGE",
            code="no_kit",
        )
    if (Path(challenge) / CARD).is_file():
        named = ChallengeFolder(Path(challenge).absolute())
        link = read_link(named)
        if isinstance(challenge, Path) or link is None or gateway in (None, link.gateway):
            return named  # and not a folder here that has the name of another gateway's challenge
    for kit in filter(None, (find_challenge(start), find_challenge(Path.cwd()))):
        if (link := read_link(kit)) and link.challenge == str(challenge) and gateway in (None, link.gateway):
            return kit
    for key, folder in _joined().items():
        if key.partition(" ")[2] == str(challenge) and gateway in (None, key.partition(" ")[0]):
            kit = ChallengeFolder(Path(folder))
            if read_link(kit):
                return kit
    raise ParticipantError(
        f"No kit of the challenge {str(challenge)!r} is on this machine.",
        hint=f"Get it with: pkit join {gateway or 'GATEWAY'}/{challenge}",
        code="no_kit",
    )


def signing_keys(kit: ChallengeFolder) -> list[str]:
    """The public keys (hex) of the runners that may sign a score of this challenge."""
    return [runner.signing for runner in read_key_ring(kit.keys_path).of(Role.BLIND)]


def _check_folder(kit: ChallengeFolder, gateway: str, slug: str) -> Link | None:
    """The link of the same challenge in the folder; None when the folder is empty or absent."""
    if not kit.root.exists() or (kit.root.is_dir() and not any(kit.root.iterdir())):
        return None
    link = read_link(kit) if kit.root.is_dir() else None
    if link and (link.gateway, link.challenge) == (gateway, slug):
        return link
    raise ParticipantError(
        f"{kit.root} is not empty and holds no kit of {slug}.",
        hint="Give another folder with --folder.",
        code="folder",
    )


def _fetch(
    connection: Connection, info: ChallengeInfo, slug: str, checksum: str | None, tell: Tell
) -> tuple[dict[str, bytes], str]:
    told = -1

    def progress(count: int) -> None:
        nonlocal told
        if (tenth := count * 10 // max(info.kit_bytes, 1)) != told:
            told = tenth
            tell(f"Downloading the kit: {100 * count // max(info.kit_bytes, 1)} %")

    data = connection.download(f"/challenges/{slug}/kit", limit=min(info.kit_bytes, MAX_KIT_BYTES), progress=progress)
    tell("Verifying the kit")
    digest = kit_digest(data)
    expected = (checksum or "").strip().lower().removeprefix("sha256:")
    if checksum is not None and digest != expected:
        raise ParticipantError(
            f"The kit has the SHA-256 {digest}, not the one you gave.",
            hint="Do not use it. Ask the organizer which kit is the right one.",
            code="checksum",
        )
    if digest != info.kit_sha256:
        raise ParticipantError(
            "The kit is not the one that the gateway announces.",
            hint="Try again; a new one may just be published.",
            code="checksum",
        )
    return open_kit(data), digest


def _check_kit(kit: ChallengeFolder, slug: str) -> None:
    if kit.card.slug != slug:
        raise ParticipantError(
            f"This is the kit of {kit.card.slug}, not of {slug}.", hint="Tell the organizer.", code="kit"
        )
    if not signing_keys(kit):
        raise ParticipantError(
            "The kit holds no key of a runner, so that no score could be verified.",
            hint="Tell the organizer.",
            code="kit",
        )


def _update(kit: ChallengeFolder, files: dict[str, bytes], tell: Tell) -> None:
    for name, content in files.items():
        path = kit.root / name
        if path.is_file() and path.read_bytes() == content:
            continue
        if path.exists() and name.startswith(f"{NOTEBOOKS}/"):
            tell(f"Kept your {name}")
            continue
        write_whole(path, content, private=False)


def _temporary(parent: Path) -> tempfile.TemporaryDirectory[str]:
    """A new folder in ``parent``, so that what is in it can be moved there at once."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".kit-", dir=parent)
    except OSError as error:
        raise cannot_write(parent, error) from None


def joined_kits() -> list[Path]:
    """The folders of kits that were joined on this machine; some may be gone."""
    return [Path(folder) for folder in dict.fromkeys(_joined().values())]


def _joined() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((data_folder() / "joined.json").read_bytes()))
    return {}


def _remember(link: Link, kit: ChallengeFolder) -> None:
    path = data_folder() / "joined.json"
    with locked(path):
        joined = {**_joined(), f"{link.gateway} {link.challenge}": str(kit.root)}
        write_whole(path, json.dumps(joined, indent=2).encode())
