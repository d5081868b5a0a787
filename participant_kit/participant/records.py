"""What was submitted from this machine, written down before it is sent."""

from __future__ import annotations

import contextlib
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import data_folder, write_whole
from participant_kit.protocol.identifiers import is_identifier


class Record(BaseModel):
    """One submission. ``recipients``, ``signing_keys`` and ``card_sha256`` are the kit's of then.

    ``answered`` says that it arrived. ``name`` and ``note`` are the participant's own, and stay on this machine.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    gateway: str
    challenge: str
    phase: str
    participant: str
    kit: Path
    path: Path
    notebook_sha256: str
    card_sha256: str = ""
    recipients: list[str]
    signing_keys: list[str]
    created_at: datetime
    name: str = ""
    note: str = ""
    answered: bool = False


def keep(record: Record, notebook: bytes, sealed: bytes) -> None:
    """Write down ``record`` with the prepared notebook and the sealed bytes, to be sent as they are."""
    folder = _folder(record.id)
    write_whole(folder / "notebook.ipynb", notebook)
    write_whole(folder / "sealed.age", sealed)
    _write(record)


def mark_answered(record: Record) -> None:
    """Note that the gateway has it: from here on the same notebook makes a new submission."""
    _write(record.model_copy(update={"answered": True}))
    (_folder(record.id) / "sealed.age").unlink(missing_ok=True)


def forget(record: Record) -> None:
    """Drop what the gateway refused to take."""
    shutil.rmtree(_folder(record.id), ignore_errors=True)


def find_record(identifier: str) -> Record | None:
    """The record of the submission ``identifier``; None when it was not made on this machine."""
    if not is_identifier(identifier):
        return None
    try:
        return Record.model_validate_json((_folder(identifier) / "record.json").read_bytes())
    except (OSError, ValidationError):
        return None


def find_unanswered(like: Record) -> tuple[Record, bytes] | None:
    """An earlier upload of the same notebook, by the same person to the same place, that got no answer.

    Returned with its sealed bytes: sent again under the same identifier it stays one submission.
    """
    same = ("gateway", "challenge", "phase", "participant", "notebook_sha256", "card_sha256", "recipients")
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted((data_folder() / "submissions").iterdir(), reverse=True):
            sealed = folder / "sealed.age"  # gone once it is answered
            record = find_record(folder.name) if sealed.is_file() else None
            if record and not record.answered and all(getattr(record, key) == getattr(like, key) for key in same):
                with contextlib.suppress(OSError):
                    return record, sealed.read_bytes()
    return None


def kept_path(identifier: str) -> Path | None:
    """The notebook exactly as it was submitted; None when it was not submitted from this machine."""
    path = _folder(identifier) / "notebook.ipynb"
    return path if is_identifier(identifier) and path.is_file() else None


def sent_from_here(identifier: str) -> tuple[Record, Path]:
    """The record of a submission and the notebook exactly as it was sent.

    Raises :class:`ParticipantError` when it was not submitted from this machine.
    """
    record, kept = find_record(identifier), kept_path(identifier)
    if record is None or kept is None:
        raise ParticipantError(
            "The notebook of this submission is not on this machine.",
            hint="It was submitted from another one, and the gateway cannot read it.",
            code="not_kept",
        )
    return record, kept


def keep_receipt(identifier: str, envelope: dict[str, Any]) -> None:
    """Keep the signed receipt beside the notebook that was sent from this machine; it never changes."""
    if kept_path(identifier):
        write_whole(_folder(identifier) / "receipt.json", json.dumps(envelope).encode())


def kept_receipt(identifier: str) -> dict[str, Any] | None:
    """The receipt that was kept; None when there is none. It is to be verified like one from the gateway."""
    with contextlib.suppress(OSError, ValueError):
        if is_identifier(identifier):
            return dict(json.loads((_folder(identifier) / "receipt.json").read_bytes()))
    return None


def _write(record: Record) -> None:
    write_whole(_folder(record.id) / "record.json", record.model_dump_json(indent=2).encode())


def _folder(identifier: str) -> Path:
    return data_folder() / "submissions" / identifier
