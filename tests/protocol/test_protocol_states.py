"""The states of a submission are those that the documentation draws, and the final ones lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from participant_kit.protocol.states import FINAL, State

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def drawn() -> set[tuple[str, str]]:
    """Every transition in the documentation: ``(from, to)``, with ``[*]`` for the begin and the end."""
    diagram = ARCHITECTURE.read_text().partition("stateDiagram-v2")[2].partition("```")[0]
    return set(re.findall(r"^ *(\S+) --> ([^:\s]+)", diagram, re.MULTILINE))


def test_every_state_is_drawn_and_nothing_else(drawn: set[tuple[str, str]]) -> None:
    assert {state for pair in drawn for state in pair} - {"[*]"} == set(State)


def test_a_submission_begins_as_queued(drawn: set[tuple[str, str]]) -> None:
    assert {to for start, to in drawn if start == "[*]"} == {State.QUEUED}


@pytest.mark.parametrize("state", State)
def test_a_final_state_ends_and_every_other_leads_on(state: State, drawn: set[tuple[str, str]]) -> None:
    following = {to for start, to in drawn if start == state}
    assert (following == {"[*]"}) == state.is_final
    assert following


@pytest.mark.parametrize("final", sorted(FINAL))
def test_every_end_can_be_reached(final: State, drawn: set[tuple[str, str]]) -> None:
    reached: set[str] = {State.QUEUED}
    while more := {to for start, to in drawn if start in reached} - reached:
        reached |= more
    assert final in reached


@pytest.mark.parametrize("state", [State.QUEUED, State.REHEARSING, State.RUNNING])
def test_what_has_not_ended_can_be_cancelled(state: State, drawn: set[tuple[str, str]]) -> None:
    assert (state, State.CANCELLED) in drawn


@pytest.mark.parametrize("end", [State.SCORED, State.SCORING])
def test_nothing_is_scored_without_a_blind_run(end: State, drawn: set[tuple[str, str]]) -> None:
    assert {start for start, to in drawn if to == end} <= {State.RUNNING, State.SCORING}


@pytest.mark.parametrize("word", ["", "done", "Queued", "queued "])
def test_another_word_is_no_state(word: str) -> None:
    with pytest.raises(ValueError, match="not a valid State"):
        State(word)
