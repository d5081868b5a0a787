"""Submitting, waiting, and believing only what the secure side has signed."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from small_gateway import SLUG, TOKEN, SmallGateway, send

import participant_kit
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant import Client, Submission
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.login import login
from participant_kit.participant.records import find_record, kept_path
from participant_kit.protocol.errors import GatewayError, ProtocolError
from participant_kit.protocol.identifiers import is_identifier
from participant_kit.protocol.keys import KeyRing, Role, SecretKeys
from participant_kit.protocol.messages import Problem, RehearsalReport
from participant_kit.protocol.sealing import unseal_notebook
from participant_kit.protocol.states import State


@pytest.fixture
def client(gateway: SmallGateway, kit: ChallengeFolder) -> Client:
    return Client(gateway.address, TOKEN)


@pytest.fixture
def submission(client: Client, notebook: Path) -> Submission:
    return client.submit(notebook)


def test_the_client_is_found_in_the_package_itself() -> None:
    assert participant_kit.Client is Client


def test_one_line_leads_from_a_notebook_to_its_scores(client: Client, gateway: SmallGateway, notebook: Path) -> None:
    submission = client.submit(notebook)
    threading.Timer(0.2, gateway.score, [submission.id, 0.812]).start()
    assert submission.wait(timeout=20).scores == {"roc_auc_score": 0.812}


def test_waiting_tells_every_change(submission: Submission, gateway: SmallGateway) -> None:
    seen: list[State] = []
    threading.Timer(0.2, gateway.change, [submission.id], {"state": State.RUNNING}).start()
    threading.Timer(0.6, gateway.score, [submission.id, 0.5]).start()
    submission.wait(timeout=20, progress=lambda status: seen.append(status.state))
    assert seen == [State.QUEUED, State.RUNNING, State.SCORED]


def test_waiting_ends_when_the_time_is_over_and_says_that_the_submission_goes_on(submission: Submission) -> None:
    with pytest.raises(ParticipantError, match="pkit watch") as raised:
        submission.wait(timeout=0.1)
    assert raised.value.code == "timeout"


def test_waiting_sits_out_a_gateway_that_is_away_for_a_moment(submission: Submission, gateway: SmallGateway) -> None:
    away = [True]

    def be_away(handler: BaseHTTPRequestHandler) -> bool:
        if away.pop() if away else False:
            send(handler, Problem(code="starting", message="Not yet."), 500)
            return True
        return False

    gateway.before = be_away
    gateway.score(submission.id, 0.7)
    assert submission.wait(timeout=20).scores == {"roc_auc_score": 0.7}
    assert not away


def test_the_sealed_notebook_can_be_read_by_the_runner_alone_and_is_bound_to_its_submission(
    submission: Submission, gateway: SmallGateway, blind_keys: SecretKeys
) -> None:
    sealed = gateway.sealed[submission.id]
    binding, notebook = unseal_notebook(sealed, blind_keys.sealing)
    assert (binding.challenge, binding.phase, binding.participant) == (SLUG, "development", "ada")
    assert binding.submission == submission.id
    assert is_identifier(submission.id)
    kept = kept_path(submission.id)
    assert kept is not None and notebook == kept.read_bytes()
    with pytest.raises(ProtocolError):
        unseal_notebook(sealed, SecretKeys.generate(Role.BLIND).sealing)


def test_a_score_that_differs_from_the_signed_one_is_not_shown(submission: Submission, gateway: SmallGateway) -> None:
    gateway.score(submission.id, 0.6, shown=0.99)
    with pytest.raises(ParticipantError, match="scores") as raised:
        _ = submission.refresh().scores
    assert raised.value.code == "receipt_differs"


def test_a_score_without_a_receipt_is_not_shown(submission: Submission, gateway: SmallGateway) -> None:
    gateway.change(submission.id, state=State.SCORED, scores={"roc_auc_score": 0.99})
    with pytest.raises(ParticipantError, match="no receipt"):
        _ = submission.refresh().scores


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("challenge", "another-challenge"),
        ("phase", "final"),
        ("participant", "bob"),
        ("submission", "0198c0de-0000-7000-8000-000000000000"),
        ("notebook_sha256", "0" * 64),
    ],
)
def test_the_receipt_of_something_else_is_refused(
    submission: Submission, gateway: SmallGateway, field: str, value: str
) -> None:
    gateway.score(submission.id, 0.9, **{field: value})
    with pytest.raises(ParticipantError, match=field):
        submission.refresh().receipt()


def test_a_receipt_signed_by_the_gateway_itself_is_refused(submission: Submission, gateway: SmallGateway) -> None:
    forger = SecretKeys.generate(Role.BLIND)
    true_keys, gateway.keys = gateway.keys, forger.model_copy(update={"sealing": gateway.keys.sealing})
    gateway.score(submission.id, 1.0)
    assert gateway.keys != true_keys
    with pytest.raises(ProtocolError, match="not signed"):
        _ = submission.refresh().scores


def test_keys_come_from_the_kit_and_not_from_what_the_gateway_says_later(
    client: Client, gateway: SmallGateway, kit: ChallengeFolder, notebook: Path
) -> None:
    kit_digest = gateway.info.kit_sha256
    other = SecretKeys.generate(Role.BLIND)
    gateway.kit.keys_path.write_text(KeyRing(runners=[other.public]).model_dump_json())
    assert gateway.info.kit_sha256 == kit_digest
    assert gateway.info.keys.runners[0].signing == other.public.signing
    submission = client.submit(notebook)
    with pytest.raises(ProtocolError):
        unseal_notebook(gateway.sealed[submission.id], other.sealing)


def test_a_failed_rehearsal_comes_with_its_whole_log_for_its_participant_alone(
    submission: Submission, gateway: SmallGateway
) -> None:
    report = RehearsalReport(stage="notebook", cell=2, reason="KeyError", message="'z'", log="printed\nTraceback")
    gateway.fail_rehearsal(submission.id, report)
    submission.wait(timeout=5)
    assert submission.log() == report
    assert submission.scores is None
    assert submission.failure is not None
    assert submission.failure.cell == 2


def test_a_submission_can_be_cancelled(client: Client, submission: Submission) -> None:
    assert client.cancel(submission.id).state is State.CANCELLED
    assert submission.refresh().status.state is State.CANCELLED


def test_a_submission_is_found_by_the_end_of_its_identifier(client: Client, submission: Submission) -> None:
    assert client.submission(submission.id[-8:]).id == submission.id
    with pytest.raises(ParticipantError, match="pkit status"):
        client.submission("nothing-like-it")


def test_the_same_notebook_sent_again_after_no_answer_is_the_same_submission(
    client: Client, gateway: SmallGateway, notebook: Path
) -> None:
    def lose_the_answer(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command == "PUT":
            handler.close_connection = True
        return handler.command == "PUT"

    gateway.before = lose_the_answer
    with pytest.raises(GatewayError, match="counts once") as raised:
        client.submit(notebook)
    assert raised.value.may_pass
    gateway.before = lambda handler: False
    lost = {path.rpartition("/")[2] for method, path in gateway.requests if method == "PUT"}
    assert lost == {client.submit(notebook).id}
    assert client.submit(notebook).id not in lost, "an answered upload is done: the next one is new"


def test_what_the_gateway_refuses_leaves_no_trace(client: Client, gateway: SmallGateway, notebook: Path) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command == "PUT":
            problem = Problem(code="quota_spent", message="10 of 10 are used today.", hint="Come back tomorrow.")
            send(handler, problem, 429, **{"Retry-After": "86400"})
        return handler.command == "PUT"

    gateway.before = refuse
    with pytest.raises(GatewayError, match="Come back tomorrow") as raised:
        client.submit(notebook)
    assert (raised.value.code, raised.value.status) == ("quota_spent", 429)
    (identifier,) = {path.rpartition("/")[2] for method, path in gateway.requests if method == "PUT"}
    assert find_record(identifier) is None


def test_what_is_sent_was_written_down_before(client: Client, gateway: SmallGateway, notebook: Path) -> None:
    found = []

    def look(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command == "PUT":
            found.append(find_record(handler.path.partition("?")[0].rpartition("/")[2]))
        return False

    gateway.before = look
    submission = client.submit(notebook)
    assert [record.id for record in found if record] == [submission.id]


def test_a_kit_that_was_replaced_is_to_be_fetched_again_before_submitting(
    client: Client, gateway: SmallGateway, notebook: Path
) -> None:
    (gateway.kit.root / "note.txt").write_text("A correction.")
    gateway.publish()
    with pytest.raises(ParticipantError, match="pkit join") as raised:
        client.submit(notebook)
    assert raised.value.code == "old_kit"


def test_a_phase_that_the_card_does_not_have_is_named(client: Client, notebook: Path) -> None:
    with pytest.raises(ParticipantError, match="development, final"):
        client.submit(notebook, phase="finale")


def test_the_leaderboard_is_fetched_again_only_when_it_has_changed(client: Client, gateway: SmallGateway) -> None:
    first, second = client.leaderboard(SLUG), client.leaderboard(SLUG)
    assert first == second
    assert [row.participant for row in second.rows] == ["bob", "ada"]
    assert gateway.headers[-1]["If-None-Match"] == '"board-1"'


def test_challenges_quota_and_account_are_messages(client: Client, submission: Submission) -> None:
    assert [info.card.slug for info in client.challenges()] == [SLUG]
    assert client.quota(SLUG).used_today == 1
    assert client.me().name == "ada"
    assert [own.id for own in client.submissions(SLUG)] == [submission.id]


def test_without_a_token_the_next_step_is_to_log_in(gateway: SmallGateway, notebook: Path) -> None:
    with pytest.raises(GatewayError, match="pkit login"):
        Client(gateway.address).submit(notebook)


def test_an_expired_token_is_the_gateways_own_message(gateway: SmallGateway, kit: ChallengeFolder) -> None:
    with pytest.raises(GatewayError, match="not known") as raised:
        Client(gateway.address, "an-old-token").me()
    assert raised.value.code == "bad_token"
    assert "an-old-token" not in str(raised.value)


def test_who_has_logged_in_submits_in_two_requests(gateway: SmallGateway, notebook: Path) -> None:
    login(gateway.address, TOKEN)
    del gateway.requests[:]
    assert Client(gateway.address).submit(notebook).status.participant == "ada"
    assert [method for method, _ in gateway.requests] == ["GET", "PUT"]
