"""Receipts as files: verified without a network, by anybody who has the keys of the challenge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.home import write_whole
from participant_kit.participant.records import find_record
from participant_kit.protocol.errors import printable
from participant_kit.protocol.keys import KeyRing
from participant_kit.protocol.merkle import parse_inclusion
from participant_kit.protocol.receipts import Receipt, verify_with

MAX_RECEIPT = 1 << 20


def verify_file(path: Path, ring: KeyRing) -> Receipt:
    """The receipt in ``path``, signed by a runner whose keys are in ``ring``.

    For a submission from this machine the notebook must be the one that was sent. Raises
    :class:`ParticipantError` or :class:`~participant_kit.protocol.errors.ProtocolError`.
    """
    try:
        if path.stat().st_size > MAX_RECEIPT:
            raise ValueError
        envelope = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        hint = "Give a file written by: pkit receipt verify SUBMISSION --save FILE"
        raise ParticipantError(f"{path} holds no receipt.", hint=hint, code="no_receipt") from None
    receipt = verify_with(envelope, ring)
    record = find_record(receipt.submission)
    if record and receipt.outcome.state != "refused" and record.notebook_sha256 != receipt.notebook_sha256:
        raise ParticipantError(
            "The receipt is for another notebook than the one sent from this machine.",
            hint="Do not trust it. Tell the organizer, and give them the submission's identifier.",
            code="receipt_differs",
        )
    return receipt


def check_proof(receipt: Receipt, proof: Path) -> None:
    """Raise :class:`ParticipantError` unless the file that ``proof`` names was among the data of ``receipt``."""
    try:
        inclusion = parse_inclusion(proof.read_bytes())
    except OSError as error:
        raise ParticipantError(
            f"{proof} cannot be read: {error.strerror}.", hint="Give another file.", code="file"
        ) from None
    if inclusion.root() != receipt.data_root:
        raise ParticipantError(
            f"{printable(inclusion.path)}, as it is in the proof, is not among the data that this score was made on.",
            hint="The file, or another version of the data, was used. Ask the data holder which.",
            code="other_data",
        )


def write_receipt(path: Path, envelope: dict[str, Any]) -> None:
    """Write a receipt as it was signed."""
    write_whole(path, json.dumps(envelope, indent=2).encode() + b"\n", private=False)
