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

from participant_kit.protocol.errors import ProtocolError, printable
from participant_kit.protocol.identifiers import time_of
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys, ended_words

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

    ``data_root`` is the fingerprint of the private data (see :mod:`.merkle`), ``card_sha256`` and
    ``environment_sha256`` those of the card and the requirements that were used; ``bits`` is what this release cost.
    """

    challenge: str
    phase: str
    participant: str
    submission: str
    notebook_sha256: str
    card_sha256: str
    data_root: str
    environment_sha256: str
    runner_version: str
    bits: float
    outcome: Outcome


def sign_receipt(receipt: Receipt, keys: SecretKeys) -> dict[str, Any]:
    """``receipt`` as a DSSE envelope, a JSON-ready dictionary, with a signature by each of the runner's signers."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "notebook.ipynb", "digest": {"sha256": receipt.notebook_sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": receipt.model_dump(mode="json", exclude_none=True),
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    for one in keys.signers:
        envelope.sign(CryptoSigner(one.signer))
    return dict(envelope.to_dict())


def verify_with(envelope: Any, ring: KeyRing, also: Iterable[str] = ()) -> Receipt:
    """The receipt in ``envelope``, with at least one signature that counts. Raises :class:`ReceiptError`.

    A signature counts when it is by a blind runner of ``ring`` that had not ended when the submission was made (its
    identifier tells when), or by one of ``also`` (hex) that ``ring`` does not list; and never by a revoked key.
    """
    parsed = _parse(envelope)
    listed = {keys.signing: keys for keys in ring.runners}
    known = (*listed, *(one.key for one in ring.revocations), *also)
    signers = [key for key in dict.fromkeys(known) if _is_signed(parsed, [key])]
    if not signers:
        raise _unknown(parsed)
    receipt = _read(parsed)
    made = time_of(receipt.submission)

    def fault(key: str) -> str:
        if revocation := ring.revocation_of(key):
            return f"the key {revocation}"
        keys = listed.get(key)
        if keys and keys.role != Role.BLIND:
            return f"the key {key[:16]} of a {keys.role} runner, which vouches for no score"
        if keys and keys.until and (made is None or keys.has_ended(made)):
            return f"the key {ended_words(keys)}, before this submission was made"
        return ""

    if all(faults := [fault(key) for key in signers]):
        raise ReceiptError(
            f"The receipt is signed by nobody but {'; '.join(faults)}.",
            hint="Do not trust this score; ask the data holder, who can have the notebook run again.",
        )
    return receipt


def verify_receipt(envelope: Any, signing_keys: Iterable[str]) -> Receipt:
    """The receipt in ``envelope``, signed by one of ``signing_keys`` (hex). Raises :class:`ReceiptError`."""
    parsed = _parse(envelope)
    if not _is_signed(parsed, signing_keys):
        raise _unknown(parsed)
    return _read(parsed)


def _parse(envelope: Any) -> Envelope:
    try:
        parsed = Envelope.from_dict(deepcopy(dict(envelope)))  # from_dict takes its input apart
        parsed.pae()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _no_receipt() from None
    return parsed


def _read(envelope: Envelope) -> Receipt:
    try:
        statement = json.loads(envelope.payload)
        kinds = (envelope.payload_type, statement["_type"], statement["predicateType"])
        if kinds != (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE):
            raise ValueError
        receipt = Receipt.model_validate(statement["predicate"])
        if statement["subject"][0]["digest"]["sha256"] != receipt.notebook_sha256:
            raise ValueError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ValidationError, RecursionError):
        raise _no_receipt() from None
    return receipt


def _no_receipt() -> ReceiptError:
    return ReceiptError("This is no receipt of a score (an in-toto statement in a DSSE envelope).")


def _unknown(envelope: Envelope) -> ReceiptError:
    names = ", ".join(printable(str(name), 16) for name in envelope.signatures)
    found = f"it is signed by a key that is not known, named {names}" if names else "it has no signature"
    return ReceiptError(
        f"The receipt is not signed by a runner of this challenge: {found}.",
        hint="Fetch the kit again if the data holder changed keys; otherwise do not trust this score.",
    )


def _is_signed(envelope: Envelope, keys: Iterable[str]) -> bool:
    """Whether one of ``keys`` has signed. A key identifier is only a hint (DSSE): try every key on every signature."""
    candidates = [SSlibKey(public, "ed25519", "ed25519", {"public": public}) for public in dict.fromkeys(keys)]
    return any(_matches(key, one, envelope.pae()) for key in candidates for one in envelope.signatures.values())


def _matches(key: SSlibKey, signature: Any, data: bytes) -> bool:
    try:
        signature.keyid = key.keyid
        key.verify_signature(signature, data)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True
