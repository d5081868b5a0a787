"""A receipt is what the secure side signed, to the byte, and other people's tools say so too."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from pydantic import ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys
from participant_kit.protocol.receipts import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Failure,
    Outcome,
    Receipt,
    sign_receipt,
    verify_receipt,
)

KEYS, OTHER = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.BLIND)
TRUSTED = [KEYS.public.signing]
RECEIPT = Receipt(
    challenge="small",
    phase="final",
    participant="ada",
    submission="s-1",
    notebook_sha256="1" * 64,
    card_sha256="2" * 64,
    data_root="3" * 64,
    environment_sha256="4" * 64,
    runner_version="0.1.0",
    bits=12.5,
    outcome=Outcome(state="scored", tick=3, scores={"roc_auc_score": 0.812, "brier_score_loss": 0.1}),
)
ENVELOPE = sign_receipt(RECEIPT, KEYS)
STATEMENT = json.loads(base64.b64decode(ENVELOPE["payload"]))


def signed(statement: Any, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
    """Anything at all, signed with the right key by other people's tools."""
    envelope = Envelope(json.dumps(statement).encode(), payload_type, {})
    envelope.sign(CryptoSigner(KEYS.signer))
    return dict(envelope.to_dict())


def with_predicate(**changed: Any) -> dict[str, Any]:
    return STATEMENT | {"predicate": STATEMENT["predicate"] | changed}


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def refused(envelope: Any, keys: list[str] = TRUSTED) -> str:
    with pytest.raises(ProtocolError) as raised:
        verify_receipt(envelope, keys)
    return str(raised.value)


@pytest.mark.parametrize(
    "outcome",
    [
        RECEIPT.outcome,
        Outcome(state="failed", tick=1, failure=Failure(stage="cell", cell=3, reason="ValueError")),
        Outcome(state="failed", tick=0, failure=Failure(stage="time")),
        Outcome(state="refused", tick=0),
    ],
    ids=lambda outcome: f"{outcome.state} {outcome.tick}",
)
def test_a_receipt_comes_back_as_it_was_signed(outcome: Outcome) -> None:
    receipt = RECEIPT.model_copy(update={"outcome": outcome})
    sent = json.loads(json.dumps(sign_receipt(receipt, KEYS)))
    before = json.dumps(sent)
    assert verify_receipt(sent, [OTHER.public.signing, *TRUSTED]) == receipt
    assert json.dumps(sent) == before


def test_securesystemslib_verifies_the_signature() -> None:
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KEYS.public.signing))
    key = SSlibKey.from_crypto(public)
    envelope = Envelope.from_dict(json.loads(json.dumps(ENVELOPE)))
    assert envelope.verify([key], 1) == {key.keyid: key}


def test_in_toto_reads_the_statement() -> None:
    message = json_format.Parse(base64.b64decode(ENVELOPE["payload"]), StatementMessage())
    statement = Statement.copy_from_pb(message)
    statement.validate()
    assert ENVELOPE["payloadType"] == "application/vnd.in-toto+json"
    assert statement.pb.predicate_type == PREDICATE_TYPE
    assert dict(statement.pb.subject[0].digest) == {"sha256": RECEIPT.notebook_sha256}
    assert Receipt.model_validate(json_format.MessageToDict(statement.pb.predicate)) == RECEIPT


def test_a_receipt_states_what_was_run_on_what_and_when() -> None:
    predicate = dict(STATEMENT["predicate"])
    outcome = predicate.pop("outcome")
    assert predicate == {
        "challenge": "small",
        "phase": "final",
        "participant": "ada",
        "submission": "s-1",
        "notebook_sha256": "1" * 64,
        "card_sha256": "2" * 64,
        "data_root": "3" * 64,
        "environment_sha256": "4" * 64,
        "runner_version": "0.1.0",
        "bits": 12.5,
    }
    assert outcome == {"state": "scored", "tick": 3, "scores": {"roc_auc_score": 0.812, "brier_score_loss": 0.1}}


def test_the_signature_is_over_what_the_dsse_specification_says() -> None:
    payload, kind = base64.b64decode(ENVELOPE["payload"]), ENVELOPE["payloadType"].encode()
    signature = base64.b64decode(ENVELOPE["signatures"][0]["sig"])
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KEYS.public.signing))
    public.verify(signature, b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))


def test_what_other_tools_sign_is_verified_here() -> None:
    assert verify_receipt(signed(STATEMENT), TRUSTED) == RECEIPT


def test_a_key_identifier_is_only_a_hint() -> None:
    renamed = ENVELOPE | {"signatures": [ENVELOPE["signatures"][0] | {"keyid": "another name"}]}
    assert verify_receipt(renamed, TRUSTED) == RECEIPT


def test_one_good_signature_among_others_is_enough() -> None:
    both = Envelope.from_dict(json.loads(json.dumps(sign_receipt(RECEIPT, OTHER))))
    both.sign(CryptoSigner(KEYS.signer))
    assert verify_receipt(both.to_dict(), TRUSTED) == RECEIPT


def test_the_same_receipt_is_signed_alike_each_time() -> None:
    assert sign_receipt(RECEIPT, KEYS) == ENVELOPE


def test_every_changed_byte_of_the_payload_is_noticed() -> None:
    payload = base64.b64decode(ENVELOPE["payload"])
    for position in range(len(payload)):
        changed = payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
        assert "not signed" in refused(ENVELOPE | {"payload": base64.b64encode(changed).decode()})


def test_every_changed_byte_of_the_signature_is_noticed() -> None:
    signature = base64.b64decode(ENVELOPE["signatures"][0]["sig"])
    for position in range(len(signature)):
        changed = signature[:position] + bytes([signature[position] ^ 1]) + signature[position + 1 :]
        forged = ENVELOPE["signatures"][0] | {"sig": base64.b64encode(changed).decode()}
        assert "not signed" in refused(ENVELOPE | {"signatures": [forged]})


def test_a_signature_over_another_receipt_does_not_count() -> None:
    better = RECEIPT.model_copy(update={"outcome": Outcome(state="scored", tick=3, scores={"roc_auc_score": 1.0})})
    assert "not signed" in refused(sign_receipt(better, OTHER) | {"signatures": ENVELOPE["signatures"]})


@pytest.mark.parametrize("keys", [[], [OTHER.public.signing], ["00" * 32], ["no hex"], [""], [KEYS.signing]])
def test_without_the_runners_key_nothing_is_verified(keys: list[str]) -> None:
    assert "not signed by a runner" in refused(ENVELOPE, keys)


def test_a_rehearsal_runner_cannot_sign_a_score() -> None:
    rehearsal = SecretKeys.generate(Role.REHEARSAL)
    ring = KeyRing(runners=[KEYS.public, rehearsal.public])
    trusted = [keys.signing for keys in ring.of(Role.BLIND)]
    assert "not signed by a runner" in refused(sign_receipt(RECEIPT, rehearsal), trusted)


@pytest.mark.parametrize("kind", ["application/json", "", PAYLOAD_TYPE.upper(), PAYLOAD_TYPE + " "])
def test_another_type_of_payload_is_refused_even_when_signed(kind: str) -> None:
    assert "not signed" in refused(ENVELOPE | {"payloadType": kind})
    assert "no receipt" in refused(signed(STATEMENT, kind))


@pytest.mark.parametrize(
    "statement",
    [
        STATEMENT | {"predicateType": "https://slsa.dev/provenance/v1"},
        STATEMENT | {"predicateType": PREDICATE_TYPE.replace("v1", "v2")},
        STATEMENT | {"predicateType": None},
        STATEMENT | {"_type": STATEMENT_TYPE.replace("v1", "v0.1")},
        *(without(STATEMENT, name) for name in STATEMENT),
        STATEMENT | {"subject": []},
        STATEMENT | {"subject": [{"name": "notebook.ipynb"}]},
        STATEMENT | {"subject": [{"digest": {"sha256": "f" * 64}}]},
        STATEMENT["predicate"],
        [],
        "text",
        None,
    ],
    ids=lambda statement: str(statement)[-60:],
)
def test_another_statement_is_no_receipt_even_when_signed(statement: Any) -> None:
    assert "no receipt" in refused(signed(statement))


@pytest.mark.parametrize("field", STATEMENT["predicate"])
def test_a_receipt_with_a_field_missing_is_refused_even_when_signed(field: str) -> None:
    statement = STATEMENT | {"predicate": without(STATEMENT["predicate"], field)}
    assert "no receipt" in refused(signed(statement))


@pytest.mark.parametrize(
    "changed",
    [
        {"note": "free text"},
        {"bits": "many"},
        {"bits": float("nan")},
        {"submission": None},
        {"notebook_sha256": "f" * 64},
        {"outcome": {"state": "won", "tick": 3}},
        {"outcome": {"state": "scored"}},
        {"outcome": {"state": "scored", "tick": 3.5}},
        {"outcome": {"state": "scored", "tick": 3, "log": "free text"}},
        {"outcome": {"state": "scored", "tick": 3, "scores": {"roc_auc_score": float("inf")}}},
        {"outcome": {"state": "scored", "tick": 3, "scores": {"roc_auc_score": "high"}}},
        {"outcome": {"state": "failed", "tick": 3, "failure": {"stage": "cell", "message": "free text"}}},
        {"outcome": {"state": "failed", "tick": 3, "failure": {}}},
    ],
    ids=str,
)
def test_a_receipt_that_says_more_or_other_things_is_refused_even_when_signed(changed: dict[str, Any]) -> None:
    assert "no receipt" in refused(signed(with_predicate(**changed)))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_in_json_is_never_signed(number: float) -> None:
    with pytest.raises(ValidationError):
        Outcome(state="scored", tick=1, scores={"roc_auc_score": number})


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        3,
        "text",
        [],
        [1],
        {},
        *(without(ENVELOPE, name) for name in ENVELOPE),
        *({**ENVELOPE, name: value} for name in ENVELOPE for value in (None, 5, "é")),
        ENVELOPE | {"signatures": [3]},
        ENVELOPE | {"signatures": [{}]},
        ENVELOPE | {"signatures": [{"keyid": [], "sig": "AAAA"}]},
        ENVELOPE | {"signatures": [{"keyid": "x", "sig": 3}]},
        ENVELOPE | {"signatures": [{"keyid": "x", "sig": "no base64"}]},
        ENVELOPE | {"signatures": [{"keyid": "x", "sig": ""}]},
        ENVELOPE | {"signatures": []},
        ENVELOPE | {"signatures": ENVELOPE["signatures"] * 2},
    ],
    ids=[
        *("null", "a number", "text", "an empty list", "a list", "an empty object"),
        *(f"no {name}" for name in ENVELOPE),
        *(f"{name}: {value}" for name in ENVELOPE for value in (None, 5, "text")),
        *("signature: a number", "signature: empty", "keyid: a list", "sig: a number", "sig: no base64", "sig: empty"),
        *("no signature", "a signature twice"),
    ],
)
def test_what_is_no_envelope_is_refused_in_our_words(envelope: Any) -> None:
    assert "receipt" in refused(envelope)
