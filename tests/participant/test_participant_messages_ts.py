"""The server and the page say the same: ``messages.py`` in Python, ``messages.ts`` in TypeScript."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from participant_kit.challenge.finding import Finding
from participant_kit.participant.server import messages
from participant_kit.protocol.messages import LeaderboardRow, Quota
from participant_kit.protocol.receipts import Failure
from participant_kit.protocol.states import FINAL, State

SOURCE = (Path(__file__).parents[2] / "extension" / "src" / "messages.ts").read_text("utf-8")
INTERFACES = dict(re.findall(r"^export interface (I\w+) \{\n(.*?)^\}", SOURCE, re.DOTALL | re.MULTILINE))
SAID: dict[str, type[Any]] = {
    "IFinding": Finding,
    "IProblem": messages.Problem,
    "IKit": messages.Kit,
    "IPhase": messages.PhaseView,
    "IMetric": messages.MetricView,
    "IQuota": Quota,
    "IPreview": messages.Preview,
    "ISend": messages.Send,
    "IFailure": Failure,
    "ISubmission": messages.SubmissionView,
    "ILog": messages.Log,
    "IBoardRow": LeaderboardRow,
    "IBoard": messages.Board,
    "IChallenge": messages.ChallengeView,
    "IWho": messages.Who,
    "IOffer": messages.Offer,
    "IJoin": messages.Join,
    "IJob": messages.Job,
    "IEvent": messages.Event,
}


def page_fields(name: str) -> dict[str, bool]:
    """The fields of an interface, and whether each may be absent."""
    return {field: mark == "?" for field, mark in re.findall(r"^  (\w+)(\??):", INTERFACES[name], re.MULTILINE)}


def server_fields(model: type[Any]) -> dict[str, bool]:
    """The fields of a message, and whether each may be None, which is not sent."""
    if issubclass(model, BaseModel):
        hints = {name: field.annotation for name, field in model.model_fields.items()}
    else:
        hints = {field.name: get_type_hints(model)[field.name] for field in fields(model)}
    return {name: NoneType in get_args(hint) for name, hint in hints.items()}


def words(name: str) -> set[str]:
    """The strings in the type or constant ``name``."""
    found = re.search(rf"^export (?:type|const) {name}\b.*?;", SOURCE, re.DOTALL | re.MULTILINE)
    assert found
    return set(re.findall(r"'(\w+)'", found[0]))


def test_every_message_of_the_page_is_one_of_the_server() -> None:
    assert set(INTERFACES) == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_message_has_the_same_fields_on_both_sides(name: str) -> None:
    assert set(page_fields(name)) == set(server_fields(SAID[name]))


@pytest.mark.parametrize("name", SAID)
def test_the_page_does_without_what_the_server_may_leave_out(name: str) -> None:
    page = page_fields(name)
    assert [field for field, may_miss in server_fields(SAID[name]).items() if may_miss and not page[field]] == []


def test_both_sides_know_the_same_states() -> None:
    assert words("State") == {state.value for state in State}
    assert words("FINAL") == {state.value for state in FINAL}
