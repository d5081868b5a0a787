"""Every failure is explained."""

from __future__ import annotations

import pytest

from participant_kit.challenge import alphabet
from participant_kit.participant.explain import REASONS, STAGES, explain, sentences
from participant_kit.protocol.receipts import Failure


def test_every_stage_and_every_reason_that_may_leave_is_explained() -> None:
    assert set(STAGES) == set(alphabet.STAGES)
    assert set(REASONS) == set(alphabet.REASONS)


@pytest.mark.parametrize("said", [*STAGES.values(), *REASONS.values()], ids=[*STAGES, *REASONS])
def test_an_explanation_is_a_sentence_with_a_next_step(said: object) -> None:
    sentence, next_step = vars(said).values()
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert next_step
    assert "pkit" not in sentence + next_step  # they are read beside the notebook as well


def test_a_failure_names_its_cell_and_its_exception() -> None:
    said = explain(Failure(stage="notebook", cell=4, reason="KeyError"))
    assert said.sentence == "In cell 4: A column, level or key does not exist (KeyError)."


def test_the_page_gets_the_words_of_the_list_and_no_others() -> None:
    """It looks them up in its catalogue; cell and exception it adds itself."""
    assert sentences(Failure(stage="notebook", cell=4, reason="KeyError")) == REASONS["KeyError"]
    assert sentences(Failure(stage="notebook", cell=4, reason="Eclipse")) == STAGES["notebook"]
    assert sentences(Failure(stage="memory", cell=4, reason="other")) == STAGES["memory"]


def test_without_a_reason_the_stage_is_explained() -> None:
    assert explain(Failure(stage="timeout")).sentence == STAGES["timeout"].sentence
    assert explain(Failure(stage="kernel", reason="other")).sentence == STAGES["kernel"].sentence


def test_words_of_a_newer_version_are_not_an_error() -> None:
    said = explain(Failure(stage="moon", reason="Eclipse"))
    assert "moon" in said.sentence
