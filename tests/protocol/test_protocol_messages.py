"""Messages say what they may and nothing else: bounds, closed lists, no field that nobody knows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from participant_kit.protocol import messages
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import (
    Account,
    BlindResult,
    Claim,
    ClaimRequest,
    Lease,
    LeaseToken,
    NewAccount,
    RehearsalResult,
    ServerInfo,
    SubmissionStatus,
)
from participant_kit.protocol.receipts import Failure, Outcome
from participant_kit.protocol.states import State

NOW = datetime(2026, 5, 1, tzinfo=UTC)
REQUEST = {"role": "blind", "runner": "r-1", "challenges": ["small"]}
STATUS = {
    "id": "s-1",
    "challenge": "small",
    "phase": "final",
    "participant": "ada",
    "state": "queued",
    "version": 1,
    "attempt": 0,
    "counted": True,
    "created_at": NOW.isoformat(),
    "updated_at": NOW.isoformat(),
}
ALL = [
    model
    for model in vars(messages).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == messages.__name__
]


def refused(model: type[BaseModel], content: dict[str, Any], *where: str) -> None:
    """Refused in JSON and as Python objects, for the field ``where``."""
    for validate, value in ((model.model_validate, content), (model.model_validate_json, json.dumps(content))):
        with pytest.raises(ValidationError) as raised:
            validate(value)
        assert not where or where[0] in {str(error["loc"][0]) for error in raised.value.errors()}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_a_field_that_nobody_knows_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({"note": "free text"})
    assert ("extra_forbidden", ("note",)) in {(error["type"], error["loc"]) for error in raised.value.errors()}


@pytest.mark.parametrize(
    ("model", "content", "field"),
    [
        (Account, {"name": "ada"}, "role"),
        (NewAccount, {"name": "ada"}, "role"),
        (SubmissionStatus, STATUS, "state"),
        (ClaimRequest, REQUEST, "role"),
        (Outcome, {"tick": 1}, "state"),
        (ServerInfo, {"version": "1", "now": NOW.isoformat()}, "name"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
@pytest.mark.parametrize("text", ["free text", "", "Queued", "blind ", "participant\n", None, 1, True, ["blind"]])
def test_no_free_text_passes_in_a_closed_list(
    model: type[BaseModel], content: dict[str, Any], field: str, text: Any
) -> None:
    refused(model, content | {field: text}, field)


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_told(state: State) -> None:
    assert SubmissionStatus.model_validate(STATUS | {"state": state.value}).state is state


@pytest.mark.parametrize("role", ["participant", "organizer", "runner", "rehearsal"])
def test_every_role_of_an_account_can_be_given(role: str) -> None:
    assert NewAccount.model_validate({"name": "ada", "role": role}).role == role


def test_a_new_account_is_a_participant_for_a_year() -> None:
    assert NewAccount(name="ada") == NewAccount(name="ada", role="participant", valid_days=365)


@pytest.mark.parametrize("name", ["a", "Ada.Lovelace_1-2", "ada@example.org", "0", "x" * 64])
def test_a_name_is_plain(name: str) -> None:
    assert NewAccount(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", " ", ".ada", "-ada", "@ada", "a b", "a/b", "ada\n", "ada\x1b[2J", "<b>", "ümlaut", "x" * 65, None, 1]
)
def test_any_other_name_is_refused(name: Any) -> None:
    refused(NewAccount, {"name": name}, "name")


@pytest.mark.parametrize("days", [1, 3650, None])
def test_a_token_may_live_for_ten_years_or_for_ever(days: int | None) -> None:
    assert NewAccount(name="ada", valid_days=days).valid_days == days


@pytest.mark.parametrize("days", [0, -1, 3651, 1.5, "many", 10**30])
def test_a_token_may_live_for_no_other_time(days: Any) -> None:
    refused(NewAccount, {"name": "ada", "valid_days": days}, "valid_days")


@pytest.mark.parametrize("wait", [0, 0.5, 60])
def test_a_runner_may_wait_for_a_minute(wait: float) -> None:
    assert ClaimRequest.model_validate(REQUEST | {"wait": wait}).wait == wait


@pytest.mark.parametrize("wait", [-0.1, 60.1, 1e300, float("nan"), float("inf"), None, "long"])
def test_a_runner_may_wait_no_longer(wait: Any) -> None:
    refused(ClaimRequest, REQUEST | {"wait": wait}, "wait")


@pytest.mark.parametrize(
    "challenges", [[], ["small"] * 101, ["x"], ["Small"], ["../small"], ["small\n"], ["x" * 65], [""], "small", None]
)
def test_a_runner_asks_for_challenges_by_their_names(challenges: Any) -> None:
    refused(ClaimRequest, REQUEST | {"challenges": challenges}, "challenges")


def test_the_name_of_a_runner_is_short() -> None:
    assert ClaimRequest.model_validate(REQUEST | {"runner": "r" * 100}).role is Role.BLIND
    refused(ClaimRequest, REQUEST | {"runner": "r" * 101}, "runner")


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xfe", bytes(range(256)), b"x" * 100_000], ids=len)
def test_bytes_travel_as_base64_and_arrive_as_they_were(data: bytes) -> None:
    lease = Lease(token="t", attempt=1, expires_at=NOW, seconds=30)
    claim = Claim(submission="s-1", challenge="small", phase="final", participant="ada", lease=lease, sealed=data)
    assert claim.sealed == data
    assert Claim.model_validate_json(claim.model_dump_json()) == claim


@pytest.mark.parametrize("text", ["a", "====", "YQ", "YQ==\n", "Y Q==", "Y-_=", "é", "YQ==YQ==", 1, [89], {}])
def test_what_is_no_base64_is_refused(text: Any) -> None:
    assert RehearsalResult.model_validate({"token": "t", "passed": True, "report": "YQ=="}).report == b"a"
    refused(RehearsalResult, {"token": "t", "passed": True, "report": text}, "report")


def test_a_rehearsal_that_passed_needs_no_report() -> None:
    result = RehearsalResult(token="t", passed=True)
    assert json.loads(result.model_dump_json()) == {"token": "t", "passed": True, "report": None}


@pytest.mark.parametrize("model", [LeaseToken, Lease, RehearsalResult, BlindResult], ids=lambda model: model.__name__)
def test_nothing_is_finished_without_the_token_of_the_lease(model: type[BaseModel]) -> None:
    rest = {"attempt": 1, "expires_at": NOW.isoformat(), "seconds": 1, "passed": True, "envelope": {}}
    content = {name: value for name, value in rest.items() if name in model.model_fields}
    model.model_validate(content | {"token": "t"})
    refused(model, content, "token")


@pytest.mark.parametrize(
    "failure", [{}, {"stage": 1}, {"stage": "cell", "cell": "first"}, {"stage": "cell", "log": "free text"}]
)
def test_a_failure_says_where_and_nothing_more(failure: dict[str, Any]) -> None:
    refused(Failure, failure)
    refused(SubmissionStatus, STATUS | {"failure": failure}, "failure")


@pytest.mark.parametrize("missing", STATUS)
def test_a_status_is_whole(missing: str) -> None:
    refused(SubmissionStatus, {name: value for name, value in STATUS.items() if name != missing}, missing)
