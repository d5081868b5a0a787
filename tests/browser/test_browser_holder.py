"""The holder's desk as the command opens it, in a real browser: the headers that it sends are a browser's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from keyboard import walk
from playwright.sync_api import Browser, Page, expect
from test_browser_pages import in_both_themes, violations

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


@in_both_themes
def test_the_desk_is_right_in_both_themes_narrow_and_wide(
    browser: Browser, opened: dict[str, str], scheme: Literal["light", "dark"], width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(opened["address"])
    assert not violations(page)
    page.fill("#code", opened["code"])
    page.get_by_role("button", name="Open").click()
    page.get_by_role("button", name="Test the sandbox").click()
    expect(page.get_by_role("columnheader", name="wall")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not violations(page)
    page.close()


def test_a_holder_decides_by_keyboard_alone_and_keeps_the_place_when_the_page_moves(
    page: Page, opened: dict[str, str]
) -> None:
    keys, state = page.keyboard, Path(opened["state"])
    page.goto(opened["address"])
    expect(page.locator("#code")).to_be_focused()
    keys.type(opened["code"])
    keys.press("Enter")
    expect(page.get_by_text("0.8125")).to_be_visible()
    assert not walk(page)
    page.locator(f"#approve-{SUBMISSION}").focus()
    keys.press("Tab")
    keys.press("ArrowDown")
    reason = page.locator(f"#reason-{SUBMISSION}")
    chosen = reason.input_value()
    log = EgressLog(state / LOG, KEYS)
    who = {"challenge": "small", "phase": "development", "participant": "bob", "submission": RUNNING, "dataset": "d"}
    log.append(kind="started", fields=[], message={"budgets": [64.0, 128.0, 256.0]}, reserved=33.0, **who)
    log.append(kind="held", fields=[], message={}, reserved=33.0, **who)  # a second one waits: the part is made anew
    log.close()
    expect(page.get_by_role("heading", name="Waits for your decision 2")).to_be_visible()
    expect(reason).to_be_focused()
    expect(reason).to_have_value(chosen)
    keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Waits for your decision 1")).to_be_visible()
    decision = decision_on(state, SUBMISSION)
    assert decision and decision.reason == chosen


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
