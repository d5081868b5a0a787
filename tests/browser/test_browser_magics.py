"""``%blind`` in a cell: in the challenge's own kernel, and in one with this package and ipywidgets."""

from __future__ import annotations

import json
import re

import pytest
from house import SLUG, SOLUTION
from lab import Desk, Lab
from playwright.sync_api import expect
from support import long


@pytest.mark.parametrize("kernel", [long(f"pkit-{SLUG}"), "python3"])
def test_a_cell_submits_its_notebook_and_shows_what_becomes_of_it(joined: Lab, desk: Desk, kernel: str) -> None:
    name = f"from a cell, {kernel}"
    path = joined.write(f"cell-{kernel}.ipynb", SOLUTION, "%load_ext participant_kit", f'%blind submit --name "{name}"')
    notebook = json.loads((joined.files / path).read_text())
    notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    (joined.files / path).write_text(json.dumps(notebook))
    page = desk.page
    desk.open(path)
    desk.show_panel()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=30_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    output = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output").last
    expect(output).to_contain_text(re.compile("queued|rehearsing|running|scored"), timeout=60_000)
    expect(desk.row(name)).to_be_visible(timeout=10_000)  # the panel hears of it without being asked
    expect(output).to_contain_text("verified", timeout=60_000)
    expect(output).to_contain_text("roc_auc_score")
    expect(desk.row(name).locator(".pkit-State")).to_have_text("Scored")
    assert desk.violations(".jp-OutputArea-output .pkit") == []
