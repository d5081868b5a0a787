"""A Codabench competition from the button in the toolbar to the leaderboard, in every theme."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from codabench_server import COMPETITION, PASSWORD, TOKEN, USER, CodabenchServer
from lab import Desk, Lab
from playwright.sync_api import Page, expect
from support import SOLUTION, long, make_notebook

THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture(scope="module")
def server() -> Iterator[CodabenchServer]:
    server = CodabenchServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def wheat(server: CodabenchServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of somebody who has logged in and joined in a terminal, as they are told to."""
    lab = Lab(tmp_path_factory.mktemp("wheat"))
    lab.run("login", "--codabench", server.address, given=f"{USER}\n{PASSWORD}\n")
    lab.run("join", "--codabench", server.competition, "--folder", "wheat")
    lab.run("join", "--codabench", f"{server.address}/competitions/{COMPETITION + 1}", "--folder", "rye")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (lab.files / "wheat" / "trees.ipynb").write_bytes(make_notebook(SOLUTION, kernelspec=kernel))
    (lab.files / "rye" / "grass.ipynb").write_bytes(make_notebook(SOLUTION, kernelspec=kernel))
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.mark.parametrize("theme", [THEMES[0], long(THEMES[1])])
def test_submit_watch_and_see_score_and_leaderboard(
    server: CodabenchServer, wheat: Lab, page: Page, theme: str
) -> None:
    wheat.set("@jupyterlab/apputils-extension:themes", {"theme": theme})
    server.moves = False
    desk = Desk(page, wheat)
    desk.open("wheat/trees.ipynb")
    expect(desk.submit_button).to_have_text("Submit to Codabench")
    assert desk.violations(".jp-NotebookPanel:not(.lm-mod-hidden) .pkit-SubmitButton") == []

    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("the notebook is not sealed")
    expect(dialog).to_contain_text("Development Phase")
    expect(dialog).not_to_contain_text("bits")
    assert desk.violations(".jp-Dialog-content") == []
    dialog.get_by_label("Name").fill(theme)
    dialog.get_by_role("button", name="Submit to Codabench").click()
    expect(dialog).to_have_count(0)

    row = desk.row(theme)
    expect(row.locator(".pkit-Progress")).to_contain_text("Codabench: Submitting")
    expect(desk.panel).to_contain_text("nothing is sealed or signed")
    assert desk.violations("#participant-kit-panel") == []
    server.moves = True
    expect(row.locator(".pkit-State")).to_have_text("Scored", timeout=60_000)  # without a reload
    expect(row).to_contain_text(re.compile(r"accuracy\s*0\.93"))
    expect(desk.toasts.filter(has_text=f"{theme}: accuracy 0.93")).to_be_visible()

    desk.panel.get_by_role("tab", name="Leaderboard").click()
    expect(desk.panel.locator("tr.pkit-mod-mine")).to_contain_text("ada (you)")
    expect(desk.panel).to_contain_text("You are at rank 2 of 2.")
    assert desk.violations("#participant-kit-panel") == []

    storage = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    for secret in (TOKEN, PASSWORD, *server.signed):
        assert secret not in page.content() + storage + wheat.log


def test_the_menu_offers_other_competitions_as_a_target(server: CodabenchServer, wheat: Lab, page: Page) -> None:
    server.moves = True
    desk = Desk(page, wheat)
    desk.open("rye/grass.ipynb")
    expect(desk.submit_button).to_be_visible()
    desk.menu("Submit to Codabench: Wheat seeds…")
    expect(desk.dialog).to_contain_text("Wheat seeds")
    desk.dialog.get_by_label("Name").fill("from elsewhere")
    desk.dialog.get_by_role("button", name="Submit to Codabench").click()
    expect(desk.row("from elsewhere").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)
    expect(desk.panel.locator("h2")).to_have_text("Wheat seeds")
