"""Keys come and go: an overlap in which old and new kits both work, and a revocation that nobody can forge or undo."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import (
    KeyRing,
    PublicKeys,
    Role,
    SecretKeys,
    held_together,
    parse_key_ring,
    read_secret_keys,
    write_secret_keys,
)
from participant_kit.protocol.receipts import Outcome, Receipt, ReceiptError, sign_receipt, verify_with
from participant_kit.protocol.sealing import Binding, seal_notebook, unseal_notebook

NOW = datetime.now(UTC).replace(microsecond=0)
BINDING = Binding(challenge="small", phase="final", participant="ada", submission="s-1", reply_to="")

RECEIPT = Receipt(
    **BINDING.model_dump(exclude={"reply_to", "notebook_sha256"}),
    notebook_sha256="1" * 64,
    card_sha256="2" * 64,
    data_sha256="3" * 64,
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
REVOKED = DURING.model_copy(update={"revoked": [NEW.revoke(OLD.public.signing, "disk stolen")]})


def read_again(ring: KeyRing) -> KeyRing:
    return parse_key_ring(ring.model_dump_json().encode())


@pytest.mark.parametrize("ring", [BEFORE, DURING, AFTER, REVOKED])
def test_a_key_ring_says_what_has_become_of_each_key(ring: KeyRing) -> None:
    assert read_again(ring) == ring


def test_an_older_kit_works_during_the_overlap_and_a_newer_one_too() -> None:
    runner = held_together([OLD, NEW], DURING)
    for ring in (BEFORE, DURING):
        sealed = seal_notebook(b"{}", BINDING, ring.recipients)
        assert unseal_notebook(sealed, *(keys.sealing for keys in runner.all))[1] == b"{}"
        assert verify_with(sign_receipt(RECEIPT, runner), ring) == RECEIPT


def test_the_newest_is_the_one_that_was_made_last_in_whatever_order_they_are_given() -> None:
    for given in ([OLD, NEW], [NEW, OLD]):
        runner = held_together(given, DURING)
        assert (runner.public.signing, [older.public.signing for older in runner.older]) == (
            NEW.public.signing,
            [OLD.public.signing],
        )


def test_at_its_end_a_key_is_neither_sealed_to_nor_used() -> None:
    assert AFTER.recipients == [REHEARSAL.public.sealing, NEW.public.sealing]
    runner = held_together([OLD, NEW], AFTER)
    assert runner.older == ()
    sealed = seal_notebook(b"{}", BINDING, [OLD.public.sealing])
    with pytest.raises(ProtocolError, match="not sealed to this key"):
        unseal_notebook(sealed, *(keys.sealing for keys in runner.all))
    with pytest.raises(ReceiptError, match="not signed by a runner"):
        verify_with(sign_receipt(RECEIPT, runner), BEFORE)


def test_the_end_is_a_moment() -> None:
    ring, until = KeyRing(runners=[ending(OLD, 1)]), NOW + timedelta(days=1)
    assert ring.in_use(until - timedelta(seconds=1)) == ring.runners
    assert ring.in_use(until) == []


def test_what_a_key_signed_before_its_end_stays_good() -> None:
    assert verify_with(sign_receipt(RECEIPT, OLD), AFTER) == RECEIPT


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
    ring = BEFORE.model_copy(update={"revoked": [OLD.revoke(OLD.public.signing, "disk stolen")]})
    with pytest.raises(ProtocolError, match=r"revoked on .* UTC \(disk stolen\)") as raised:
        _ = read_again(ring).recipients
    assert OLD.public.signing[:16] in raised.value.message
    with pytest.raises(ProtocolError, match="ended on"):
        _ = KeyRing(runners=[ending(OLD, -1), REHEARSAL.public]).recipients


def test_a_receipt_of_a_revoked_key_says_so_and_from_when() -> None:
    with pytest.raises(ReceiptError) as raised:
        verify_with(sign_receipt(RECEIPT, OLD), REVOKED)
    assert f"revoked on {REVOKED.revoked[0].at:%Y-%m-%d %H:%M} UTC (disk stolen)" in raised.value.message
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
            outcomes.append(error.message[:45])
    assert sorted(map(str, outcomes)) == sorted([str(RECEIPT), "The receipt is signed by nobody but a key tha"])
    with pytest.raises(ReceiptError, match="not signed by a runner"):
        verify_with({**envelope, "signatures": []}, REVOKED)


def test_a_runner_does_not_start_with_a_revoked_key() -> None:
    with pytest.raises(ProtocolError, match="disk stolen"):
        held_together([OLD, NEW], REVOKED)
    assert held_together([NEW], REVOKED).trusted == [NEW.public.signing, OLD.public.signing, NEW.public.signing]


@pytest.mark.parametrize(
    ("keys", "ring", "said"),
    [([OLD], AFTER, "at their end"), ([OLD, REHEARSAL], DURING, "two roles")],
)
def test_keys_that_cannot_be_held_together_are_refused(keys: list[SecretKeys], ring: KeyRing, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        held_together(keys, ring)


def test_each_key_can_revoke_itself_and_a_blind_one_any() -> None:
    for by, key in ((OLD, OLD), (NEW, OLD), (REHEARSAL, REHEARSAL), (NEW, REHEARSAL)):
        ring = read_again(DURING.model_copy(update={"revoked": [by.revoke(key.public.signing, "")]}))
        assert ring.revocation_of(key.public.signing)


SAID = json.loads(REVOKED.revoked[0].model_dump_json())


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
    parse_key_ring(json.dumps(ring | {"revoked": [SAID]}).encode())
    with pytest.raises(ProtocolError, match="no usable public keys"):
        parse_key_ring(json.dumps(ring | {"revoked": [revocation]}).encode())


def test_a_key_file_holds_one_pair_whatever_the_runner_holds(tmp_path: Path) -> None:
    write_secret_keys(tmp_path / "keys", held_together([OLD, NEW], DURING))
    assert read_secret_keys(tmp_path / "keys") == NEW
    assert OLD.sealing not in (tmp_path / "keys").read_text()
