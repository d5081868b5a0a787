"""Takes the pictures of the documentation: ``make pictures``.

The demonstration runs with three participants; a browser works as one of them, in JupyterLab and in Notebook 7, and
looks at the gateway's pages. ``python docs/pictures.py pages`` takes those of the pages alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import requests
from lab import CHROMIUM_FLAGS, Desk, Lab, chromium
from playwright.sync_api import Browser, Page, expect, sync_playwright

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli.demo import (
    Part,
    end_all,
    make_accounts,
    prepare,
    start_gateway,
    start_runners,
    wait_for_runners,
)
from participant_kit.gateway.accounts import create_token
from participant_kit.organizer.publish import publish_challenge
from participant_kit.organizer.report import ORGANIZER, write_organizer_report, write_published_report
from participant_kit.organizer.synthesize import read_guarantee
from participant_kit.participant import Client
from participant_kit.protocol.messages import API_PREFIX

SLUG, NOTEBOOK = "nhanes-diabetes", "starter_notebooks/02_baseline.ipynb"
PICTURES = Path(__file__).parent / "pictures"
BOOSTING = """from sklearn.ensemble import HistGradientBoostingClassifier

model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=80, learning_rate=0.05)"""
FEWER = "model = model.set_params(logisticregression__C=0.001)"
BROKEN = 'train["glucose"].describe()'


def main() -> None:
    """Set the house up, then take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        root, parts = Path(folder) / "demo", list[Part]()
        os.environ.update(PKIT_KEYRING="off", PKIT_HOME=str(root / "home"))
        lab = Lab(Path(folder) / "lab", slug=SLUG)
        try:
            gateway = start(root, parts)
            for name, cell in (("bob", FEWER), ("cleo", BOOSTING)):
                submit_as(root, gateway, name, cell)
            if sys.argv[1:] == ["pages"]:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
                    pages(browser, root, gateway)
                    desk(browser, root, gateway)
                    holder(browser, root)
                return
            lab.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
                page = browser.new_page(viewport={"width": 1240, "height": 800})
                work(Desk(page, lab), gateway, (root / "tokens" / "ada").read_text())
                lab.stop()
                lab.start("notebook")
                notebook(page, lab)
                reports(browser, ChallengeFolder(root / "holder" / SLUG))
                pages(browser, root, gateway)
                desk(browser, root, gateway)
                holder(browser, root)
        finally:
            lab.stop()
            end_all(parts)


def start(root: Path, parts: list[Part]) -> str:
    """The gateway, a published challenge, and both runners; the gateway's address."""
    challenge = root / "holder" / SLUG
    make_accounts(root, root / "tokens")
    start_gateway(root, parts)
    prepare(root, challenge)
    gateway = parts[0].wait_for(root / "gateway" / "address")
    publish_challenge(ChallengeFolder(challenge), gateway, (root / "tokens" / "organizer").read_text(), parity=False)
    start_runners(root, challenge, gateway, parts)
    wait_for_runners(root, parts)
    return gateway


def reports(browser: Browser, challenge: ChallengeFolder) -> None:
    """The organizer's report on the sample, in both schemes, and the published one on a narrow page."""
    if (guarantee := read_guarantee(challenge)) is None:
        raise SystemExit("The demonstration has no sample.")
    published = write_published_report(challenge, guarantee)
    write_organizer_report(challenge, guarantee)
    own = challenge.root / "private" / f"{ORGANIZER}.html"
    shots: list[tuple[str, Path, Literal["light", "dark"], int]] = [
        ("report", own, "light", 1000),
        ("report-dark", own, "dark", 1000),
        ("report-published", published, "light", 420),
    ]
    for name, path, scheme, width in shots:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(path.as_uri())
        take(page, name)
        page.close()


def pages(browser: Browser, root: Path, gateway: str) -> None:
    """The gateway's pages as everybody sees them, wide and narrow, in both schemes."""
    home = f"{gateway}/challenges/{SLUG}"
    login = {"Authorization": f"Bearer {create_token(root / 'gateway', 'cleo', 'participant')}"}
    mine = requests.get(f"{gateway}{API_PREFIX}/submissions", headers=login, timeout=30).json()[0]["id"]
    receipt = root / "receipt.json"
    address = f"{gateway}{API_PREFIX}/submissions/{mine}/receipt"
    receipt.write_bytes(requests.get(address, headers=login, timeout=30).content)
    shots: list[tuple[str, str, Literal["light", "dark"], int, int]] = [
        ("pages-overview", home, "light", 1100, 900),
        ("pages-data", f"{home}/data", "dark", 1100, 900),
        ("pages-rules", f"{home}/rules", "light", 1100, 900),
        ("pages-leaderboard", f"{home}/leaderboard?name=cleo", "light", 1100, 900),
        ("pages-leaderboard-narrow", f"{home}/leaderboard?name=cleo", "dark", 360, 900),
        ("pages-receipt", f"{home}/receipts", "light", 1100, 900),
    ]
    for name, address, scheme, width, height in shots:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(address)
        if name == "pages-receipt":
            page.get_by_label("or choose a file").set_input_files(receipt)
            expect(page.locator("#outcome")).to_contain_text("Verified.")
        take(page, name)
        page.close()


def desk(browser: Browser, root: Path, gateway: str) -> None:
    """The organizer's desk, and what changing a phase would do."""
    page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
    page.goto(f"{gateway}/login?next=/desk")
    page.get_by_label("Token").fill(create_token(root / "gateway", "org", "organizer"))
    page.get_by_role("button", name="Log in").click()
    take(page, "desk-overview")
    page.goto(f"{gateway}/desk/challenges/{SLUG}")
    page.get_by_label("Submissions in all").first.fill("50")
    page.get_by_role("button", name="Show what this does").click()
    page.get_by_role("status").scroll_into_view_if_needed()
    take(page, "desk-phase")
    page.close()


def holder(browser: Browser, root: Path) -> None:
    """The holder's desk, as the command opens it."""
    words = ["--state", str(root / "blind"), "--challenge", str(root / "holder" / SLUG), "--json"]
    command = [sys.executable, "-m", "participant_kit.cli.main", "holder", "open", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        said = ""
        while not said.endswith("}\n") and server.stdout:
            said += server.stdout.readline()
        opened = json.loads(said)
        page = browser.new_page(viewport={"width": 1000, "height": 900}, color_scheme="dark")
        page.goto(opened["address"])
        page.fill("#code", opened["code"])
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#egress td").first).to_be_visible()
        take(page, "holder-desk")
        page.close()
        server.terminate()


def submit_as(root: Path, gateway: str, name: str, cell: str) -> None:
    """A score of somebody else's."""
    os.environ["PKIT_HOME"] = str(root / name)
    client = Client(gateway, create_token(root / "gateway", name, "participant"))
    kit = client.join(SLUG, root / name / SLUG, kernel=False)
    path = kit.root / "starter_notebooks" / "mine.ipynb"
    change(kit.root / NOTEBOOK, path, cell)
    client.submit(path).wait(120)


def change(source: Path, target: Path, cell: str) -> None:
    """The baseline with one more cell before it predicts."""
    content: dict[str, Any] = json.loads(source.read_text())
    new = {"cell_type": "code", "id": "more", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
    predict = [cell["id"] for cell in content["cells"]].index("predict")
    content["cells"].insert(predict, new)
    target.write_text(json.dumps(content))


def work(desk: Desk, gateway: str, token: str) -> None:
    """What a participant does, with a picture of each step."""
    page, lab = desk.page, desk.lab
    desk.open()
    page.locator(".jp-LauncherCard", has_text="Join a challenge").click()
    join = page.locator(".pkit-Join")
    join.get_by_label("Gateway address").fill(gateway)
    join.get_by_label("Invitation token").fill(token)
    join.get_by_role("button", name="Show challenges").click()
    expect(join).to_contain_text("You are ada")
    take(page, "join")
    join.get_by_role("button", name="Join", exact=True).click()
    expect(page.locator(".jp-NotebookPanel .jp-Notebook")).to_be_visible(timeout=300_000)
    for name, cell in (("boosting", BOOSTING), ("glucose", BROKEN)):
        change(lab.kit / NOTEBOOK, lab.kit / "starter_notebooks" / f"{name}.ipynb", cell)
    score(desk, NOTEBOOK, "the baseline", "as it came")
    score(desk, "starter_notebooks/boosting.ipynb", "boosting", "80 trees, slow learning")

    desk.open(f"{SLUG}/starter_notebooks/glucose.ipynb")
    desk.show_panel()
    desk.submit("a new column")
    row = desk.row("a new column")
    expect(row.locator(".pkit-State")).to_have_text("Failed", timeout=120_000)
    row.get_by_role("button", name="Go to cell").click()
    expect(page.locator(".jp-Cell.jp-mod-active")).to_contain_text("glucose")
    expect(desk.toasts).to_be_visible()
    take(page, "failed")

    desk.open(f"{SLUG}/starter_notebooks/boosting.ipynb")
    desk.show_panel()
    dialog = desk.open_dialog()
    dialog.get_by_label("Name").fill("boosting, again")
    take(page, "submit")
    dialog.get_by_role("button", name="Submit blind").click()
    expect(desk.row("boosting, again").locator(".pkit-State")).to_have_text("Running", timeout=60_000)
    take(page, "light")
    expect(desk.row("boosting, again").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)
    theme = "@jupyterlab/apputils-extension:themes"
    for name, chosen in (("dark", "JupyterLab Dark"), ("high-contrast", "JupyterLab Dark High Contrast")):
        lab.set(theme, {"theme": chosen})
        desk.open(f"{SLUG}/starter_notebooks/boosting.ipynb")
        desk.show_panel().get_by_role("tab", name="Leaderboard" if name == "dark" else "Submissions").click()
        expect(desk.panel.locator(".pkit-View")).to_be_visible()
        take(page, name)
    lab.set(theme, {"theme": "JupyterLab Light"})
    desk.open(f"{SLUG}/starter_notebooks/boosting.ipynb")
    desk.show_panel()
    desk.narrow(250)
    expect(desk.rows.first).to_be_visible()
    desk.panel.screenshot(path=PICTURES / "narrow.png")


def score(desk: Desk, path: str, name: str, note: str) -> None:
    """Submit a notebook and wait for its score."""
    desk.open(f"{SLUG}/{path}")
    desk.show_panel()
    dialog = desk.open_dialog()
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Note").fill(note)
    dialog.get_by_role("button", name="Submit blind").click()
    expect(desk.row(name).locator(".pkit-State")).to_have_text("Scored", timeout=120_000)


def notebook(page: Page, lab: Lab) -> None:
    """Notebook 7, with the panel opened by its command."""
    desk = Desk(page, lab)
    page.goto(lab.address(f"notebooks/{SLUG}/{NOTEBOOK}"))
    expect(page.locator(".pkit-SubmitButton-main")).to_be_visible(timeout=30_000)
    desk.menu("Show Submissions")
    expect(desk.rows.first).to_be_visible()
    take(page, "notebook-7")


def take(page: Page, name: str) -> None:
    """One picture, once what moves has come to rest."""
    page.wait_for_timeout(700)
    page.screenshot(path=PICTURES / f"{name}.png")
    sys.stdout.write(f"docs/pictures/{name}.png\n")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    main()
