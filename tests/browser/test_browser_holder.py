"""The holder's desk as the command opens it, in a real browser: the headers that it sends are a browser's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.secure_side.egress import LOG, EgressLog, LoggedField
from participant_kit.secure_side.review import decision_on
from participant_kit.secure_side.stop import is_stopped

KEYS = SecretKeys.generate(Role.BLIND)
RUNNING = "0198c5e0-7a51-7cc3-98c4-dc0c0c073999"
SUBMISSION = "0198c5e0-7a51-7cc3-98c4-dc0c0c07398f"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[dict[str, str]]:
    log = EgressLog(tmp_path / LOG, KEYS)
    who = {"challenge": "small", "phase": "development", "participant": "ada", "submission": SUBMISSION, "dataset": "d"}
    log.append(kind="started", fields=[], message={"budgets": [64.0, 128.0, 256.0]}, reserved=33.0, **who)
    fields = [LoggedField(name="score:auc", value=0.8125, bits=9.97)]
    log.append(kind="held", fields=fields, message={}, reserved=33.0, **who)
    log.close()
    command = [sys.executable, "-m", "participant_kit.cli.main", "holder", "open", "--state", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        said = ""
        while not said.endswith("}\n") and server.stdout:
            said += server.stdout.readline()
        yield json.loads(said) | {"state": str(tmp_path)}
        server.terminate()


def test_a_holder_enters_with_the_code_and_lets_a_message_go(page: Page, opened: dict[str, str]) -> None:
    page.goto(opened["address"])
    page.fill("#code", "no")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the code.")
    page.fill("#code", opened["code"])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("0.8125")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    decision = decision_on(Path(opened["state"]), SUBMISSION)
    assert decision and decision.reason is None


def test_what_begins_to_run_appears_by_itself_and_is_stopped(page: Page, opened: dict[str, str]) -> None:
    page.goto(opened["address"])
    page.fill("#code", opened["code"])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Runs now 0")).to_be_visible()
    state = Path(opened["state"])
    log = EgressLog(state / LOG, KEYS)
    who = {"challenge": "small", "phase": "development", "participant": "bob", "submission": RUNNING, "dataset": "d"}
    log.append(kind="started", fields=[], message={"budgets": [64.0, 128.0, 256.0]}, reserved=33.0, **who)
    log.close()
    expect(page.get_by_role("heading", name="Runs now 1")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("It is being stopped.")).to_be_visible()
    assert is_stopped(state, RUNNING)
