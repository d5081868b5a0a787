"""A submission's way through the gateway: stored once, lent to one, finished once."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
import time

import pytest
from gateway_world import API, BLIND, REHEARSAL, World, make_envelope, make_kit, rezip
from starlette.types import Message
from support import CARD

from participant_kit.gateway.app import create_app
from participant_kit.gateway.blobs import SETTLED
from participant_kit.gateway.settings import Settings
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.receipts import Outcome


def test_a_submission_is_queued_claimed_and_scored(world: World) -> None:
    status = world.submit().json()
    assert (status["state"], status["queue_position"], status["counted"]) == ("queued", 1, True)
    claim = world.claim()
    assert claim and (claim.submission, claim.sealed, claim.participant) == (status["id"], b"sealed", "ada")
    assert world.status(status["id"])["state"] == "running"
    assert world.finish(claim).status_code == 204
    done = world.status(status["id"])
    assert (done["state"], done["scores"]["roc_auc_score"], done["has_receipt"]) == ("scored", 0.8, True)
    receipt = world.client.get(f"{API}/submissions/{status['id']}/receipt", headers=world.auth("ada")).json()
    assert receipt == make_envelope(claim)


def test_nothing_of_the_notebook_is_left_once_it_is_final(world: World) -> None:
    world.submit(sealed=b"a sealed notebook")
    claim = world.claim()
    assert claim
    world.finish(claim)
    assert b"a sealed notebook" not in world.stored()


def test_sending_the_same_twice_is_sending_it_once(world: World) -> None:
    identifier = new_identifier()
    first, second = world.submit(identifier=identifier), world.submit(identifier=identifier)
    assert (first.status_code, second.status_code, first.json()["id"]) == (200, 200, second.json()["id"])
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada")).json()
    assert quota["used_today"] == 1


@pytest.mark.parametrize(("who", "sealed"), [("ada", b"other"), ("bob", b"sealed")])
def test_an_identifier_belongs_to_one_notebook_of_one_participant(world: World, who: str, sealed: bytes) -> None:
    identifier = new_identifier()
    world.submit(identifier=identifier)
    answer = world.submit(who, sealed, identifier)
    assert (answer.status_code, answer.json()["code"]) == (409, "identifier_used")
    claim = world.claim()
    assert claim and claim.sealed == b"sealed"


@pytest.mark.parametrize("identifier", ["1", "../../etc/passwd", "3f2b8c1e-0000-4000-8000-000000000000"])
def test_an_identifier_is_a_uuid_of_version_7(world: World, identifier: str) -> None:
    assert world.submit(identifier=identifier).status_code in (404, 422)


def test_a_notebook_over_the_limit_is_refused_whole(world: World) -> None:
    answer = world.submit(sealed=bytes((10 << 20) + (64 << 10) + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert world.claim() is None


@pytest.mark.parametrize("headers", [[(b"content-length", b"65537")], [(b"transfer-encoding", b"chunked")]])
def test_what_a_stranger_sends_is_not_read(world: World, headers: list[tuple[bytes, bytes]]) -> None:
    """No more of it than stands in the buffer of any connection."""
    answered: list[Message] = []

    async def read() -> Message:
        pytest.fail("The body is read.")

    async def answer(message: Message) -> None:
        answered.append(message)

    path = f"{API}/challenges/small/submissions/{new_identifier()}"
    scope = {"type": "http", "method": "PUT", "scheme": "http", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(world.client.app(scope, read, answer))
    assert answered[0]["status"] == 401


def test_the_quota_of_a_day_is_spent_once_and_says_when_it_resets(world: World) -> None:
    answers = [world.submit() for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].json()["code"] == "quota_spent"
    assert "UTC" in answers[-1].json()["hint"]
    assert world.submit("bob").status_code == 200


def test_thirty_requests_at_once_do_not_pass_the_quota(world: World) -> None:
    world.auth("ada")
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(world.submit().status_code)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 10 + [429] * 20


def test_a_closed_phase_takes_nothing_and_says_when_it_is_open(empty: World, tmp_path: object) -> None:
    from pathlib import Path

    card = CARD.replace(b"ends: 2036-01-01", b"ends: 2026-02-01")
    empty.publish(make_kit(Path(str(tmp_path)) / "kit", card))
    answer = empty.submit()
    assert (answer.status_code, answer.json()["code"]) == (409, "phase_closed")
    assert "2026-02-01" in answer.json()["hint"]
    assert empty.submit(phase="nope").json()["code"] == "phase_unknown"


def test_a_participant_sees_nobody_else_s_submissions(world: World) -> None:
    identifier = world.submit().json()["id"]
    for path in (f"/submissions/{identifier}", f"/submissions/{identifier}/receipt", f"/submissions/{identifier}/log"):
        assert world.client.get(API + path, headers=world.auth("bob")).status_code == 404
    assert world.client.post(f"{API}/submissions/{identifier}/cancel", headers=world.auth("bob")).status_code == 404
    assert world.client.get(f"{API}/submissions", headers=world.auth("bob")).json() == []


def test_a_lost_runner_s_submission_goes_to_another_and_the_stale_token_is_refused(world: World) -> None:
    world.submit()
    lost = world.claim()
    assert lost and world.claim() is None
    time.sleep(1.1)
    taken = world.claim()
    assert taken and (taken.submission, taken.lease.attempt) == (lost.submission, 2)
    for verb, body in (("renew", {}), ("return", {}), ("result", {"envelope": make_envelope(lost)})):
        answer = world.lease(verb, lost, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "lease_lost")
    assert world.finish(taken).status_code == 204


def test_a_renewed_lease_is_not_lost(world: World) -> None:
    world.submit()
    claim = world.claim()
    assert claim
    for _ in range(3):
        time.sleep(0.6)
        assert world.lease("renew", claim).status_code == 200
        assert world.claim() is None


def test_what_is_lost_three_times_fails_and_costs_no_quota(world: World) -> None:
    identifier = world.submit().json()["id"]
    for _ in range(3):
        assert world.claim()
        time.sleep(1.1)
    assert world.claim() is None
    status = world.status(identifier)
    assert (status["state"], status["failure"]["reason"], status["counted"]) == ("failed", "runner_lost", False)


def test_a_lease_that_is_given_back_is_queued_at_once(world: World) -> None:
    world.submit()
    claim = world.claim()
    assert claim and world.lease("return", claim).status_code == 204
    assert world.claim()


def test_the_same_result_twice_is_one_and_another_is_refused(world: World) -> None:
    world.submit()
    claim = world.claim()
    assert claim
    assert [world.finish(claim).status_code for _ in range(2)] == [204, 204]
    assert (world.finish(claim, 0.99).status_code, world.status(claim.submission)["scores"]["roc_auc_score"]) == (
        409,
        0.8,
    )


@pytest.mark.parametrize(
    "changed", [{"participant": "eve"}, {"submission": "x"}, {"phase": "final"}, {"challenge": "y"}]
)
def test_a_receipt_of_another_submission_is_refused(world: World, changed: dict[str, str]) -> None:
    world.submit()
    claim = world.claim()
    assert claim and world.finish(claim, **changed).status_code == 422


@pytest.mark.parametrize("keys", [SecretKeys.generate(Role.BLIND), REHEARSAL])
def test_a_result_that_the_challenge_s_runner_did_not_sign_is_refused(world: World, keys: SecretKeys) -> None:
    world.submit()
    claim = world.claim()
    assert claim and world.finish(claim, keys=keys).json()["code"] == "receipt"
    assert world.finish(claim, keys=BLIND).status_code == 204


SCORED, HALF, OTHER = ({"roc_auc_score": 0.8}, {"brier_score_loss": 0.2}, {"accuracy": 1.0})


@pytest.mark.parametrize(
    "changed",
    [{"outcome": Outcome(state=state, tick=1, scores=scores)} for state, scores in
     (("scored", None), ("scored", {}), ("scored", HALF), ("scored", OTHER), ("failed", SCORED), ("refused", SCORED))]
    + [{"bits": bits} for bits in (-1.0, 513.0, 1.7e308)],
    ids=str,
)  # fmt: skip
def test_a_signed_result_that_the_card_does_not_have_is_refused(world: World, changed: dict[str, object]) -> None:
    world.submit()
    claim = world.claim()
    answer = world.finish(claim, **changed) if claim else None
    assert answer and (answer.status_code, answer.json()["code"]) == (422, "receipt")
    assert world.client.get(f"{API}/challenges/small/leaderboard").json()["participants"] == 0
    assert claim and world.finish(claim).status_code == 204


def test_cancelling_while_queued_gives_the_quota_back_and_while_running_does_not(world: World) -> None:
    queued, running = world.submit().json()["id"], None
    world.client.post(f"{API}/submissions/{queued}/cancel", headers=world.auth("ada"))
    assert (world.status(queued)["state"], world.status(queued)["counted"]) == ("cancelled", False)
    running = world.submit().json()["id"]
    claim = world.claim()
    assert claim and claim.submission == running
    world.client.post(f"{API}/submissions/{running}/cancel", headers=world.auth("ada"))
    assert (world.status(running)["state"], world.status(running)["counted"]) == ("cancelled", True)
    answer = world.lease("renew", claim)
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
    assert world.finish(claim).status_code == 409


def test_a_failed_rehearsal_sends_its_sealed_report_and_costs_no_quota(rehearsing: World) -> None:
    identifier = rehearsing.submit().json()["id"]
    assert rehearsing.claim(Role.BLIND) is None
    claim = rehearsing.claim(Role.REHEARSAL)
    assert claim and rehearsing.status(identifier)["state"] == "rehearsing"
    report = base64.b64encode(b"sealed report").decode()
    assert rehearsing.lease("rehearsal", claim, Role.REHEARSAL, passed=False, report=report).status_code == 204
    status = rehearsing.status(identifier)
    assert (status["state"], status["counted"], status["has_log"]) == ("failed", False, True)
    log = rehearsing.client.get(f"{API}/submissions/{identifier}/log", headers=rehearsing.auth("ada"))
    assert log.content == b"sealed report"


def test_a_passed_rehearsal_goes_on_to_the_blind_runner(rehearsing: World) -> None:
    rehearsing.submit()
    claim = rehearsing.claim(Role.REHEARSAL)
    assert claim and rehearsing.lease("rehearsal", claim, Role.REHEARSAL, passed=True).status_code == 204
    blind = rehearsing.claim(Role.BLIND)
    assert blind and blind.submission == claim.submission


def test_a_role_claims_with_its_own_token_alone(rehearsing: World) -> None:
    body = {"role": "blind", "runner": "r", "challenges": ["small"], "wait": 0}
    for who, role in (("rehearsal", "rehearsal"), ("ada", "participant"), ("org", "organizer")):
        answer = rehearsing.client.post(f"{API}/claims", json=body, headers=rehearsing.auth(who, role))  # type: ignore[arg-type]
        assert answer.status_code == 403, who


@pytest.mark.parametrize(
    "failure", [{"stage": "sandbox"}, {"stage": "scoring"}, {"stage": "sandbox", "reason": "budget_spent"}]
)
def test_what_is_not_the_participant_s_fault_costs_no_quota(world: World, failure: dict[str, str]) -> None:
    identifier = world.submit().json()["id"]
    claim = world.claim()
    state = "refused" if "reason" in failure else "failed"
    assert claim and world.finish(claim, failure=failure, state=state).status_code == 204
    assert (world.status(identifier)["state"], world.status(identifier)["counted"]) == (state, False)


def test_nobody_waits_behind_one_person_s_many(world: World) -> None:
    for _ in range(3):
        world.submit("ada")
    world.submit("bob")
    order = [claim.participant for claim in (world.claim(), world.claim(), world.claim()) if claim]
    assert order == ["ada", "bob", "ada"]


def test_a_claim_that_waits_is_answered_by_the_submission(world: World) -> None:
    world.auth("ada")
    claims: list[object] = []
    thread = threading.Thread(target=lambda: claims.append(world.claim(wait=20)))
    thread.start()
    time.sleep(0.5)
    world.submit()
    thread.join(10)
    assert claims and claims[0] is not None


def test_a_status_that_waits_is_answered_by_the_change(world: World) -> None:
    status = world.submit().json()
    seen: list[dict[str, object]] = []
    look = threading.Thread(target=lambda: seen.append(world.status(status["id"], version=status["version"], wait=20)))
    look.start()
    time.sleep(0.3)
    world.claim()
    look.join(10)
    assert seen and seen[0]["state"] == "running"


def test_a_restart_finds_everything_and_sweeps_what_a_crash_left(world: World) -> None:
    identifier = world.submit().json()["id"]
    orphan = world.data / "blobs" / "sealed" / "orphan"
    for path, age in ((orphan, SETTLED + 1), (orphan.with_name("another process's"), SETTLED - 60)):
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
    create_app(Settings(world.data, world.database))
    assert not orphan.exists()
    assert orphan.with_name("another process's").exists(), "it may be about to store what belongs to it"
    claim = world.claim()
    assert claim and (claim.submission, claim.sealed) == (identifier, b"sealed")


@pytest.mark.parametrize(
    "spoil",
    [lambda kit: b"no zip", lambda kit: kit[:-100], lambda kit: rezip(kit, challenge_yaml=CARD + b"# changed")],
)
def test_a_kit_that_is_not_whole_is_not_published(empty: World, tmp_path: object, spoil: object) -> None:
    from pathlib import Path

    kit = spoil(make_kit(Path(str(tmp_path)) / "kit"))  # type: ignore[operator]
    answer = empty.client.put(f"{API}/challenges/small", content=kit, headers=empty.auth("org", "organizer"))
    assert (answer.status_code, answer.json()["code"]) == (422, "protocol")
