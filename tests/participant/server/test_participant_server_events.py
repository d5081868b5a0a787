"""What a page is told without asking: everything at once, then each change, whatever breaks in between."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from house import SLUG, House
from server_world import Event, Page, Person, Requests, Runners, become, receipt_of, watches
from sqlalchemy import insert

from participant_kit.gateway.tables import results, submissions
from participant_kit.participant import Client, Submission
from participant_kit.participant.server.broker import Broker
from participant_kit.participant.server.files import Files
from participant_kit.participant.server.watch import CHUNK, Watch
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.messages import API_PREFIX, Changes, RehearsalReport
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.sealing import Binding

OpenPage = Callable[..., Awaitable[Page]]
REPORT = RehearsalReport(stage="notebook", cell=2, reason="StopIteration", message="'z'", log="so far")


def submit(ada: Person, **options: str) -> Submission:
    """Send a notebook past the server, as from a terminal."""
    return Client(ada.house.address).submit(ada.kit.root.parent / ada.write(), challenge=ada.kit.root, **options)


def is_problem(code: str | None) -> Callable[[Event], bool]:
    return lambda event: event["kind"] == "problem" and event.get("problem", {}).get("code") == code


async def quiet(page: Page, seconds: float) -> list[Event]:
    """What is told in the next seconds but signs of life."""
    told, deadline = [], time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            event = await page.next(left)
        except TimeoutError:
            break
        assert event is not None
        told += [event] if event["kind"] != "alive" else []
    return told


@contextmanager
def gateway_away(house: House) -> Iterator[None]:
    """Stop the gateway, and start it again on the same port."""
    house.stop("gateway")
    try:
        yield
    finally:
        house.start_gateway()


async def test_a_page_is_told_the_challenge_the_board_and_every_submission(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    first = submit(ada, name="one", note="of x")
    runners.score(0.75, bits=2.5)
    second = submit(ada)
    page = await open_page()
    await page.submission(first.id, verified=True)
    (whole, *later) = page.of("submissions")
    assert (whole["whole"], {one["id"] for one in whole["submissions"]}) == (True, {first.id, second.id})
    assert not any(event["whole"] for event in later)
    assert page.submissions[first.id]["name"] == "one"
    assert page.submissions[first.id]["note"] == "of x"
    assert page.submissions[second.id]["queue_position"] == 1
    view = page.of("challenge")[-1]["view"]
    assert (view["kit"]["path"], view["me"], view["open_phase"]) == ("small", ada.name, "development")
    assert (view["quota"]["used_total"], view["quota"]["revealed_bits"], view["kit_is_current"]) == (2, 2.5, True)
    board = page.of("board")[-1]["board"]
    assert [row["scores"]["roc_auc_score"] for row in board["rows"] if row["participant"] == ada.name] == [0.75]
    assert board["me"] == ada.name
    assert page.problem is None
    assert {(event["gateway"], event["challenge"]) for event in page.events} == {ada.key}


async def test_each_change_comes_within_a_second_and_without_asking(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    await page.greeted()
    started = time.monotonic()
    identifier = submit(ada).id
    await page.submission(identifier, state="queued", rehearsed=False)
    runners.pass_rehearsal()
    await page.submission(identifier, state="queued", rehearsed=True)
    lent = runners.claim(Role.BLIND)
    await page.submission(identifier, state="running")
    runners.finish(*lent)
    await page.submission(identifier, state="scored")
    await page.submission(identifier, verified=True)
    assert time.monotonic() - started < 5


async def test_a_score_is_shown_only_once_its_receipt_is_verified(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    await page.greeted()
    identifier = submit(ada).id
    runners.score(0.75)
    await page.submission(identifier, verified=True)
    told = [one for event in page.of("submissions") for one in event["submissions"] if one["state"] == "scored"]
    assert [(one["verified"], one.get("scores", {}).get("roc_auc_score")) for one in told] == [
        (False, None),
        (True, 0.75),
    ]


async def test_a_failure_comes_with_its_cell_and_what_to_do(ada: Person, open_page: OpenPage, runners: Runners) -> None:
    page = await open_page()
    identifier = submit(ada).id
    runners.score(failure=Failure(stage="notebook", cell=2, reason="KeyError"))
    told = await page.submission(identifier, verified=True)
    assert told["failure"] == {"stage": "notebook", "cell": 2, "reason": "KeyError"}
    assert told["explanation"]
    assert told["next_step"]


async def test_a_failed_rehearsal_comes_with_its_cell_though_the_gateway_cannot_read_it(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    identifier = submit(ada).id
    runners.fail_rehearsal(REPORT)
    await page.submission(identifier, state="failed")
    await page.until(lambda event: page.submissions[identifier].get("explanation"))
    told = page.submissions[identifier]
    assert (told["failure"]["cell"], told["failure"]["reason"], told["has_log"]) == (2, "StopIteration", True)
    assert b"StopIteration" not in b"".join(ada.house.gateway_bytes())


async def test_what_one_page_does_is_told_to_the_others(ada: Person, ask: Requests, open_page: OpenPage) -> None:
    pages = [await open_page() for _ in range(2)]
    for page in pages:
        await page.greeted()
    identifier = (await ask.post("submissions", path=ada.write(), name="mine"))["id"]
    for page in pages:
        assert (await page.submission(identifier, state="queued"))["name"] == "mine"
    await ask.post("submissions", identifier, "cancel")
    for page in pages:
        await page.submission(identifier, state="cancelled")


async def test_two_pages_are_told_the_same_over_one_request_at_the_gateway(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    first = await open_page()
    await first.greeted()
    identifier = submit(ada).id
    runners.score(0.75)
    await first.submission(identifier, verified=True)
    second = await open_page()
    await second.greeted()
    assert (second.submissions, second.of("board")[-1]) == (first.submissions, first.of("board")[-1])
    assert second.of("challenge")[-1] == first.of("challenge")[-1]
    await become(lambda: watches() == [f"watch {SLUG}"])
    other = submit(ada).id
    for page in (first, second):
        await page.submission(other, state="queued")


async def test_a_page_that_watches_nothing_is_told_nothing_of_it(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    await page.greeted()
    await page.watch()
    await become(lambda: watches() == [])
    submit(ada)
    assert await quiet(page, 1) == []
    await page.watch(ada.key)
    await page.greeted()
    assert len(page.submissions) == 1


async def test_when_the_last_page_is_gone_nothing_waits_at_the_gateway(
    ada: Person, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, asked, changes = [0], [0], Client.changes

    def counted(self: Client, *arguments: Any, **options: Any) -> Changes:
        waiting[0] += 1
        asked[0] += 1
        try:
            return changes(self, *arguments, **options)
        finally:
            waiting[0] -= 1

    monkeypatch.setattr(Client, "changes", counted)
    first, second = await open_page(), await open_page()
    await first.greeted()
    await first.close()
    await second.greeted()
    await become(lambda: waiting == [1])
    await second.close()
    await become(lambda: waiting == [0] and watches() == [])
    before = asked[0]
    await asyncio.sleep(1)
    assert asked == [before]


async def test_a_page_that_just_vanishes_is_gone_too(ada: Person, open_page: OpenPage) -> None:
    page = await open_page()
    await page.greeted()
    page.line.protocol.stream.close()  # type: ignore[union-attr]
    await become(lambda: watches() == [], 5)


async def test_what_is_shown_of_another_gateway_is_watched_apart(ada: Person, open_page: OpenPage, hasty: None) -> None:
    nobody = ("http://127.0.0.1:1", SLUG)
    page = await open_page(ada.key, nobody)
    told = await page.until(is_problem("no_kit"))
    assert (told["gateway"], told["challenge"]) == nobody
    await page.until(lambda event: event["kind"] == "submissions" and event["gateway"] == ada.house.address)


@pytest.mark.parametrize(
    ("key", "code"),
    [(("ftp://x", SLUG), "protocol"), (("", ""), "no_kit"), (("HERE", "absent"), "no_kit"),
     (("HERE", "x" * 5000), None), (("HERE", "a\0b"), None), (("HERE", "../small"), None)],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
async def test_what_cannot_be_watched_is_a_problem_of_its_own(
    ada: Person, open_page: OpenPage, key: tuple[str, str], code: str | None
) -> None:
    page = await open_page(ada.key, (key[0].replace("HERE", ada.house.address), key[1]))
    told = await page.until(lambda event: event["kind"] == "problem" and "problem" in event)
    assert (told["challenge"], bool(told["problem"]["message"])) == (key[1], True)
    assert code in (None, told["problem"]["code"])
    identifier = submit(ada).id
    await page.submission(identifier, state="queued")


async def test_a_challenge_that_is_joined_later_is_followed_from_then_on(
    ada: Person, ask: Requests, open_page: OpenPage, tmp_path: Path
) -> None:
    ada.kit.root.rename(tmp_path / "away")
    page = await open_page()
    await page.until(is_problem("no_kit"))
    (tmp_path / "away").rename(ada.kit.root)
    await page.until(is_problem(None))
    assert page.of("challenge")


# --- what a gateway could do


async def test_a_score_that_the_secure_side_did_not_sign_is_a_problem_and_not_a_score(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    identifier = submit(ada).id
    runners.score(0.5)
    await page.submission(identifier, verified=True)
    ada.tamper(identifier, scores={"roc_auc_score": 0.99, "brier_score_loss": 0.2})
    await page.until(lambda event: "problem" in page.submissions[identifier])
    told = page.submissions[identifier]
    assert (told["problem"]["code"], told["verified"], "scores" in told) == ("receipt_differs", False, False)
    assert not any("0.99" in json.dumps(event) for event in page.of("submissions"))


async def test_a_score_without_a_receipt_is_a_problem_and_not_a_score(ada: Person, open_page: OpenPage) -> None:
    page = await open_page()
    identifier = submit(ada).id
    ada.tamper(identifier, state="scored", scores={"roc_auc_score": 0.99})
    await page.submission(identifier, state="scored")
    await page.until(lambda event: "problem" in page.submissions[identifier])
    told = page.submissions[identifier]
    assert (told["problem"]["code"], "scores" in told) == ("no_receipt", False)
    assert not any("0.99" in json.dumps(event) for event in page.of("submissions"))


async def test_a_receipt_that_another_key_signed_is_a_problem_and_not_a_score(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    identifier = submit(ada).id
    runners.pass_rehearsal()
    _, binding = runners.claim(Role.BLIND)
    forged = receipt_of(binding, SecretKeys.generate(Role.BLIND), 0.99)
    ada.query(insert(results).values(submission=identifier, envelope=forged, created_at=0))
    ada.tamper(identifier, state="scored", scores={"roc_auc_score": 0.99, "brier_score_loss": 0.2})
    await page.submission(identifier, state="scored")
    await page.until(lambda event: "problem" in page.submissions[identifier])
    told = page.submissions[identifier]
    assert (told["verified"], "scores" in told, bool(told["problem"]["hint"])) == (False, False, True)


async def test_a_gateway_that_is_away_while_receipts_are_fetched_puts_scores_off_and_is_no_forgery(
    ada: Person, open_page: OpenPage, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, envelope = [True, True], Submission.envelope

    def be_away(self: Submission) -> dict[str, Any]:
        if away:
            away.pop()
            raise GatewayError("It cannot be reached.", code="gateway_unreachable")
        return envelope(self)

    monkeypatch.setattr(Submission, "envelope", be_away)
    page = await open_page()
    identifier = submit(ada).id
    runners.score(0.75)
    told = await page.submission(identifier, verified=True)
    assert told["scores"]["roc_auc_score"] == 0.75
    assert not any("problem" in one for event in page.of("submissions") for one in event["submissions"])
    assert {event["problem"]["code"] for event in page.of("problem") if "problem" in event} == {"gateway_unreachable"}


# --- what breaks


async def test_a_gateway_that_stops_is_a_problem_and_after_its_restart_everything_goes_on(
    ada: Person, house: House, open_page: OpenPage, runners: Runners, hasty: None
) -> None:
    page = await open_page()
    before = submit(ada).id
    await page.submission(before, state="queued")
    await page.greeted()
    with gateway_away(house):
        told = await page.until(is_problem("gateway_unreachable"))
        assert told["problem"]["hint"]
        assert page.submissions[before]["state"] == "queued", "what was known is still shown"
    await page.until(is_problem(None))
    runners.score(0.75)
    assert (await page.submission(before, verified=True))["scores"]["roc_auc_score"] == 0.75
    after = submit(ada).id
    await page.submission(after, state="queued")


async def test_what_happens_while_nobody_listens_is_told_to_who_comes_back(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    identifier = submit(ada).id
    await page.submission(identifier, state="queued")
    await page.close()
    runners.score(0.75)
    page = await open_page()
    told = await page.submission(identifier, verified=True)
    assert told["scores"]["roc_auc_score"] == 0.75
    assert page.of("submissions")[0]["whole"]


async def test_a_server_that_was_restarted_knows_everything_again(
    ada: Person, open_page: OpenPage, runners: Runners
) -> None:
    page = await open_page()
    identifier = submit(ada, name="mine", note="of x").id
    runners.score(0.75)
    before = await page.submission(identifier, verified=True)
    told: list[dict[str, Any]] = []
    restarted = Broker(Files(ada.kit.root.parent), wait=2.0, pause=0.3, linger=0.0)

    def listen(event: Any) -> None:
        told.append(json.loads(event.json_text()))

    restarted.open(listen)
    restarted.watch(listen, {ada.key})
    seen = lambda: [one for event in told if event["kind"] == "submissions" for one in event["submissions"]]  # noqa: E731
    await become(lambda: any(one["verified"] for one in seen()))
    assert seen()[-1] == before
    await become(lambda: {event["kind"] for event in told} >= {"challenge", "board", "submissions"})
    restarted.stop()


async def test_a_page_that_is_reloaded_finds_everything_as_it_was(ada: Person, runners: Runners) -> None:
    submit(ada)
    runners.score(0.75)
    broker, told = Broker(Files(ada.kit.root.parent), wait=2.0, pause=0.3, linger=60.0), list[Any]()
    verified = lambda: any(view.verified for event in told for view in event.submissions)  # noqa: E731
    page = told.append
    broker.open(page)
    broker.watch(page, {ada.key})
    await become(verified)
    broker.close(page)
    told.clear()
    broker.open(page)
    broker.watch(page, set())
    broker.watch(page, {ada.key})
    assert verified()  # at once: no receipt was fetched and verified again
    broker.stop()


async def test_a_token_that_is_not_taken_any_more_is_a_problem_until_there_is_another(
    ada: Person, ask: Requests, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.greeted()
    ada.revoke()
    told = await page.until(is_problem("token_unknown"))
    assert told["problem"]["hint"]
    new = ada.house.token(ada.name, "participant")
    page.secrets.append(new)
    await ask.post("login", gateway=ada.house.address, token=new)
    await page.until(is_problem(None))
    identifier = submit(ada).id
    await page.submission(identifier, state="queued")


async def test_without_a_token_the_problem_says_to_log_in_and_after_that_it_goes_on(
    ada: Person, ask: Requests, open_page: OpenPage, own_home: Path
) -> None:
    (own_home / "credentials.json").unlink()
    page = await open_page()
    await page.until(is_problem("no_token"))
    await ask.post("login", gateway=ada.house.address, token=ada.token)
    await page.until(is_problem(None))
    await become(lambda: len(watches()) == 1, 5)


async def test_a_watch_from_which_nothing_was_heard_for_long_is_begun_anew(
    ada: Person, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await open_page()
    await page.greeted()
    monkeypatch.setattr(Watch, "is_stuck", property(lambda watch: not watch._stopped.is_set()))
    await page.watch(ada.key)
    await page.until(lambda event: event["kind"] == "submissions" and event["whole"])
    monkeypatch.undo()


async def test_what_was_not_foreseen_is_a_problem_and_the_watch_goes_on(
    ada: Person, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("participant_kit.participant.server.watch.challenge_view", lambda *_: 1 / 0)
        page = await open_page()
        told = await page.until(is_problem("internal"))
        assert "ZeroDivisionError" in told["problem"]["message"]
        assert told["problem"]["hint"]
    await page.until(is_problem(None))
    assert page.of("challenge")


MESSAGES: list[str | bytes] = [
    "", "no json", "[]", "5", "null", "{}", '{"watch": 5}', '{"watch": [1]}', '{"watch": [["a"]]}', "[" * 100_000,
    '{"watch": [["a", "b", "c"]]}', b"\xff\xfe", json.dumps({"watch": [[str(number), "x"] for number in range(51)]}),
]  # fmt: skip


async def test_a_message_that_makes_no_sense_closes_its_line_and_no_other(
    ada: Person, open_page: OpenPage, caplog: pytest.LogCaptureFixture
) -> None:
    good = await open_page()
    await good.greeted()
    for message in MESSAGES:
        bad = await open_page()
        await bad.say(message)
        while await bad.next() is not None:
            pass
        assert bad.line.close_code in (1003, 1008), message[:20]
    identifier = submit(ada).id
    await good.submission(identifier, state="queued")
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_line_gives_signs_of_life(ada: Person, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.participant.server.events.ALIVE_EVERY", 0.1)
    page = await open_page()
    await page.until(lambda event: event["kind"] == "alive", 5)


# --- much of it


async def test_five_thousand_submissions_reach_the_page_and_a_change_does_not_wait_for_their_receipts(
    ada: Person, open_page: OpenPage, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, signed = [new_identifier() for _ in range(5000)], 2 * CHUNK + 1
    failure = Failure(stage="notebook", cell=2, reason="KeyError")
    ada.query("UPDATE accounts SET revision = 5000 WHERE name = :name", {"name": ada.name})
    same = {"challenge": SLUG, "phase": "development", "participant": ada.name, "state": "failed", "version": 3}
    same |= {
        "rehearsed": True,
        "counted": False,
        "sealed_sha256": "",
        "sealed": "",
        "attempt": 1,
        "failure": failure.model_dump(),
    }
    ada.query(
        insert(submissions),
        *(
            {**same, "id": identifier, "revision": number, "created_at": number, "updated_at": number}
            for number, identifier in enumerate(made, 1)
        ),
    )
    place = {"challenge": SLUG, "phase": "development", "participant": ada.name, "reply_to": ""}
    for identifier in made[-signed:]:
        envelope = receipt_of(Binding(**place, submission=identifier), runners.keys[Role.BLIND], 0, failure)
        ada.query(insert(results).values(submission=identifier, envelope=envelope, created_at=0))
    fetched, sent, envelope = itertools.count(1), threading.Event(), Submission.envelope

    def fetch(self: Submission) -> dict[str, Any]:
        if next(fetched) == CHUNK:
            assert sent.wait(20)
        return envelope(self)

    monkeypatch.setattr(Submission, "envelope", fetch)
    page = await open_page()
    whole = await page.until(lambda event: event["kind"] == "submissions")
    assert (whole["whole"], len(page.submissions)) == (True, 5000)
    new = submit(ada).id
    sent.set()
    await page.submission(new, state="queued")
    assert not page.submissions[made[-signed]]["verified"]
    for identifier in (made[-1], made[-signed]):
        await page.submission(identifier, verified=True)
    assert page.read < 5 << 20
    late = await open_page()
    await late.greeted()
    assert late.submissions == page.submissions


def test_the_gateway_s_answers_do_not_wait_until_a_packet_is_full(house: House) -> None:
    seconds = []
    with requests.Session() as session:
        for _ in range(60):
            started = time.monotonic()
            assert session.get(f"{house.address}{API_PREFIX}/", timeout=20).ok
            seconds.append(time.monotonic() - started)
    assert sorted(seconds[20:])[10] < 0.035, "40 ms is what the other side waits before it confirms the first one"
