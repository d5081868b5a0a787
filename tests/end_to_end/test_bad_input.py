"""Whatever a participant sends: one clear reason, a final state, and the next submission runs as ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house import SLUG, SOLUTION, House
from support import make_notebook

from participant_kit.participant import Client, Submission, prepare
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.explain import explain
from participant_kit.protocol.errors import GatewayError
from participant_kit.protocol.states import State

READ = 'import os, pandas as pd\nids = pd.read_parquet(f"{data_dir}/test.parquet").id\n'
FRAME = READ + 'frame = pd.DataFrame({"id": ids, "prediction": 0.5})\n'
WRITE = '\nframe.to_csv(f"{output_dir}/predictions.csv", index=False)'


@pytest.fixture(autouse=True)
def nothing_else_is_disturbed(blind_house: House) -> Iterator[None]:
    yield
    assert all(part.poll() is None for part in blind_house.parts.values())


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of somebody's own, which sends the bytes of a file as they are."""

    def as_it_is(path: Path, max_bytes: int | None = None) -> prepare.Prepared:
        return prepare.Prepared(path.read_bytes(), prepare.hashlib.sha256(path.read_bytes()).hexdigest(), None)

    monkeypatch.setattr(prepare, "prepare_notebook", as_it_is)


def send(house: House, content: bytes) -> Submission:
    path = house.write()
    path.write_bytes(content)
    return house.client().submit(path).wait(90)


OTHER_KERNEL = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
NOTEBOOKS = {
    "no JSON": (b"no { JSON", "unreadable_notebook"),
    "JSON, and no notebook": (b'{"cells": 3}', "unreadable_notebook"),
    "cells that are no cells": (b'{"nbformat": 4, "cells": [1, 2], "metadata": {}}', "unreadable_notebook"),
    "nested a million times": (b"[" * 1_000_000, "unreadable_notebook"),
    "no parameters cell": (make_notebook("1 + 1", parameters=None), "no_parameters_cell"),
    "another language": (make_notebook("x <- 1", **OTHER_KERNEL), "other_kernel"),
    "a package that the environment lacks": (make_notebook("import package_that_nobody_has"), "ModuleNotFoundError"),
    "more cells than allowed": (make_notebook(*["1"] * 1000), "too_many_cells"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", NOTEBOOKS)
def test_a_notebook_that_cannot_run_says_why(blind_house: House, kind: str) -> None:
    content, reason = NOTEBOOKS[kind]
    submission = send(blind_house, content)
    assert submission.state in (State.FAILED, State.REFUSED)
    failure = submission.failure
    assert failure and failure.reason == reason
    assert explain(failure).next_step


@pytest.mark.usefixtures("unchecked")
def test_a_notebook_of_100_mb_is_not_taken_and_costs_nothing(blind_house: House) -> None:
    used = blind_house.client().quota(SLUG).used_total
    with pytest.raises(GatewayError, match="larger than") as refused:
        send(blind_house, b"x" * 100_000_000)
    assert refused.value.status == 413
    assert blind_house.client().quota(SLUG).used_total == used


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: b"no { JSON", "no notebook"),
        (lambda: make_notebook("x = '" + "x" * 100_000_000 + "'"), "95.4 MiB without outputs"),
        (lambda: json.dumps({"nbformat": 4}).encode(), "no valid notebook"),
    ],
)
def test_our_own_client_sends_no_such_notebook(blind_house: House, content: Callable[[], bytes], says: str) -> None:
    before = len(blind_house.client().submissions())
    with pytest.raises(ParticipantError, match=says) as refused:
        send(blind_house, content())
    assert refused.value.hint
    assert len(blind_house.client().submissions()) == before


PREDICTIONS = {
    "no output": (READ, "missing_output"),
    "missing rows": (FRAME + "frame = frame.iloc[:-3]" + WRITE, "missing_rows"),
    "double rows": (FRAME + "frame = pd.concat([frame, frame[:3]])" + WRITE, "duplicate_rows"),
    "rows of another table": (FRAME + "frame.id += 1_000_000" + WRITE, "unknown_rows"),
    "wrong columns": (FRAME + "frame['more'] = 1" + WRITE, "wrong_columns"),
    "NaN": (FRAME + "frame.loc[0, 'prediction'] = float('nan')" + WRITE, "not_finite"),
    "infinity": (FRAME + "frame.loc[0, 'prediction'] = float('inf')" + WRITE, "not_finite"),
    "text": (FRAME + "frame['prediction'] = 'ill'" + WRITE, "wrong_type"),
    "identifiers of the wrong type": (FRAME + "frame['id'] = 'p' + frame.id.astype(str)" + WRITE, "wrong_type"),
    "out of the metric's range": (FRAME + "frame['prediction'] = 7" + WRITE, "metric_undefined"),
    "bytes of anything": (READ + "open(f'{output_dir}/predictions.csv', 'wb').write(os.urandom(4096))", None),
    "nothing": (READ + "open(f'{output_dir}/predictions.csv', 'wb')", "unreadable"),
    "10 million rows": (
        READ + "with open(f'{output_dir}/predictions.csv', 'w') as f: f.write('id,prediction\\n' + '1,1\\n' * 10**7)",
        "too_many_rows",
    ),
    "more than the disk": (
        READ + "with open(f'{output_dir}/predictions.csv', 'wb') as f:\n  for _ in range(100): f.write(bytes(2**20))",
        "OSError",
    ),
    "a link": (READ + "os.symlink('/data/test.parquet', f'{output_dir}/predictions.csv')", "not_a_file"),
    "a second name": (
        FRAME + WRITE + "\nos.link(f'{output_dir}/predictions.csv', f'{output_dir}/other')",
        "not_a_file",
    ),
    "a folder": (READ + "os.mkdir(f'{output_dir}/predictions.csv')", "not_a_file"),
    "a pipe": (READ + "os.mkfifo(f'{output_dir}/predictions.csv')", "not_a_file"),
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_predictions_that_cannot_be_scored_say_why(blind_house: House, kind: str) -> None:
    cell, reason = PREDICTIONS[kind]
    submission = blind_house.submit(cell).wait(90)
    assert submission.state is State.FAILED
    failure = submission.failure
    assert failure and failure.reason == (reason or failure.reason)
    assert failure.stage == ("notebook" if reason == "OSError" else "output")
    assert explain(failure).next_step


def test_after_all_of_them_a_good_notebook_is_scored(blind_house: House) -> None:
    assert blind_house.submit(SOLUTION).wait(90).state is State.SCORED


@pytest.mark.parametrize(
    ("token", "says"),
    [("pkit_" + "x" * 43, "does not know your token"), ("expired", "expired on")],
)
def test_a_wrong_token_is_told_apart_from_an_expired_one(
    blind_house: House, monkeypatch: pytest.MonkeyPatch, token: str, says: str
) -> None:
    if token == "expired":
        token = blind_house.expired_token("late")
    monkeypatch.setenv("PKIT_TOKEN", token)
    monkeypatch.setenv("PKIT_GATEWAY", blind_house.address)
    with pytest.raises((GatewayError, ParticipantError), match=says) as refused:
        Client(blind_house.address).submit(blind_house.write(SOLUTION))
    assert "pkit login" in refused.value.hint
    assert token not in str(refused.value)


def test_a_closed_phase_says_when_it_opens(blind_house: House) -> None:
    with pytest.raises(GatewayError, match="closed") as refused:
        blind_house.client().submit(blind_house.write(SOLUTION), phase="final")
    assert refused.value.code == "phase_closed"
    assert "final 20" in refused.value.hint


def test_a_spent_quota_says_what_is_next_and_what_was_taken_back_costs_none(two_submissions_house: House) -> None:
    house = two_submissions_house
    house.submit(SOLUTION).cancel()
    first, _ = house.submit(SOLUTION), house.submit(SOLUTION)
    with pytest.raises(GatewayError, match="used all 2 submissions") as refused:
        house.submit(SOLUTION)
    assert (refused.value.code, refused.value.hint) == ("quota_spent", "Wait for the next phase.")
    first.cancel()
    assert house.submit(SOLUTION).state is State.QUEUED
