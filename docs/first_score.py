"""From an empty gateway to an invited participant's first score, by the pages alone: ``make first-score``.

A real browser does what an organizer and a participant do, and counts their clicks and the fields that they fill in.
What is done elsewhere is done as the documentation says: the gateway is started, the kit is built where the data is,
and the data holder starts the runners with the tokens that the desk has made. Prints a table for docs/organizers.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab import CHROMIUM_FLAGS, Desk, Lab, chromium
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli.demo import Part, end_all, prepare, start_gateway, start_runners, wait_for_runners
from participant_kit.gateway.accounts import create_token
from participant_kit.organizer.kit import build_kit

SLUG, NOTEBOOK = "nhanes-diabetes", "starter_notebooks/02_baseline.ipynb"
TITLE = "Diagnosed diabetes"


@dataclass
class Step:
    """One row of the table."""

    who: str
    what: str
    clicks: int = 0
    fields: int = 0
    seconds: float = 0.0


@dataclass
class Hand:
    """Clicks and types, and counts both for the step that is being done."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, who: str, what: str) -> Iterator[None]:
        """Count what is done here, and say it."""
        self.steps.append(Step(who, what))
        began = time.monotonic()
        yield
        self.steps[-1].seconds = time.monotonic() - began
        sys.stderr.write(f"{self.steps[-1]}\n")

    def click(self, what: Locator) -> None:
        """Press it."""
        what.click()
        self.steps[-1].clicks += 1

    def press(self, page: Page | Locator, name: str) -> None:
        """Press the button or link of that name."""
        self.click(
            page.get_by_role("button", name=name, exact=True).or_(page.get_by_role("link", name=name, exact=True))
        )

    def fill(self, page: Page | Locator, label: str, text: str) -> None:
        """Type into a field, or paste into it."""
        page.get_by_label(label, exact=True).fill(text)
        self.steps[-1].fields += 1


def main() -> None:
    """Set up what is no page, then go from page to page."""
    with tempfile.TemporaryDirectory() as folder:
        root, parts = Path(folder) / "house", list[Part]()
        os.environ.update(PKIT_KEYRING="off", PKIT_HOME=str(root / "home"))
        for each in ("gateway", "keys", "logs", "tokens"):
            (root / each).mkdir(parents=True, mode=0o700)
        lab = Lab(Path(folder) / "lab", slug=SLUG)
        try:
            challenge = root / "holder" / SLUG
            prepare(root, challenge)
            kit = build_kit(ChallengeFolder(challenge), parity=False).zip
            token = create_token(root / "gateway", "org", "organizer")
            start_gateway(root, parts)
            gateway = parts[0].wait_for(root / "gateway" / "address")
            lab.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
                hand = Hand()
                link = organize(hand, browser, gateway, token, kit, root / "tokens")
                with hand.step("data holder", "starts both runners, which test their sandboxes (no page)"):
                    start_runners(root, challenge, gateway, parts)
                    wait_for_runners(root, parts)
                take_part(hand, browser, lab, gateway, link)
            sys.stdout.write(table(hand.steps))
        finally:
            lab.stop()
            end_all(parts)


def organize(hand: Hand, browser: Browser, gateway: str, token: str, kit: Path, tokens: Path) -> str:
    """Log in, publish, let runners in, invite; the link."""
    page = browser.new_context().new_page()
    with hand.step("organizer", "opens the gateway's address, logs in with the operator's token"):
        page.goto(gateway)
        hand.press(page, "Log in")
        hand.fill(page, "Token", token)
        hand.press(page, "Log in")
        hand.press(page, "Desk")
    with hand.step("organizer", "publishes the challenge from its kit"):
        hand.fill(page, "Publish a challenge that is not here yet", SLUG)
        hand.press(page, "Choose its kit")
        page.get_by_label("The kit").set_input_files(kit)
        hand.steps[-1].fields += 1
        hand.press(page, "Show what publishing it does")
        expect(page.get_by_role("status")).to_contain_text("becomes public")
        hand.press(page, "Publish")
        expect(page.get_by_role("heading", level=1)).to_contain_text(TITLE)
    with hand.step("organizer", "makes a token for each of the two runners"):
        hand.press(page, "Runners")
        for role in ("blind", "rehearsal"):
            hand.fill(page, "Name", role)
            if role != "blind":  # it is chosen already
                page.get_by_label("Role").select_option(role)
                hand.steps[-1].fields += 1
            hand.press(page, "Make its token")
            (tokens / role).touch(mode=0o600)
            (tokens / role).write_text(page.get_by_role("status").locator("pre").first.inner_text())
    with hand.step("organizer", "makes a link for one participant"):
        hand.press(page, "Invitations")
        hand.press(page, "Make a link")
        return page.get_by_role("status").locator("pre").inner_text()


def take_part(hand: Hand, browser: Browser, lab: Lab, gateway: str, link: str) -> None:
    """Open the link, join in JupyterLab, run, send, and see the score there and on the board."""
    guest = browser.new_context().new_page()
    with hand.step("participant", "opens the link, chooses a name, gets a token"):
        guest.goto(link)
        hand.fill(guest, "Name", "newton")
        hand.press(guest, "Take part")
        token = guest.locator("pre").first.inner_text()
    desk = Desk(browser.new_context(viewport={"width": 1280, "height": 860}).new_page(), lab)
    desk.open()
    with hand.step("participant", "joins in JupyterLab: the kit, and a kernel with its packages"):
        hand.click(desk.page.locator(".jp-LauncherCard", has_text="Join a challenge"))
        join = desk.page.locator(".pkit-Join")
        hand.fill(join, "Gateway address", gateway)
        hand.fill(join, "Invitation token", token)
        hand.press(join, "Show challenges")
        expect(join).to_contain_text("You are newton")
        hand.press(join, "Join")
        expect(desk.page.locator(".jp-NotebookPanel .jp-Notebook")).to_be_visible(timeout=600_000)
    with hand.step("participant", "opens the starter notebook 02_baseline, runs all of it on the sample"):
        desk.page.goto(lab.address(f"lab/tree/{SLUG}/{NOTEBOOK}") + "&reset")
        hand.steps[-1].clicks += 1  # in the list of files
        expect(desk.submit_button).to_be_visible(timeout=60_000)
        expect(desk.page.locator("#jp-main-statusbar")).to_contain_text("(participant-kit) | Idle", timeout=120_000)
        for name in ("Run", "Run All Cells"):
            hand.click(desk.page.get_by_role("menuitem", name=name, exact=True))
        expect(desk.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=180_000)
    with hand.step("participant", "sends it; it is rehearsed, runs blind, and its score comes back"):
        hand.click(desk.submit_button)
        expect(desk.dialog.locator(".pkit-Submit-body")).to_be_visible(timeout=60_000)
        hand.press(desk.dialog, "Submit blind")
        expect(desk.panel).to_be_visible()  # it opens by itself
        expect(desk.rows.first.locator(".pkit-State")).to_have_text("Scored", timeout=300_000)
    with hand.step("participant", "finds the own row on the challenge's leaderboard"):
        hand.press(guest, "To the challenges")
        hand.click(guest.locator(".cards").get_by_role("link", name="leaderboard"))
        expect(guest.locator("tr.mine")).to_contain_text("newton")


def table(steps: list[Step]) -> str:
    """Rows of Markdown, and what they add up to."""
    lines = ["| who | does what | clicks | fields | seconds |", "|---|---|---:|---:|---:|"]
    total = Step(
        "", "**all**", *(sum(getattr(each, name) for each in steps) for name in ("clicks", "fields", "seconds"))
    )
    for each in (*steps, total):
        counts = f"{each.clicks or ''} | {each.fields or ''}"
        lines.append(f"| {each.who} | {each.what} | {counts} | {each.seconds:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
