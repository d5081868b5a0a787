"""A gateway that lies, goes back, or withholds: the participant's machine remembers, and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_gateway import SLUG, TOKEN, SmallGateway

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant import Client, Submission
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kit import join_kit
from participant_kit.participant.receipt_file import verify_file, write_receipt
from participant_kit.participant.trust import trusted_ring
from participant_kit.protocol.connection import Connection
from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import HeldKeys, KeyRing, Role, SecretKeys
from participant_kit.protocol.receipts import ReceiptError
from participant_kit.protocol.sealing import unseal_notebook
from participant_kit.protocol.states import State

NEXT, REHEARSAL, STRANGER = (SecretKeys.generate(role) for role in (Role.BLIND, Role.REHEARSAL, Role.BLIND))


@pytest.fixture
def ring(gateway: SmallGateway, blind_keys: SecretKeys) -> KeyRing:
    """The gateway's kit has the keys of two blind runners and a rehearsal runner."""
    ring = KeyRing(runners=[blind_keys.public, NEXT.public, REHEARSAL.public])
    publish(gateway, ring)
    return ring


@pytest.fixture
def client(ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway) -> Client:
    return Client(gateway.address, TOKEN)


@pytest.fixture
def submission(client: Client, notebook: Path) -> Submission:
    return client.submit(notebook)


def publish(gateway: SmallGateway, ring: KeyRing, **files: str) -> None:
    gateway.kit.keys_path.write_text(ring.model_dump_json())
    for name, text in files.items():
        (gateway.kit.root / f"{name}.md").write_text(text)
    gateway.publish()


def join(gateway: SmallGateway, folder: Path, checksum: str | None = None) -> list[str]:
    said: list[str] = []
    join_kit(Connection(gateway.address), SLUG, folder, checksum=checksum, tell=said.append)
    return said


def revoked(ring: KeyRing, *keys: SecretKeys, by: SecretKeys = NEXT) -> KeyRing:
    said = [by.revoke(one.public.signing, "disk stolen") for one in keys]
    return ring.model_copy(update={"revocations": [*ring.revocations, *said]})


def refused(join: Callable[[], Any]) -> KitError:
    with pytest.raises(KitError) as raised:
        join()
    return raised.value


@pytest.mark.parametrize("folder", ["joined", "another"])
def test_an_older_kit_is_refused_in_whatever_folder(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, tmp_path: Path, folder: str
) -> None:
    old = gateway.zip
    publish(gateway, ring, note="The codebook was corrected.")
    join(gateway, kit.root)
    gateway.zip = old
    error = refused(lambda: join(gateway, tmp_path / folder))
    assert error.code == "older_kit" and "older kit" in error.message and "--checksum" in error.hint
    assert (kit.root / "note.md").exists()
    join(gateway, tmp_path / folder, gateway.info.kit_sha256)
    join(gateway, tmp_path / folder)


def test_nothing_is_sent_to_a_gateway_that_went_back_to_an_older_kit(
    ring: KeyRing, kit: ChallengeFolder, notebook: Path, gateway: SmallGateway
) -> None:
    old = gateway.zip
    publish(gateway, ring, note="The codebook was corrected.")
    join(gateway, kit.root)
    gateway.zip = old
    error = refused(lambda: Client(gateway.address, TOKEN).submit(notebook))
    assert error.code == "older_kit" and not gateway.sealed


@pytest.mark.parametrize("folder", ["joined", "another"])
def test_other_keys_are_refused_in_whatever_folder(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, tmp_path: Path, folder: str
) -> None:
    publish(gateway, KeyRing(runners=[STRANGER.public]))
    assert refused(lambda: join(gateway, tmp_path / folder)).code == "keys_changed"
    assert read(kit) == ring


def test_an_end_that_the_holder_did_not_set_is_other_keys(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway
) -> None:
    ended = [keys.model_copy(update={"until": datetime.now(UTC) - timedelta(1)}) for keys in ring.runners]
    publish(gateway, KeyRing(runners=ended))
    assert refused(lambda: join(gateway, kit.root)).code == "keys_changed"


def test_a_revocation_needs_no_checksum_because_it_is_signed_and_then_nothing_is_sealed_to_that_key(
    ring: KeyRing, client: Client, kit: ChallengeFolder, notebook: Path, gateway: SmallGateway, blind_keys: SecretKeys
) -> None:
    publish(gateway, revoked(ring, blind_keys))
    said = join(gateway, kit.root)
    assert any(blind_keys.public.signing[:16] in line and "disk stolen" in line for line in said)
    sealed = gateway.sealed[client.submit(notebook).id]
    with pytest.raises(ProtocolError):
        unseal_notebook(sealed, blind_keys.sealing)
    assert unseal_notebook(sealed, NEXT.sealing)


@pytest.mark.parametrize("by", [STRANGER, REHEARSAL], ids=["a stranger", "a rehearsal key"])
def test_a_revocation_that_a_gateway_made_up_is_refused(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, blind_keys: SecretKeys, by: SecretKeys
) -> None:
    publish(gateway, revoked(ring, blind_keys, by=by))
    assert "no usable public keys" in refused(lambda: join(gateway, kit.root)).message
    assert read(kit) == ring


def test_who_stole_a_key_cannot_revoke_others_with_it_once_it_is_revoked(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, blind_keys: SecretKeys
) -> None:
    known = revoked(ring, blind_keys)
    publish(gateway, known)
    join(gateway, kit.root)
    publish(gateway, revoked(known, NEXT, by=blind_keys))
    assert "no usable public keys" in refused(lambda: join(gateway, kit.root)).message
    first = blind_keys.revoke(NEXT.public.signing, "")
    publish(gateway, ring.model_copy(update={"revocations": [first, *known.revocations]}))
    assert isinstance(refused(lambda: join(gateway, kit.root)), KitError)
    assert read(kit) == known


def test_a_revocation_cannot_be_put_before_the_one_that_forbids_it(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, blind_keys: SecretKeys
) -> None:
    known = revoked(ring, blind_keys, by=blind_keys)
    publish(gateway, known)
    join(gateway, kit.root)
    by_the_thief = blind_keys.revoke(NEXT.public.signing, "")
    publish(gateway, ring.model_copy(update={"revocations": [by_the_thief, *known.revocations]}))
    assert refused(lambda: join(gateway, kit.root)).code == "keys_changed"
    assert read(kit) == known


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("folder", ["joined", "another"])
def test_a_revocation_is_never_taken_back(
    ring: KeyRing,
    kit: ChallengeFolder,
    gateway: SmallGateway,
    blind_keys: SecretKeys,
    tmp_path: Path,
    folder: str,
    confirmed: bool,
) -> None:
    publish(gateway, revoked(ring, blind_keys))
    join(gateway, kit.root)
    publish(gateway, ring, note="As if it had never been said.")
    error = refused(lambda: join(gateway, tmp_path / folder, gateway.info.kit_sha256 if confirmed else None))
    assert error.code == "revocation_missing" and "disk stolen" in error.message


def test_a_revocation_counts_in_a_folder_that_does_not_have_it(
    ring: KeyRing, kit: ChallengeFolder, gateway: SmallGateway, blind_keys: SecretKeys, tmp_path: Path
) -> None:
    publish(gateway, revoked(ring, blind_keys))
    join(gateway, tmp_path / "another")
    assert blind_keys.public.sealing in read(kit).recipients
    assert blind_keys.public.sealing not in trusted_ring(kit, gateway.address, SLUG).recipients


def test_what_is_remembered_is_not_forgotten_because_it_cannot_be_read(
    kit: ChallengeFolder, gateway: SmallGateway, own_home: Path, tmp_path: Path
) -> None:
    (own_home / "known.json").write_text("{")
    error = refused(lambda: join(gateway, tmp_path / "another"))
    assert "cannot be read" in error.message and not (tmp_path / "another").exists()


def read(kit: ChallengeFolder) -> KeyRing:
    return KeyRing.model_validate_json(kit.keys_path.read_bytes())


def signed_with(gateway: SmallGateway, submission: Submission, keys: SecretKeys, **changes: Any) -> Submission:
    """The submission after its receipt came, which is signed with ``keys``."""
    gateway.keys, before = keys.model_copy(update={"sealing": gateway.keys.sealing}), gateway.keys
    gateway.score(submission.id, 0.7, **changes)
    gateway.keys = before
    return submission.refresh()


def why(submission: Submission) -> str:
    with pytest.raises(ReceiptError) as raised:
        _ = submission.scores
    return raised.value.message


def test_each_blind_runner_of_the_kit_can_sign(submission: Submission, gateway: SmallGateway) -> None:
    assert signed_with(gateway, submission, NEXT).scores == {"roc_auc_score": 0.7}


def test_a_receipt_by_the_rehearsal_runner_is_no_score(submission: Submission, gateway: SmallGateway) -> None:
    assert "of a rehearsal runner, which vouches for no score" in why(signed_with(gateway, submission, REHEARSAL))


def test_a_receipt_by_a_key_that_was_revoked_meanwhile_is_no_score(
    submission: Submission, kit: ChallengeFolder, gateway: SmallGateway, ring: KeyRing, blind_keys: SecretKeys
) -> None:
    publish(gateway, revoked(ring, blind_keys))
    join(gateway, kit.root)
    said = why(signed_with(gateway, submission, blind_keys))
    assert "revoked on" in said and "disk stolen" in said and blind_keys.public.signing[:16] in said


def test_a_kept_receipt_is_no_score_any_more_once_its_key_was_revoked(
    client: Client, submission: Submission, kit: ChallengeFolder, gateway: SmallGateway, ring: KeyRing
) -> None:
    assert signed_with(gateway, submission, NEXT).scores
    publish(gateway, revoked(ring, NEXT))
    join(gateway, kit.root)
    assert "revoked on" in why(client.submission(submission.id))


def test_a_receipt_by_a_key_that_had_ended_before_is_no_score(
    client: Client, kit: ChallengeFolder, notebook: Path, gateway: SmallGateway, ring: KeyRing, blind_keys: SecretKeys
) -> None:
    ended = blind_keys.public.model_copy(update={"until": datetime.now(UTC) - timedelta(seconds=1)})
    publish(gateway, ring.model_copy(update={"runners": [ended, *ring.runners[1:]]}))
    join(gateway, kit.root, gateway.info.kit_sha256)
    gateway.keys = NEXT
    late = client.submit(notebook)
    assert "ended on" in why(signed_with(gateway, late, blind_keys))


def test_signatures_cut_off_on_the_way_are_missed(
    submission: Submission, gateway: SmallGateway, blind_keys: SecretKeys
) -> None:
    both = HeldKeys(**STRANGER.model_dump(), older=(blind_keys,), ring=KeyRing(runners=[blind_keys.public]))
    gateway.score(submission.id, 0.7)
    whole = signed_with(gateway, submission, both)
    envelope = gateway.envelopes[submission.id]
    assert len(envelope["signatures"]) == 2
    gateway.envelopes[submission.id] = envelope | {"signatures": envelope["signatures"][:1]}
    assert "a key that is not known" in why(whole)
    gateway.envelopes[submission.id] = envelope | {"signatures": []}
    assert "it has no signature" in why(whole)
    gateway.envelopes[submission.id] = envelope
    assert whole.scores == {"roc_auc_score": 0.7}


def test_results_swapped_between_two_submissions_are_found(
    client: Client, notebook: Path, gateway: SmallGateway
) -> None:
    first, second = client.submit(notebook), client.submit(notebook)
    for submission, score in ((first, 0.6), (second, 0.9)):
        gateway.score(submission.id, score)
    one, other = gateway.envelopes[first.id], gateway.envelopes[second.id]
    gateway.envelopes |= {first.id: other, second.id: one}
    for submission, score in ((first, 0.9), (second, 0.6)):
        gateway.change(submission.id, scores={"roc_auc_score": score})
        with pytest.raises(ParticipantError, match="submission"):
            _ = submission.refresh().scores


def test_a_result_by_an_older_card_is_found(submission: Submission, gateway: SmallGateway) -> None:
    gateway.score(submission.id, 0.7, card_sha256="0" * 64)
    with pytest.raises(ParticipantError, match="card_sha256"):
        _ = submission.refresh().scores


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.CANCELLED])
def test_a_result_that_was_seen_cannot_be_taken_back(
    client: Client, submission: Submission, gateway: SmallGateway, state: State
) -> None:
    gateway.score(submission.id, 0.7)
    assert submission.refresh().scores
    gateway.change(submission.id, state=state, scores=None, has_receipt=False)
    with pytest.raises(ParticipantError, match=f"was scored, and is {state.value} again"):
        submission.refresh()
    with pytest.raises(ParticipantError, match="state"):
        _ = client.submission(submission.id).scores


def test_an_older_state_is_found_to_be_replayed(submission: Submission, gateway: SmallGateway) -> None:
    before = gateway.statuses[submission.id]
    gateway.change(submission.id, state=State.RUNNING)
    submission.refresh()
    gateway.statuses[submission.id] = before
    with pytest.raises(ParticipantError, match="was running, and is queued again"):
        submission.refresh()


def test_the_first_result_stays_whatever_is_shown_later(
    client: Client, submission: Submission, gateway: SmallGateway
) -> None:
    gateway.score(submission.id, 0.7)
    assert submission.refresh().scores
    gateway.score(submission.id, 0.9)
    with pytest.raises(ParticipantError, match="scores"):
        _ = client.submission(submission.id).scores


def test_a_receipt_s_file_is_held_against_what_is_remembered(
    submission: Submission, kit: ChallengeFolder, gateway: SmallGateway, ring: KeyRing, tmp_path: Path
) -> None:
    write_receipt(tmp_path / "receipt.json", signed_with(gateway, submission, NEXT).envelope())
    assert verify_file(tmp_path / "receipt.json", trusted_ring(kit, gateway.address, SLUG)).submission == submission.id
    publish(gateway, revoked(ring, NEXT))
    join(gateway, tmp_path / "another")
    with pytest.raises(ReceiptError, match="revoked on"):
        verify_file(tmp_path / "receipt.json", trusted_ring(kit, gateway.address, SLUG))
