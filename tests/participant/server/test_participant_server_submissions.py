"""Sending from the page, and what can be done with a submission afterwards."""

from __future__ import annotations

import asyncio
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from house import SLUG
from server_world import Person, Requests, Runners, become
from support import SOLUTION

from participant_kit.participant import Client, Submission
from participant_kit.participant.kit import signing_keys
from participant_kit.participant.records import kept_path
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.messages import RehearsalReport
from participant_kit.protocol.receipts import Failure, verify_receipt
from participant_kit.protocol.sealing import unseal_notebook

BROKEN = ("import absent_package\nimport os.\n", SOLUTION)
SUSPICIOUS = ('open("/opt/data/x.csv")', SOLUTION)
"""An absolute path is a warning: it may exist there."""
REPORT = RehearsalReport(stage="notebook", cell=2, reason="KeyError", message="'z'", log="so far\nTraceback: 'z'")


async def test_a_sent_notebook_is_stored_once_under_its_name_and_note(ask: Requests, ada: Person) -> None:
    path = ada.write()
    sent = await ask.post("submissions", path=path, name=" first try ", note="only x, as it is")
    assert (sent["state"], sent["phase"], sent["queue_position"]) == ("queued", "development", 1)
    assert (sent["name"], sent["note"], sent["notebook"]) == ("first try", "only x, as it is", path)
    assert (sent["kept"], sent["verified"], "scores" in sent) == (True, False, False)
    assert ada.stored() == [sent["id"]]
    seen = await ask.get("submissions", sent["id"])
    assert (seen["name"], seen["note"]) == ("first try", "only x, as it is")


async def test_name_and_note_stay_on_this_machine(ask: Requests, ada: Person) -> None:
    await ask.post("submissions", path=ada.write(), name="a-name-for-me", note="a-note-for-me")
    assert not any(b"a-name-for-me" in kept or b"a-note-for-me" in kept for kept in ada.house.gateway_bytes())


@pytest.mark.parametrize("override", [False, True])
async def test_errors_are_in_the_way_whatever_is_overridden(ask: Requests, ada: Person, override: bool) -> None:
    problem = await ask.post("submissions", path=ada.write(*BROKEN), override=override, status=422)
    assert problem["code"] == "findings"
    assert {finding["cell"] for finding in problem["findings"]} == {3}
    assert ada.stored() == []


async def test_a_mistake_of_the_whole_notebook_names_no_cell_at_all(ask: Requests, ada: Person) -> None:
    path = ada.write()
    notebook = ada.kit.root.parent / path
    notebook.write_text(notebook.read_text().replace('"parameters"', '"no-parameters"'))
    problem = await ask.post("submissions", path=path, status=422)
    whole = next(finding for finding in problem["findings"] if finding["key"] == "parameters")
    assert "cell" not in whole  # the page would lead to a cell called null
    assert "line" not in whole


async def test_warnings_are_in_the_way_until_they_are_overridden(ask: Requests, ada: Person) -> None:
    path = ada.write(*SUSPICIOUS)
    problem = await ask.post("submissions", path=path, status=422)
    assert [(finding["level"], finding["cell"]) for finding in problem["findings"]] == [("warning", 3)]
    assert ada.stored() == []
    sent = await ask.post("submissions", path=path, override=True)
    assert ada.stored() == [sent["id"]]


@pytest.mark.parametrize(("phase", "code", "status"), [("final", "phase_closed", 409), ("nope", "phase_unknown", 422)])
async def test_a_phase_that_is_not_open_takes_nothing_and_says_so(
    ask: Requests, ada: Person, own_home: Path, phase: str, code: str, status: int
) -> None:
    problem = await ask.post("submissions", path=ada.write(), phase=phase, status=status)
    assert (problem["code"], bool(problem["hint"])) == (code, True)
    assert ada.stored() == []
    assert list(own_home.glob("submissions/*")) == []


async def test_without_a_token_nothing_is_sent(ask: Requests, ada: Person, own_home: Path) -> None:
    (own_home / "credentials.json").unlink()
    assert (await ask.post("submissions", path=ada.write(), status=502))["code"] == "no_token"


async def test_with_a_token_that_is_not_taken_any_more_nothing_is_sent(ask: Requests, ada: Person) -> None:
    ada.revoke()
    assert (await ask.post("submissions", path=ada.write(), status=403))["code"] == "token_unknown"


async def test_two_tabs_that_send_at_once_make_one_submission(
    ask: Requests, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, go_on, submit = threading.Event(), threading.Event(), Client.submit

    def slowly(self: Client, *arguments: Any, **options: Any) -> Submission:
        sending.set()
        assert go_on.wait(20)
        return submit(self, *arguments, **options)

    monkeypatch.setattr(Client, "submit", slowly)
    path, other = ada.write(), ada.write()
    first = asyncio.ensure_future(ask.post("submissions", path=path))
    await become(sending.is_set)
    for spelled in (path, f"/{path}", path.replace("small/", "small/../small/")):
        problem = await ask.post("submissions", path=spelled, status=422)
        assert (problem["code"], bool(problem["hint"])) == ("sending", True)
    another = asyncio.ensure_future(ask.post("submissions", path=other))
    go_on.set()
    assert {(await first)["id"], (await another)["id"]} == set(ada.stored())
    assert len(ada.stored()) == 2


async def test_after_a_failure_the_same_notebook_can_be_sent(
    ask: Requests, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ada.write()
    with monkeypatch.context() as patch:
        patch.setattr("participant_kit.participant.client.Client.check_kit", lambda *_: 1 / 0)
        await ask.post("submissions", path=path, status=500)
    await ask.post("submissions", path=path)
    assert len(ada.stored()) == 1


async def test_a_score_is_shown_with_the_receipt_that_was_verified(
    ask: Requests, ada: Person, runners: Runners
) -> None:
    identifier = (await ask.post("submissions", path=ada.write()))["id"]
    runners.score(0.75)
    seen = await ask.get("submissions", identifier)
    assert (seen["state"], seen["verified"]) == ("scored", True)
    assert seen["scores"] == {"roc_auc_score": 0.75, "brier_score_loss": 0.2}
    envelope = await ask.get("submissions", identifier, "receipt")
    assert verify_receipt(envelope, signing_keys(ada.kit)).submission == identifier


async def test_a_failure_on_the_real_data_names_cell_and_class_and_a_next_step(
    ask: Requests, ada: Person, runners: Runners
) -> None:
    identifier = (await ask.post("submissions", path=ada.write()))["id"]
    runners.score(failure=Failure(stage="notebook", cell=2, reason="KeyError"))
    seen = await ask.get("submissions", identifier)
    assert (seen["state"], seen["verified"]) == ("failed", True)
    assert seen["failure"] == {"stage": "notebook", "cell": 2, "reason": "KeyError"}
    assert seen["explanation"]
    assert seen["next_step"]
    assert "scores" not in seen


async def test_a_failed_rehearsal_comes_with_its_whole_log(ask: Requests, ada: Person, runners: Runners) -> None:
    identifier = (await ask.post("submissions", path=ada.write(), name="mine"))["id"]
    assert (await ask.get("submissions", identifier, "log", status=422))["code"] == "no_log"
    runners.fail_rehearsal(REPORT)
    log = await ask.get("submissions", identifier, "log")
    assert (log["title"], log["text"]) == ("mine", "so far\nTraceback: 'z'\n'z'")
    seen = await ask.get("submissions", identifier)
    assert (seen["state"], seen["failure"]["cell"], seen["failure"]["reason"]) == ("failed", 2, "KeyError")
    assert (await ask.get("submissions", identifier, "receipt", status=422))["code"] == "no_receipt"


async def test_a_sent_notebook_is_opened_as_it_was_sent_and_cannot_be_changed(
    ask: Requests, ada: Person, runners: Runners
) -> None:
    path = ada.write()
    identifier = (await ask.post("submissions", path=path))["id"]
    claim, _ = runners.claim(Role.REHEARSAL)
    _, sent = unseal_notebook(claim.sealed, runners.keys[Role.REHEARSAL].sealing)
    ada.write("# changed since", name=path.rpartition("/")[2])
    opened = ada.kit.root.parent / (await ask.post("submissions", identifier, "open"))["path"]
    assert opened.read_bytes() == sent == kept_path(identifier).read_bytes()  # type: ignore[union-attr]
    assert opened.is_relative_to(ada.kit.root)
    assert stat.S_IMODE(opened.stat().st_mode) == 0o444


async def test_opening_again_opens_the_same_file_even_if_somebody_had_changed_it(ask: Requests, ada: Person) -> None:
    identifier = (await ask.post("submissions", path=ada.write()))["id"]
    first = await ask.post("submissions", identifier, "open")
    opened = ada.kit.root.parent / first["path"]
    assert await ask.post("submissions", identifier, "open") == first
    opened.chmod(0o644)
    opened.write_text("changed")
    assert await ask.post("submissions", identifier, "open") == first
    assert opened.read_bytes() == kept_path(identifier).read_bytes()  # type: ignore[union-attr]
    assert stat.S_IMODE(opened.stat().st_mode) == 0o444


async def test_two_submissions_of_one_notebook_are_opened_apart(ask: Requests, ada: Person) -> None:
    path = ada.write()
    first, second = [(await ask.post("submissions", path=path))["id"] for _ in range(2)]
    opened = {(await ask.post("submissions", identifier, "open"))["path"] for identifier in (first, second)}
    assert len(opened) == 2


async def test_a_kit_that_jupyter_does_not_show_cannot_be_opened_in(ask: Requests, ada: Person, tmp_path: Path) -> None:
    identifier = (await ask.post("submissions", path=ada.write()))["id"]
    shutil.rmtree(ada.kit.root)
    Client(ada.house.address).join(SLUG, tmp_path / "elsewhere", kernel=False)
    problem = await ask.post("submissions", identifier, "open", status=422)
    assert (problem["code"], bool(problem["hint"])) == ("outside", True)


async def test_what_was_sent_from_another_machine_can_be_seen_but_not_opened_or_sent_again(
    ask: Requests, ada: Person, own_home: Path, runners: Runners
) -> None:
    identifier = (await ask.post("submissions", path=ada.write(), name="mine"))["id"]
    runners.score(0.75)
    shutil.rmtree(own_home / "submissions")
    for verb in ("open", "again"):
        problem = await ask.send("POST", "submissions", identifier, verb, status=422, body="{}", params=ada.there)
        assert (problem["code"], bool(problem["hint"])) == ("not_kept", True)
    seen = await ask.get("submissions", identifier, **ada.there)
    assert (seen["kept"], seen["name"], seen["verified"], seen["scores"]["roc_auc_score"]) == (False, "", True, 0.75)
    assert (await ask.get("submissions", identifier, status=422))["code"] == "unknown_submission"


async def test_what_is_cancelled_says_so_and_stays_so(ask: Requests, ada: Person, runners: Runners) -> None:
    identifier = (await ask.post("submissions", path=ada.write()))["id"]
    for _ in range(2):
        assert (await ask.post("submissions", identifier, "cancel"))["state"] == "cancelled"
    done = (await ask.post("submissions", path=ada.write()))["id"]
    runners.score()
    assert (await ask.post("submissions", done, "cancel"))["state"] == "scored"


async def test_sending_again_sends_the_same_bytes_as_another_submission(
    ask: Requests, ada: Person, runners: Runners
) -> None:
    path = ada.write()
    first = await ask.post("submissions", path=path, name="mine", note="of x")
    ada.write("# changed since", name=path.rpartition("/")[2])
    runners.score()
    second = await ask.post("submissions", first["id"], "again")
    assert (second["name"], second["note"], second["notebook"], second["state"]) == ("mine", "of x", path, "queued")
    assert ada.stored() == [first["id"], second["id"]]
    _, binding = runners.claim(Role.REHEARSAL)
    assert binding.submission == second["id"]
    assert kept_path(first["id"]).read_bytes() == kept_path(second["id"]).read_bytes()  # type: ignore[union-attr]


async def test_another_one_s_submission_is_unknown(ask: Requests, ada: Person) -> None:
    bob = ada.house.token(f"bob-{ada.name}", "participant")
    theirs = Client(ada.house.address, bob).submit(ada.kit.root.parent / ada.write(), challenge=ada.kit.root)
    for what in ((), ("receipt",), ("log",)):
        problem = await ask.get("submissions", theirs.id, *what, **ada.there, status=404)
        assert problem["code"] == "submission_unknown"
    problem = await ask.send("POST", "submissions", theirs.id, "cancel", status=404, body="{}", params=ada.there)
    assert problem["code"] == "submission_unknown"
    theirs.cancel()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_cannot_be_done_with_a_submission_is_not_found(ask: Requests, ada: Person, method: str) -> None:
    body = "{}" if method == "POST" else None
    await ask.send(method, "submissions", new_identifier(), "nonsense", status=404, body=body, params=ada.there)
