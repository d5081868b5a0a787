"""Receipts: what was released, signed by the secure side.

An in-toto Statement (v1) in a DSSE envelope with an Ed25519 signature, so other people's tools verify it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import SecretKeys

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:participant-kit:result:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class ReceiptError(ProtocolError):
    """A receipt is none, or was signed by nobody who is trusted."""

    code = "receipt"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Failure(_Frozen):
    """Where a submission ended without a score. ``cell`` counts from 1 in the notebook as sent."""

    stage: str
    cell: int | None = None
    reason: str | None = None


class Outcome(_Frozen):
    """What the release gate let out: every field from the card's alphabet. ``tick`` counts completion ticks."""

    state: Literal["scored", "failed", "refused"]
    tick: int
    scores: dict[str, float] | None = None
    figures: dict[str, float] | None = None
    failure: Failure | None = None


class Receipt(_Frozen):
    """The predicate of the statement. Everything but ``outcome`` was fixed before the run.

    ``data_sha256``, ``card_sha256`` and ``environment_sha256`` are fingerprints of the private data, the
    card and the requirements that were used; ``bits`` is what this release cost.
    """

    challenge: str
    phase: str
    participant: str
    submission: str
    notebook_sha256: str
    card_sha256: str
    data_sha256: str
    environment_sha256: str
    runner_version: str
    bits: float
    outcome: Outcome


def sign_receipt(receipt: Receipt, keys: SecretKeys) -> dict[str, Any]:
    """``receipt`` as a DSSE envelope, a JSON-ready dictionary."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "notebook.ipynb", "digest": {"sha256": receipt.notebook_sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": receipt.model_dump(mode="json", exclude_none=True),
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(keys.signer))
    return dict(envelope.to_dict())


def verify_receipt(envelope: Any, signing_keys: Iterable[str]) -> Receipt:
    """The receipt in ``envelope``, signed by one of ``signing_keys`` (hex). Raises :class:`ReceiptError`."""
    keys = [SSlibKey(public, "ed25519", "ed25519", {"public": public}) for public in dict.fromkeys(signing_keys)]
    try:
        parsed = Envelope.from_dict(deepcopy(dict(envelope)))  # from_dict takes its input apart
        signatures = list(parsed.signatures.values())
        # A key identifier is only a hint (DSSE): try every key on every signature.
        if not any(_matches(key, signature, parsed.pae()) for key in keys for signature in signatures):
            raise ReceiptError(
                "The receipt is not signed by a runner of this challenge.",
                hint="Fetch the kit again if the data holder changed keys; otherwise do not trust this score.",
            )
        statement = json.loads(parsed.payload)
        if (parsed.payload_type, statement["_type"], statement["predicateType"]) != (
            PAYLOAD_TYPE,
            STATEMENT_TYPE,
            PREDICATE_TYPE,
        ):
            raise ValueError
        receipt = Receipt.model_validate(statement["predicate"])
        if statement["subject"][0]["digest"]["sha256"] != receipt.notebook_sha256:
            raise ValueError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ValidationError, RecursionError):
        raise ReceiptError("This is no receipt of a score (an in-toto statement in a DSSE envelope).") from None
    return receipt


def _matches(key: SSlibKey, signature: Any, data: bytes) -> bool:
    try:
        signature.keyid = key.keyid
        key.verify_signature(signature, data)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True
