"""Every theme, a narrow panel, the keyboard alone, another language, Notebook 7, a base URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import SOLUTION, House
from lab import Desk, Lab
from playwright.sync_api import Page, expect
from support import long

THEMES = ("JupyterLab Light", "JupyterLab Dark", long("JupyterLab Dark High Contrast"))


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_is_readable(house: House, joined: Lab, desk: Desk, theme: str) -> None:
    """Contrast is part of what axe-core measures."""
    failing = joined.write("themed.ipynb", "raise KeyError('x')", SOLUTION)
    joined.set("@jupyterlab/apputils-extension:themes", {"theme": theme})
    try:
        desk.open(failing, anew=True)
        desk.show_panel()
        desk.submit(f"in {theme}")
        expect(desk.row(f"in {theme}").locator(".pkit-State")).to_have_text("Failed", timeout=60_000)
        assert desk.violations("#participant-kit-panel") == []
        desk.panel.get_by_role("tab", name="Leaderboard").click()
        assert desk.violations("#participant-kit-panel") == []
        desk.open_dialog()
        assert desk.violations(".jp-Dialog-content") == []
        desk.page.keyboard.press("Escape")
        assert desk.violations(".jp-NotebookPanel:not(.lm-mod-hidden) .pkit-SubmitButton") == []
    finally:
        joined.set("@jupyterlab/apputils-extension:themes", {"theme": THEMES[0]})
        desk.leave()


def test_nothing_is_cut_off_in_a_panel_of_250_pixels(joined: Lab, desk: Desk) -> None:
    desk.open(joined.write("narrow.ipynb", SOLUTION))
    desk.show_panel()
    expect(desk.rows.first).to_be_visible()
    desk.narrow(250)
    box = desk.panel.bounding_box()
    assert box and box["width"] <= 252
    assert desk.overflowing("#participant-kit-panel") == []
    assert desk.violations("#participant-kit-panel") == []
    desk.leave()


def test_the_keyboard_alone_is_enough(joined: Lab, desk: Desk) -> None:
    page = desk.page
    desk.open(joined.write("keys.ipynb", SOLUTION))
    expect(desk.submit_button).to_be_visible()
    page.locator(".jp-NotebookPanel .jp-Notebook").focus()
    page.keyboard.press("Alt+Shift+KeyB")
    expect(desk.dialog.get_by_role("button", name="Submit blind")).to_be_focused()
    page.keyboard.press("Enter")
    expect(desk.dialog).to_have_count(0)
    expect(desk.panel).to_be_visible()  # it opens by itself
    expect(desk.row("keys.ipynb").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)
    desk.panel.get_by_role("tab", name="Submissions").focus()
    page.keyboard.press("ArrowRight")
    expect(desk.panel.get_by_role("tab", name="Leaderboard")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    seen = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? ''"))
    assert {"Copy the receipt: keys.ipynb", "Submit again: keys.ipynb"} <= seen


def test_commands_are_in_the_palette_and_in_the_context_menu_of_notebooks(joined: Lab, desk: Desk) -> None:
    page = desk.page
    desk.open(joined.write("palette.ipynb", SOLUTION))
    expect(desk.submit_button).to_be_visible()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=30_000)  # else that takes the focus away
    page.get_by_role("menuitem", name="View", exact=True).click()
    page.get_by_role("menuitem", name="Activate Command Palette").click()
    page.locator(".lm-CommandPalette-input").fill("blind submissions")
    for name in ("Check", "Rehearse on the Sample", "Submit Blind", "Join a Challenge"):
        expect(page.locator(".lm-CommandPalette-item", has_text=name).first).to_be_visible()
    page.keyboard.press("Escape")
    page.locator('.jp-DirListing-item[data-file-type="notebook"]', has_text="palette").click(button="right")
    page.locator(".lm-Menu-item", has_text="Submit Blind").click()
    expect(desk.dialog).to_contain_text("Submit palette.ipynb blind")
    page.keyboard.press("Escape")


def test_the_button_can_be_hidden_in_the_settings(joined: Lab, desk: Desk) -> None:
    plugin = "@jupyterlab/notebook-extension:panel"
    joined.set(plugin, {"toolbar": [{"name": "submit-blind", "disabled": True}]})
    try:
        desk.open(joined.write("hidden.ipynb", SOLUTION), anew=True)
        desk.page.wait_for_timeout(1000)
        expect(desk.page.locator(".pkit-SubmitButton")).to_have_count(0)
    finally:
        joined.set(plugin, {})
        desk.leave()


@pytest.fixture
def another_lab(house: House, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    options = dict(request.param)
    application = options.pop("application", "lab")
    lab = Lab(tmp_path / "lab", **options)
    try:
        lab.start(application)
        lab.join(house.address, house.tokens["ada"])
        yield lab
    finally:
        lab.stop()


@pytest.mark.parametrize("another_lab", [{"locale": "de_DE"}], indirect=True)
def test_every_text_is_there_in_german(another_lab: Lab, page: Page) -> None:
    desk = Desk(page, another_lab)
    desk.open(another_lab.write("deutsch.ipynb", SOLUTION))
    expect(desk.submit_button).to_have_text("Blind einreichen")
    desk.show_panel()
    expect(desk.panel.get_by_role("tab", name="Rangliste")).to_be_visible()
    desk.open_dialog()
    expect(desk.dialog).to_contain_text("erlaubt")


@pytest.mark.long
@pytest.mark.parametrize("another_lab", [{"base_url": "/user/ada/"}], indirect=True)
def test_it_works_behind_a_hub(another_lab: Lab, page: Page) -> None:
    desk = Desk(page, another_lab)
    desk.open(another_lab.write("hub.ipynb", SOLUTION))
    desk.show_panel()
    desk.submit("behind a hub")
    expect(desk.row("behind a hub").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)


@pytest.mark.long
@pytest.mark.parametrize("another_lab", [{"application": "notebook"}], indirect=True)
def test_it_works_in_notebook_7(another_lab: Lab, page: Page) -> None:
    desk = Desk(page, another_lab)
    page.goto(another_lab.address("notebooks/" + another_lab.write("seven.ipynb", SOLUTION)))
    page.locator(".pkit-SubmitButton-main").click(timeout=30_000)
    desk.dialog.get_by_label("Name").fill("in Notebook 7")
    desk.dialog.get_by_role("button", name="Submit blind").click()
    expect(desk.panel).to_be_visible()
    expect(desk.row("in Notebook 7").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)
    expect(desk.toasts.filter(has_text="in Notebook 7: roc_auc_score")).to_be_visible()
    assert desk.violations("#participant-kit-panel") == []
    page.goto(another_lab.address("notebooks/" + another_lab.write("fails.ipynb", "1 / 0", SOLUTION)))
    desk.menu("Rehearse on the Sample")
    toast = desk.toasts.filter(has_text="Rehearsal of fails.ipynb")
    expect(toast).to_contain_text("divided by zero", timeout=60_000)
    toast.get_by_role("button", name="Open the log").click()
    expect(page.locator(".pkit-PageDialog .pkit-Log")).to_contain_text("ZeroDivisionError")  # there are no tabs
