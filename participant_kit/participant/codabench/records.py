"""What was submitted to Codabench servers from this machine, written down before it is sent."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import data_folder, write_whole


class Record(BaseModel):
    """One submission. ``sha256`` is of what was packed; ``number`` is the server's, once it has answered.

    ``dataset`` is the key of the data set once its file is there. ``name`` and ``note`` stay on this machine.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    server: str
    competition: int
    phase: int
    participant: str
    path: Path
    sha256: str
    created_at: datetime
    name: str = ""
    note: str = ""
    dataset: str | None = None
    number: int | None = None

    @property
    def file_name(self) -> str:
        """What the file is called over there: no other has that name, and the server cuts it short after 35 signs."""
        return f"{self.id.replace('-', '')}.zip"

    @property
    def title(self) -> str:
        """What the data set is called over there; no two of a user's may have one name."""
        return f"{self.path.name[:100]} {self.id}"


def keep(record: Record, notebook: bytes | None) -> Record:
    """Write down ``record`` and, of a notebook, what is sent of it."""
    if notebook is not None:
        write_whole(_folder(record.id) / "notebook.ipynb", notebook)
    return update(record)


def update(record: Record, **values: object) -> Record:
    """Write down what is new of ``record``."""
    record = record.model_copy(update=values)
    write_whole(_folder(record.id) / "record.json", record.model_dump_json(indent=2).encode())
    return record


def forget(record: Record) -> None:
    """Drop what the server refused to take."""
    shutil.rmtree(_folder(record.id), ignore_errors=True)


def find_unanswered(like: Record) -> Record | None:
    """An earlier try to send the same to the same phase, of which it is not known whether it arrived."""
    same = ("server", "competition", "phase", "participant", "sha256")
    for record in _all():
        if record.number is None and all(getattr(record, key) == getattr(like, key) for key in same):
            return record
    return None


def find_record(server: str, number: int) -> Record | None:
    """The record of submission ``number``; None when it was not made on this machine."""
    return next((record for record in _all() if (record.server, record.number) == (server, number)), None)


def records_of(server: str) -> dict[int, Record]:
    """Every record of what ``server`` has, by its number there."""
    return {record.number: record for record in _all() if record.server == server and record.number is not None}


def sent_from_here(server: str, number: int) -> tuple[Record, Path]:
    """The record of a submission and its notebook exactly as it was sent. Raises :class:`ParticipantError`."""
    record = find_record(server, number)
    kept = _folder(record.id) / "notebook.ipynb" if record else None
    if record is None or kept is None or not kept.is_file():
        raise ParticipantError(
            "The notebook of this submission is not on this machine.",
            hint="It was submitted from elsewhere, or was no notebook; the competition's page may have it.",
            code="not_kept",
        )
    return record, kept


def _all() -> Iterator[Record]:
    """Every record, the newest first."""
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted((data_folder() / "codabench").iterdir(), reverse=True):
            with contextlib.suppress(OSError, ValidationError):
                yield Record.model_validate_json((folder / "record.json").read_bytes())


def _folder(identifier: str) -> Path:
    return data_folder() / "codabench" / identifier
