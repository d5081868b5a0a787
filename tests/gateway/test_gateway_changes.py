"""What changed for a participant: everything once, in order, told at once; and what it has revealed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gateway_world import API, World, make_kit
from support import CARD, make_card

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import Changes, Problem

WITHOUT_QUOTA = CARD.replace(b", per_day: 10, total: 100", b"")


@pytest.fixture
def unbounded(empty: World, tmp_path: Path) -> World:
    """A gateway whose challenge takes any number of submissions."""
    empty.publish(make_kit(tmp_path / "kit", WITHOUT_QUOTA))
    return empty


def ask(world: World, who: str = "ada", after: int = 0, tag: str = "", wait: float = 0) -> Changes:
    params: dict[str, Any] = {"after": after, "tag": tag, "wait": wait}
    answer = world.client.get(f"{API}/challenges/small/changes", headers=world.auth(who), params=params)
    assert answer.status_code == 200, answer.text
    return Changes.model_validate_json(answer.content)


def again(world: World, last: Changes, wait: float = 0, who: str = "ada") -> Changes:
    return ask(world, who, last.revision, last.tag, wait)


def ids(changes: Changes) -> list[str]:
    return [status.id for status in changes.submissions]


def submit(world: World, who: str = "ada") -> str:
    answer = world.submit(who)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def scored(world: World, who: str = "ada", **receipt: Any) -> str:
    identifier = submit(world, who)
    claim = world.claim()
    assert claim and claim.submission == identifier
    assert world.finish(claim, **receipt).status_code == 204
    return identifier


def quota(world: World, who: str = "ada") -> dict[str, Any]:
    return dict(world.client.get(f"{API}/challenges/small/quota", headers=world.auth(who)).json())


def timed(call: Callable[[], Changes]) -> tuple[Changes, float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


def while_waiting(world: World, last: Changes, happens: Callable[[], object]) -> tuple[Changes, float]:
    """The answer to who waited when something happened, and the seconds between the two."""
    answers: list[tuple[Changes, float]] = []
    waiting = threading.Thread(target=lambda: answers.append((again(world, last, wait=20), time.monotonic())))
    waiting.start()
    time.sleep(0.2)
    assert not answers
    happens()
    happened = time.monotonic()
    waiting.join(10)
    changes, answered = answers[0]
    return changes, answered - happened


def test_whoever_asks_first_gets_everything_in_the_order_of_its_last_change(world: World) -> None:
    first, second, third = (submit(world) for _ in range(3))
    claim = world.claim()
    assert claim and claim.submission == first
    assert ids(ask(world)) == [second, third, first]
    assert ask(world).submissions[2].state == "running"


def test_then_only_what_changed_later_comes(world: World) -> None:
    first, second = scored(world), scored(world)
    last = ask(world)
    assert ids(last) == [first, second]
    assert ids(again(world, last)) == []
    third = scored(world)
    changed = again(world, last)
    assert ids(changed) == [third]
    assert changed.revision > last.revision


def test_the_place_of_what_is_queued_is_always_fresh(world: World) -> None:
    submit(world, "bob")
    mine = submit(world)
    last = ask(world)
    assert [status.queue_position for status in last.submissions] == [2]
    assert world.claim()
    moved = again(world, last)
    assert (ids(moved), moved.revision) == ([mine], last.revision)
    assert [status.queue_position for status in moved.submissions] == [1]
    assert moved.tag != last.tag


def test_the_tag_stays_while_nothing_changes_and_changes_with_the_board_and_the_kit(
    world: World, tmp_path: Path
) -> None:
    last = ask(world)
    assert again(world, last).tag == last.tag
    scored(world, "bob")
    board = again(world, last)
    assert board.tag != last.tag
    (tmp_path / "kit" / "README.md").write_text("A correction.")
    world.publish(make_kit(tmp_path / "kit"))
    assert again(world, board).tag != board.tag


def test_the_end_of_a_phase_ends_the_waiting(empty: World, tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    empty.publish(make_kit(tmp_path / "kit", CARD.replace(b"ends: 2036-01-01", f"ends: {soon}".encode())))
    last = ask(empty)
    changed, seconds = timed(lambda: again(empty, last, wait=20))
    assert changed.tag != last.tag
    assert seconds < 5


def test_who_waits_is_answered_at_once_when_something_changes(world: World) -> None:
    identifier = submit(world)
    changed, seconds = while_waiting(world, ask(world), world.claim)
    assert [(status.id, status.state.value) for status in changed.submissions] == [(identifier, "running")]
    assert seconds < 0.5, "before the gateway looks for itself, which it does every second"


def test_who_waits_is_answered_at_once_when_another_one_s_score_moves_the_board(world: World) -> None:
    last = ask(world)
    changed, seconds = while_waiting(world, last, lambda: scored(world, "bob"))
    assert (changed.submissions, changed.revision) == ([], last.revision)
    assert seconds < 0.5


def test_waiting_ends_without_a_change_when_its_time_is_over(world: World) -> None:
    scored(world)
    last = ask(world)
    unchanged, seconds = timed(lambda: again(world, last, wait=0.4))
    assert unchanged == Changes(revision=last.revision, tag=last.tag, submissions=[])
    assert 0.4 <= seconds < 5


def test_much_comes_in_pages_and_nothing_is_lost_or_doubled(unbounded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.gateway.submissions.PAGE", 3)
    expected = [scored(unbounded) for _ in range(8)]
    got, last = [], ask(unbounded)
    while last.submissions:
        assert len(last.submissions) <= 3
        got += ids(last)
        if len(got) == 6:
            expected.append(scored(unbounded))  # meanwhile
        last = again(unbounded, last, wait=20 if len(got) < 9 else 0)
    assert got == expected


def test_a_page_with_much_queued_behind_it_is_asked_on_from_where_it_ended(
    unbounded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.gateway.submissions.PAGE", 3)
    done = [scored(unbounded) for _ in range(4)]
    queued = [submit(unbounded) for _ in range(4)]
    first = ask(unbounded)
    second = again(unbounded, first)
    assert ids(first) == [*done[:3], *queued]
    assert set(ids(second)) == {done[3], *queued}
    assert again(unbounded, second).revision == 16, "eight were made, four of them claimed and scored"


def test_the_tag_of_a_thousand_that_are_queued_is_taken_back(unbounded: World) -> None:
    unbounded.auth("ada")
    unbounded.query("UPDATE accounts SET revision = 1500 WHERE name = 'ada'")
    unbounded.query(
        "INSERT INTO submissions (id, challenge, phase, participant, state, version, revision, waits_for,"
        " rehearsed, counted, sealed_sha256, sealed, created_at, updated_at, attempt, lost, has_log, bits)"
        " VALUES (:id, 'small', 'development', 'ada', 'queued', 1, :number, 'blind', false, true, '', '', :number,"
        " 0, 0, 0, false, 0)",
        *({"id": new_identifier(), "number": number} for number in range(1, 1501)),
    )
    first = ask(unbounded)
    assert len(first.tag) < 200
    last = again(unbounded, first)
    assert len(last.submissions) == 1500
    assert last.submissions[-1].queue_position == 1000, "the first page again, because it is still queued"
    assert again(unbounded, last, wait=0.1).tag == last.tag


def test_nobody_sees_another_one_s(world: World) -> None:
    submit(world, "bob")
    assert world.claim()
    scored(world, "bob")
    assert (ask(world).submissions, ask(world).revision) == ([], 0)
    mine = submit(world)
    assert ids(ask(world)) == [mine]
    assert all(status.participant == "bob" for status in ask(world, "bob").submissions)


def test_a_participant_s_token_is_needed(world: World) -> None:
    path = f"{API}/challenges/small/changes"
    assert world.client.get(path).status_code == 401
    assert world.client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert world.client.get(path, headers=world.auth("org", "organizer")).status_code == 403
    assert world.client.get(path, headers=world.auth("runner", "runner")).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [("none/changes", 404), ("small/changes?after=-1", 422), ("small/changes?wait=61", 422),
     ("small/changes?after=x", 422), (f"small/changes?tag={'x' * 10_001}", 422)],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_problem(world: World, path: str, status: int) -> None:
    answer = world.client.get(f"{API}/challenges/{path}", headers=world.auth("ada"))
    Problem.model_validate_json(answer.content)
    assert answer.status_code == status


def test_of_many_changes_at_once_none_is_missed_and_each_has_its_own_revision(unbounded: World) -> None:
    for who, role in (("ada", "participant"), ("runner", "runner")):
        unbounded.auth(who, role)  # type: ignore[arg-type]
    made, seen = 40, {}
    over = threading.Event()

    def send() -> None:
        for _ in range(made // 4):
            submit(unbounded)

    def work() -> None:
        while not over.is_set():
            if claim := unbounded.claim(wait=0.2):
                assert unbounded.finish(claim).status_code == 204

    threads = [*(threading.Thread(target=send) for _ in range(4)), *(threading.Thread(target=work) for _ in range(2))]
    for thread in threads:
        thread.start()
    last, revisions, deadline = ask(unbounded), [0], time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            assert last.revision >= revisions[-1]
            revisions.append(last.revision)
            seen |= {status.id: status.state.value for status in last.submissions}
            if len(seen) == made and set(seen.values()) == {"scored"}:
                break
            last = again(unbounded, last, wait=5)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert (len(seen), set(seen.values())) == (made, {"scored"})
    stored = [revision for (revision,) in unbounded.query("SELECT revision FROM submissions")]
    attempts = [attempt for (attempt,) in unbounded.query("SELECT attempt FROM submissions")]
    ((count,),) = unbounded.query("SELECT revision FROM accounts WHERE name = 'ada'")
    changes = sum(1 + 2 * attempt for attempt in attempts)  # made, and claimed and scored or lost: a slow machine loses
    assert (len(set(stored)), count) == (made, changes)


def test_the_quota_tells_the_bits_of_every_receipt_and_of_the_budget(world: World) -> None:
    assert (quota(world)["revealed_bits"], quota(world)["budget_bits"]) == (0, 512)
    scored(world, bits=1.5)
    scored(world, bits=2.25)
    scored(world, bits=4, failure={"stage": "scoring"})
    assert quota(world)["revealed_bits"] == 7.75, "also of what costs no quota"
    assert quota(world, "bob")["revealed_bits"] == 0
    assert quota(world, "bob")["challenge_bits"] == 7.75, "what all were told together"
    assert quota(world)["challenge_budget_bits"] == make_card().release.challenge_budget_bits


def test_cancelling_a_run_reveals_that_it_was_not_done_yet(world: World) -> None:
    queued = submit(world)
    world.client.post(f"{API}/submissions/{queued}/cancel", headers=world.auth("ada"))
    assert quota(world)["revealed_bits"] == 0
    running = submit(world)
    assert world.claim()
    for _ in range(2):
        world.client.post(f"{API}/submissions/{running}/cancel", headers=world.auth("ada"))
    assert quota(world)["revealed_bits"] == round(alphabet_of(make_card()).tick.bits, 3) > 0
