"""A finding says where, what was found and what was expected."""

from __future__ import annotations

import json

import pytest

from participant_kit.challenge.errors import ChallengeError, KitError
from participant_kit.challenge.finding import Finding, FindingsError


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("a.yaml", "1", "2", "x.y", line=3), "a.yaml:3 x.y: found 2; expected 1"),
        (Finding("a.yaml", "1", "2"), "a.yaml: found 2; expected 1"),
        (Finding("a.yaml", "1", key="x"), "a.yaml x: expected 1"),
        (Finding("a.ipynb", "1", "2", cell=4), "a.ipynb cell 4: found 2; expected 1"),
    ],
)
def test_a_finding_reads_as_a_sentence_with_what_is_known_of_its_place(finding: Finding, text: str) -> None:
    assert str(finding) == text


def test_a_finding_is_plain_json() -> None:
    plain = json.loads(json.dumps(Finding("a.yaml", "1", "2", "x", line=3).to_dict()))
    assert plain == {
        "file": "a.yaml",
        "expected": "1",
        "found": "2",
        "key": "x",
        "line": 3,
        "cell": None,
        "level": "error",
    }


def test_an_error_tells_every_finding_on_its_own_line_and_then_what_to_do() -> None:
    findings = [Finding("a", "1"), Finding("b", "2")]
    error = FindingsError(iter(findings), hint="Correct them.")
    assert str(error) == "a: expected 1\nb: expected 2 Correct them."
    assert (error.findings, error.code, error.hint) == (findings, "findings", "Correct them.")
    assert isinstance(error, ChallengeError) and isinstance(error, KitError)
