"""Keys come and go: an overlap in which old and new kits both work, and a revocation that nobody can forge or undo."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import (
    HeldKeys,
    KeyRing,
    PublicKeys,
    Role,
    SecretKeys,
    held_together,
    parse_key_ring,
)
from participant_kit.protocol.receipts import Outcome, Receipt, ReceiptError, sign_receipt, verify_with
from participant_kit.protocol.sealing import Binding, seal_notebook, unseal_notebook

NOW = datetime.now(UTC).replace(microsecond=0)


def identifier(days_ago: float = 0) -> str:
    """That of a submission which was made then."""
    moment = int((NOW - timedelta(days=days_ago)).timestamp() * 1000)
    return str(UUID(int=moment << 80 | 0x7 << 76 | 0b10 << 62 | 4711))


BINDING = Binding(challenge="small", phase="final", participant="ada", submission=identifier(), reply_to="")

RECEIPT = Receipt(
    **BINDING.model_dump(include={"challenge", "phase", "participant", "submission"}),
    notebook_sha256="1" * 64,
    card_sha256="2" * 64,
    data_root="3" * 64,
    environment_sha256="4" * 64,
    runner_version="0.1.0",
    bits=12.5,
    outcome=Outcome(state="scored", tick=3, scores={"roc_auc_score": 0.812}),
)


def made(role: Role = Role.BLIND, days_ago: int = 0) -> SecretKeys:
    return SecretKeys.generate(role).model_copy(update={"since": NOW - timedelta(days=days_ago)})


OLD, NEW, REHEARSAL, STRANGER = made(days_ago=400), made(), made(Role.REHEARSAL), made()
BEFORE = KeyRing(runners=[OLD.public, REHEARSAL.public])


def ending(keys: SecretKeys, days: float) -> PublicKeys:
    return keys.public.model_copy(update={"until": NOW + timedelta(days=days)})


DURING = KeyRing(runners=[ending(OLD, 30), REHEARSAL.public, NEW.public])
AFTER = KeyRing(runners=[ending(OLD, -1), REHEARSAL.public, NEW.public])
REVOKED = DURING.model_copy(update={"revocations": [NEW.revoke(OLD.public.signing, "disk stolen")]})


def read_again(ring: KeyRing) -> KeyRing:
    return parse_key_ring(ring.model_dump_json().encode())


@pytest.mark.parametrize("ring", [BEFORE, DURING, AFTER, REVOKED])
def test_a_key_ring_says_what_has_become_of_each_key(ring: KeyRing) -> None:
    assert read_again(ring) == ring


def test_an_older_kit_works_during_the_overlap_and_a_newer_one_too() -> None:
    runner = held_together([OLD, NEW], DURING)
    for ring in (BEFORE, DURING):
        sealed = seal_notebook(b"{}", BINDING, ring.recipients)
        assert unseal_notebook(sealed, *(keys.sealing for keys in runner.held))[1] == b"{}"
        assert verify_with(sign_receipt(RECEIPT, runner), ring) == RECEIPT


def test_the_newest_is_the_one_that_was_made_last_in_whatever_order_they_are_given() -> None:
    for given in ([OLD, NEW], [NEW, OLD]):
        runner = held_together(given, DURING)
        assert (runner.public.signing, [older.public.signing for older in runner.older]) == (
            NEW.public.signing,
            [OLD.public.signing],
        )


def test_at_its_end_a_key_is_not_sealed_to_and_does_not_sign_but_opens_what_was_sealed_before() -> None:
    assert AFTER.recipients == [REHEARSAL.public.sealing, NEW.public.sealing]
    runner = held_together([OLD, NEW], AFTER)
    sealed = seal_notebook(b"{}", BINDING, [OLD.public.sealing])
    assert unseal_notebook(sealed, *(keys.sealing for keys in runner.held))[1] == b"{}"
    with pytest.raises(ReceiptError, match="not signed by a runner"):
        verify_with(sign_receipt(RECEIPT, runner), BEFORE)


def test_a_key_that_ends_while_its_runner_works_still_finishes_what_was_claimed() -> None:
    runner = HeldKeys(**OLD.model_dump(), older=(), ring=AFTER)
    earlier = RECEIPT.model_copy(update={"submission": identifier(days_ago=1.01)})
    assert verify_with(sign_receipt(earlier, runner), AFTER) == earlier


def test_the_end_is_a_moment() -> None:
    ring, until = KeyRing(runners=[ending(OLD, 1)]), NOW + timedelta(days=1)
    assert ring.in_use(until - timedelta(seconds=1)) == ring.runners
    assert ring.in_use(until) == []


def test_a_key_that_has_ended_vouches_for_what_was_made_before_and_for_nothing_later() -> None:
    for days_ago in (1.01, 30, 400):
        earlier = RECEIPT.model_copy(update={"submission": identifier(days_ago)})
        assert verify_with(sign_receipt(earlier, OLD), AFTER) == earlier
    for submission in (identifier(1), identifier(0.99), identifier(), "s-1"):
        later = RECEIPT.model_copy(update={"submission": submission})
        with pytest.raises(ReceiptError, match=f"{OLD.public.signing[:16]}, ended on .* UTC, before this submission"):
            verify_with(sign_receipt(later, OLD), AFTER)


def test_a_rehearsal_key_vouches_for_no_score_whatever_else_says_so() -> None:
    for also in ([], [REHEARSAL.public.signing]):
        with pytest.raises(ReceiptError, match=f"{REHEARSAL.public.signing[:16]} of a rehearsal runner"):
            verify_with(sign_receipt(RECEIPT, REHEARSAL), DURING, also)


def test_a_stranger_is_named_by_the_name_that_it_gives_itself() -> None:
    envelope = sign_receipt(RECEIPT, STRANGER)
    with pytest.raises(ReceiptError, match=f"not known, named {envelope['signatures'][0]['keyid'][:16]}"):
        verify_with(envelope, DURING)
    envelope["signatures"][0]["keyid"] = "\x1b[2J"
    with pytest.raises(ReceiptError, match=r"named  \[2J"):
        verify_with(envelope, DURING)
    with pytest.raises(ReceiptError, match="it has no signature"):
        verify_with(envelope | {"signatures": []}, DURING)


def test_each_bad_signature_is_named_with_its_reason() -> None:
    keys = HeldKeys(**OLD.model_dump(), older=(NEW, REHEARSAL), ring=DURING)
    ring = AFTER.model_copy(update={"revocations": [NEW.revoke(NEW.public.signing, "disk stolen")]})
    with pytest.raises(ReceiptError) as raised:
        verify_with(sign_receipt(RECEIPT, keys), ring)
    for keys, word in ((OLD, "ended"), (NEW, "revoked"), (REHEARSAL, "of a rehearsal runner")):
        assert re.search(f"{keys.public.signing[:16]},? {word}", raised.value.message)


def test_other_people_s_tools_verify_each_of_several_signatures() -> None:
    envelope = Envelope.from_dict(sign_receipt(RECEIPT, held_together([OLD, NEW], DURING)))
    public = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys.public.signing)) for keys in (OLD, NEW)]
    keys = [SSlibKey.from_crypto(key) for key in public]
    assert envelope.verify(keys, 2) == {key.keyid: key for key in keys}


def test_debians_age_opens_what_is_sealed_to_every_key_of_the_ring_with_each(tmp_path: Path) -> None:
    sealed = seal_notebook(b"{}", BINDING, DURING.recipients)
    for keys in (OLD, NEW, REHEARSAL):
        identity = tmp_path / "identity"
        identity.write_text(keys.sealing)
        opened = subprocess.run(["age", "-d", "-i", identity], input=sealed, capture_output=True, check=True).stdout
        assert opened.endswith(b"\n{}")


def test_a_revoked_key_is_not_sealed_to() -> None:
    assert REVOKED.recipients == [REHEARSAL.public.sealing, NEW.public.sealing]


def test_where_no_blind_key_is_left_nothing_is_sealed_and_it_is_said_why() -> None:
    ring = BEFORE.model_copy(update={"revocations": [OLD.revoke(OLD.public.signing, "disk stolen")]})
    with pytest.raises(ProtocolError, match=r"revoked on .* UTC \(disk stolen\)") as raised:
        _ = read_again(ring).recipients
    assert OLD.public.signing[:16] in raised.value.message
    with pytest.raises(ProtocolError, match="ended on"):
        _ = KeyRing(runners=[ending(OLD, -1), REHEARSAL.public]).recipients


def test_a_receipt_of_a_revoked_key_says_so_and_from_when() -> None:
    with pytest.raises(ReceiptError) as raised:
        verify_with(sign_receipt(RECEIPT, OLD), REVOKED)
    assert f"revoked on {REVOKED.revocations[0].at:%Y-%m-%d %H:%M} UTC (disk stolen)" in raised.value.message
    assert OLD.public.signing[:16] in raised.value.message


def test_a_kept_key_does_not_bring_a_revoked_one_back() -> None:
    with pytest.raises(ReceiptError, match="revoked"):
        verify_with(sign_receipt(RECEIPT, OLD), REVOKED, also=[OLD.public.signing])


def test_a_signature_list_cut_down_to_the_revoked_key_is_refused() -> None:
    envelope = sign_receipt(RECEIPT, held_together([OLD, NEW], DURING))
    by_key = {json.dumps(one): one for one in envelope["signatures"]}
    assert len(by_key) == 2
    assert verify_with(envelope, REVOKED) == RECEIPT
    outcomes = []
    for one in by_key.values():
        try:
            outcomes.append(verify_with({**envelope, "signatures": [one]}, REVOKED))
        except ReceiptError as error:
            outcomes.append(error.message[:44])
    assert sorted(map(str, outcomes)) == sorted([str(RECEIPT), "The receipt is signed by nobody but the key "])
    with pytest.raises(ReceiptError, match="not signed by a runner"):
        verify_with({**envelope, "signatures": []}, REVOKED)


def test_a_runner_does_not_start_with_a_revoked_key() -> None:
    with pytest.raises(ProtocolError, match="disk stolen"):
        held_together([OLD, NEW], REVOKED)
    assert held_together([NEW], REVOKED).known == {OLD.public.signing, NEW.public.signing}, "for the log of before"


@pytest.mark.parametrize(
    ("keys", "ring", "said"),
    [
        ([OLD], AFTER, "at their end"),
        ([OLD, REHEARSAL], DURING, "two roles"),
        ([OLD, STRANGER], DURING, f"{STRANGER.public.signing[:16]} is not in keys.json"),
    ],
    ids=["at their end", "two roles", "a stranger's"],
)
def test_keys_that_cannot_be_held_together_are_refused(keys: list[SecretKeys], ring: KeyRing, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        held_together(keys, ring)


def test_each_key_can_revoke_itself_and_a_blind_one_any() -> None:
    for by, key in ((OLD, OLD), (NEW, OLD), (REHEARSAL, REHEARSAL), (NEW, REHEARSAL)):
        ring = read_again(DURING.model_copy(update={"revocations": [by.revoke(key.public.signing, "")]}))
        assert ring.revocation_of(key.public.signing)


SAID = json.loads(REVOKED.revocations[0].model_dump_json())


@pytest.mark.parametrize(
    "revocation",
    [
        json.loads(STRANGER.revoke(OLD.public.signing, "").model_dump_json()),
        json.loads(REHEARSAL.revoke(OLD.public.signing, "").model_dump_json()),
        SAID | {"key": NEW.public.signing},
        SAID | {"at": "2026-01-01T00:00:00Z"},
        SAID | {"reason": "another"},
        SAID | {"by": OLD.public.signing},
        SAID | {"signature": ""},
        SAID | {"signature": "no hex"},
        SAID | {"at": "2026-01-01T00:00:00"},
    ],
    ids=["a stranger", "a rehearsal key", "key", "time", "reason", "by", "no signature", "no hex", "no zone"],
)
def test_a_forged_revocation_spoils_the_whole_ring(revocation: dict[str, Any]) -> None:
    ring = json.loads(DURING.model_dump_json())
    parse_key_ring(json.dumps(ring | {"revocations": [SAID]}).encode())
    with pytest.raises(ProtocolError, match="no usable public keys"):
        parse_key_ring(json.dumps(ring | {"revocations": [revocation]}).encode())


def test_a_revoked_key_does_not_come_back_in_another_spelling_or_a_second_time() -> None:
    again = OLD.public.model_copy(update={"until": None, "since": NOW})
    capitals = OLD.public.model_copy(update={"signing": OLD.public.signing.upper()})
    for keys in (again, capitals):
        with pytest.raises(ProtocolError, match="no usable public keys"):
            read_again(REVOKED.model_copy(update={"runners": [*REVOKED.runners, keys]}))
    shouted = NEW.revoke(OLD.public.signing.upper(), "")
    with pytest.raises(ProtocolError, match="no usable public keys"):
        read_again(DURING.model_copy(update={"revocations": [shouted]}))


def test_a_revoked_key_revokes_no_other() -> None:
    late = OLD.revoke(NEW.public.signing, "")
    ring = REVOKED.model_copy(update={"revocations": [*REVOKED.revocations, late]})
    with pytest.raises(ProtocolError, match="no usable public keys"):
        read_again(ring)
