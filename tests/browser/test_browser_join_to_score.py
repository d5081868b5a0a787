"""From the launcher to the leaderboard without the command line."""

from __future__ import annotations

import re

from house import House
from lab import Desk
from playwright.sync_api import expect


def test_join_run_submit_watch_and_see_the_score(house: House, desk: Desk) -> None:
    page = desk.page
    desk.open()
    desk.show_panel()
    expect(desk.panel).to_contain_text("You have joined no challenge yet")

    page.locator(".jp-LauncherCard", has_text="Join a challenge").click()
    join = page.locator(".pkit-Join")
    join.get_by_label("Gateway address").fill(house.address)
    join.get_by_label("Invitation token").fill(house.tokens["ada"])
    join.get_by_role("button", name="Show challenges").click()
    expect(join).to_contain_text("You are ada")
    assert desk.violations(".pkit-Join") == []
    join.get_by_role("button", name="Join", exact=True).click()
    expect(page.locator(".jp-NotebookPanel .jp-Notebook")).to_be_visible(timeout=120_000)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("(participant-kit) | Idle", timeout=30_000)

    expect(desk.submit_button).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.locator(".jp-NotebookPanel .jp-OutputArea").last).to_contain_text("prediction", timeout=90_000)

    dialog = desk.open_dialog()
    expect(dialog).to_contain_text(re.compile(r"this run can reveal at most [\d.]+ bits; 99,999 allowed, [\d,.]+ left"))
    expect(dialog).not_to_contain_text("no kernel")
    assert desk.violations(".jp-Dialog-content") == []
    dialog.get_by_label("Name").fill("the very first")
    dialog.get_by_label("Note").fill("as it came")
    dialog.get_by_role("button", name="Submit blind").click()
    expect(dialog).to_have_count(0)

    row = desk.row("the very first")
    expect(row.locator(".pkit-Progress")).to_be_visible()
    expect(page.locator(".pkit-Status")).to_contain_text("Blind:")
    expect(row.locator(".pkit-State")).to_have_text("Scored", timeout=90_000)  # without a reload
    expect(row).to_contain_text(re.compile(r"roc_auc_score\s*0\.\d{3}"))
    expect(row).to_contain_text("as it came")
    expect(row.locator(".pkit-mod-best")).to_be_visible()
    expect(desk.toasts.filter(has_text="the very first: roc_auc_score 0.")).to_be_visible()
    expect(page.locator(".pkit-Status")).not_to_contain_text("Blind:")
    assert desk.violations("#participant-kit-panel") == []

    desk.panel.get_by_role("tab", name="Leaderboard").click()
    expect(desk.panel.locator("tr.pkit-mod-mine")).to_contain_text("ada (you)")
    expect(desk.panel).to_contain_text("You are at rank 1 of 1.")
    assert desk.violations("#participant-kit-panel") == []


def test_the_token_is_nowhere_in_the_browser(house: House, desk: Desk) -> None:
    """Neither in storage, nor in the page, nor in any answer or message that it gets."""
    heard: list[str] = []
    desk.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    desk.page.on("response", lambda answer: heard.append(answer.url))
    desk.open(anew=True)
    desk.show_panel()
    expect(desk.rows.first).to_be_visible()
    storage = desk.page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    for token in house.tokens.values():
        assert token not in desk.page.content()
        assert token not in storage
        assert not any(token in each for each in heard)
        assert token not in desk.lab.log
