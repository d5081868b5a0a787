"""The holder's desk: who may look, what is shown, and that nothing is decided but by the holder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.secure_side.desk import create_desk
from participant_kit.secure_side.egress import LOG, EgressLog, LoggedField
from participant_kit.secure_side.keys import make_keys
from participant_kit.secure_side.review import decision_on
from participant_kit.secure_side.stop import is_stopped

KEYS = SecretKeys.generate(Role.BLIND)
CODE = "0123456789abcdef"
SUBMISSION = "0198c5e0-7a51-7cc3-98c4-dc0c0c07398f"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """One message waits; its participant has a name that is markup."""
    log = EgressLog(tmp_path / LOG, KEYS)
    who = {"challenge": "small", "phase": "development", "participant": EVIL, "submission": SUBMISSION, "dataset": "d"}
    log.append(kind="started", fields=[], message={"budgets": [64.0, 128.0, 256.0]}, reserved=33.0, **who)
    fields = [LoggedField(name="score:auc", value=0.8125, bits=9.97)]
    log.append(kind="held", fields=fields, message={}, reserved=33.0, **who)
    log.close()
    return tmp_path


@pytest.fixture
def browser(state: Path) -> TestClient:
    return TestClient(create_desk(state, CODE), base_url="http://127.0.0.1")


@pytest.fixture
def inside(browser: TestClient) -> TestClient:
    assert browser.post("/enter", data={"code": CODE}).status_code == 200
    return browser


def form_of(browser: TestClient) -> str:
    found = re.search(r'name="form" value="([^"]+)"', browser.get("/").text)
    assert found
    return found[1]


def test_it_shows_what_waits_with_its_bits_and_the_ledger(inside: TestClient) -> None:
    page = inside.get("/").text
    for words in ("score:auc", "0.8125", "9.97", SUBMISSION, "33.00", "64.00"):
        assert words in page


@pytest.mark.attack("xss")
def test_a_name_that_is_markup_is_text(inside: TestClient) -> None:
    page = inside.get("/").text
    assert EVIL not in page
    assert "&lt;script&gt;" in page


@pytest.mark.attack("session")
def test_nothing_is_shown_or_decided_without_the_code(browser: TestClient, state: Path) -> None:
    assert browser.get("/").status_code == 401
    assert SUBMISSION not in browser.get("/").text
    assert browser.post("/decide", data={"submission": SUBMISSION, "answer": "approve"}).status_code == 403
    assert decision_on(state, SUBMISSION) is None


@pytest.mark.attack("guessing")
def test_the_code_works_once_and_few_may_be_tried(browser: TestClient, state: Path) -> None:
    assert browser.post("/enter", data={"code": CODE}).status_code == 200
    browser.cookies.clear()
    assert browser.post("/enter", data={"code": CODE}).status_code == 403
    other = TestClient(create_desk(state, CODE), base_url="http://127.0.0.1")
    for _ in range(5):
        assert other.post("/enter", data={"code": "wrong"}).status_code == 403
    assert "Too many" in other.post("/enter", data={"code": CODE}).text


@pytest.mark.parametrize(
    ("answer", "reason"), [("approve", None), ("refuse", "looks_like_data")], ids=["approve", "refuse"]
)
def test_a_decision_is_the_holder_s(inside: TestClient, state: Path, answer: str, reason: str | None) -> None:
    given = {"form": form_of(inside), "submission": SUBMISSION, "answer": answer, "reason": "looks_like_data"}
    assert inside.post("/decide", data=given).status_code == 200
    decision = decision_on(state, SUBMISSION)
    assert decision and decision.reason == reason
    assert "Nothing waits" in inside.get("/").text
    assert inside.post("/decide", data=given).status_code == 409, "what was decided is decided"


@pytest.mark.attack("csrf")
def test_another_site_can_neither_decide_nor_look(inside: TestClient, state: Path) -> None:
    given = {"form": form_of(inside), "submission": SUBMISSION, "answer": "approve"}
    assert inside.post("/decide", data=given, headers={"Origin": "https://evil.example"}).status_code == 403
    assert inside.post("/decide", data={**given, "form": "guessed"}).status_code == 403
    assert inside.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert decision_on(state, SUBMISSION) is None


@pytest.mark.parametrize(
    "given",
    [{"answer": "perhaps"}, {"reason": "because", "answer": "refuse"}, {"submission": "../../etc"}, {"x": "y" * 9999}],
    ids=lambda given: next(iter(given)),
)
def test_a_form_that_makes_no_sense_decides_nothing(inside: TestClient, state: Path, given: dict[str, str]) -> None:
    whole = {"form": form_of(inside), "submission": SUBMISSION, "answer": "approve"} | given
    answer = inside.post("/decide", data=whole)
    assert answer.status_code in (400, 403, 409)
    assert 'role="alert"' in answer.text
    assert decision_on(state, SUBMISSION) is None


@pytest.mark.attack("xss")
def test_it_loads_nothing_from_elsewhere_and_runs_no_script_but_its_own(inside: TestClient) -> None:
    answer = inside.get("/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/desk.js" defer>']
    assert not re.search(r"style=|https?://|\bon\w+=", answer.text)
    assert inside.get("/desk.css").headers["Content-Type"].startswith("text/css")


def test_a_log_that_was_changed_is_said_and_not_shown(inside: TestClient, state: Path) -> None:
    (state / LOG).write_text((state / LOG).read_text().replace("0.8125", "0.9"))
    answer = inside.get("/")
    assert answer.status_code == 500
    assert "0.9" not in answer.text


RUNNING = "0198c5e0-7a51-7cc3-98c4-dc0c0c073999"


@pytest.fixture
def at_work(state: Path) -> Path:
    """A run goes on, too."""
    log = EgressLog(state / LOG, KEYS)
    who = {"challenge": "small", "phase": "development", "participant": "bob", "submission": RUNNING, "dataset": "d"}
    log.append(kind="started", fields=[], message={"budgets": [64.0, 128.0, 256.0]}, reserved=33.0, **who)
    log.close()
    return state


def test_a_run_is_shown_and_stopped(at_work: Path, inside: TestClient) -> None:
    assert RUNNING in inside.get("/").text
    form = {"form": form_of(inside), "submission": RUNNING}
    assert "is being stopped" in inside.post("/stop", data=form).text
    assert is_stopped(at_work, RUNNING)


@pytest.mark.parametrize("what", [SUBMISSION, "../../x", "", "0198c5e0-7a51-7cc3-98c4-dc0c0c000000"])
def test_what_does_not_run_is_not_stopped(at_work: Path, inside: TestClient, what: str) -> None:
    answer = inside.post("/stop", data={"form": form_of(inside), "submission": what})
    assert answer.status_code == 409 and "does not run" in answer.text
    assert not (at_work / "stop").exists()


@pytest.mark.attack("csrf")
@pytest.mark.parametrize("path", ["/stop", "/test"])
def test_nothing_is_done_by_a_form_of_elsewhere(at_work: Path, inside: TestClient, path: str) -> None:
    assert inside.post(path, data={"form": "guessed", "submission": RUNNING}).status_code == 403
    other = {"origin": "http://evil.example"}
    assert inside.post(path, data={"form": form_of(inside), "submission": RUNNING}, headers=other).status_code == 403
    assert not is_stopped(at_work, RUNNING)


def test_what_has_not_changed_is_not_sent_again(state: Path, inside: TestClient) -> None:
    known = inside.get("/").headers["etag"]
    assert inside.get("/", headers={"If-None-Match": known}).status_code == 304
    log = EgressLog(state / LOG, KEYS)
    log.append(kind="stopped", fields=[], message={}, reserved=0.0, challenge="small", phase="development",
               participant="x", submission=RUNNING, dataset="d")  # fmt: skip
    log.close()
    assert inside.get("/", headers={"If-None-Match": known}).status_code == 200


def test_keys_are_shown_with_their_age_and_state(state: Path, tmp_path: Path) -> None:
    challenge = tmp_path / "challenge"
    challenge.mkdir()
    public = make_keys(tmp_path / "blind.key", challenge, Role.BLIND)
    browser = TestClient(create_desk(state, CODE, challenge), base_url="http://127.0.0.1")
    browser.post("/enter", data={"code": CODE})
    page = browser.get("/").text
    assert public.signing[:16] in page and "in use" in page and public.signing not in page


@pytest.mark.sandbox
def test_the_sandbox_is_tested_from_the_page(inside: TestClient) -> None:
    page = inside.post("/test", data={"form": form_of(inside)}).text
    assert "connect to a port of this machine" in page and "<strong>out</strong>" not in page
