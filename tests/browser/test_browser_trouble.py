"""What goes wrong has a sentence of its own in the page, and a way on."""

from __future__ import annotations

import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from house import ON_REAL_DATA, SLUG, SOLUTION, House, wait_until
from lab import Desk, Lab
from playwright.sync_api import expect

SLOW = "import time\ntime.sleep(0 if not real else 8)\n"


def test_a_notebook_that_fails_on_the_sample_leads_to_its_cell_and_its_log(joined: Lab, desk: Desk) -> None:
    path = joined.write("fails.ipynb", "x = 1", "raise KeyError('no such column')", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("it fails")
    row = desk.row("it fails")
    expect(row.locator(".pkit-State")).to_have_text("Failed", timeout=60_000)
    expect(row).to_contain_text("A column, level or key does not exist")
    expect(row).to_contain_text("not counted")
    toast = desk.toasts.filter(has_text="it fails")
    expect(toast).to_be_visible()
    desk.page.locator(".jp-NotebookPanel .jp-Notebook .jp-Cell").first.click()
    toast.get_by_role("button", name="Go to cell").click()
    wait_until(lambda: desk.active_cell() == 4, what="the cell that failed is chosen")
    desk.page.locator(".jp-NotebookPanel .jp-Notebook .jp-Cell").first.click()
    row.get_by_role("button", name="Go to cell 4").click()
    wait_until(lambda: desk.active_cell() == 4, what="the cell that failed is chosen")
    row.get_by_role("button", name="Open the rehearsal log").click()
    expect(desk.page.locator(".pkit-Log")).to_contain_text("no such column")
    assert desk.violations(".pkit-Log") == []


def test_a_notebook_that_fails_on_the_real_data_tells_where_and_nothing_more(joined: Lab, desk: Desk) -> None:
    path = joined.write("real.ipynb", f"{ON_REAL_DATA}assert not real, 'a-secret-row-4711'", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("only over there")
    row = desk.row("only over there")
    expect(row.locator(".pkit-State")).to_have_text("Failed", timeout=60_000)
    expect(row).to_contain_text("did not hold")
    expect(row.get_by_role("button", name="Go to cell 3")).to_be_visible()
    expect(row.get_by_role("button", name="Open the rehearsal log")).to_have_count(0)
    assert "a-secret-row" not in desk.panel.inner_text()


def test_a_rehearsal_here_shows_progress_and_leads_to_its_cell(joined: Lab, desk: Desk) -> None:
    path = joined.write("rehearsed.ipynb", "print('so far')", "1 / 0", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.menu("Rehearse on the Sample")
    toast = desk.toasts.filter(has_text="Rehearsal of rehearsed.ipynb")
    expect(toast).to_contain_text("Something was divided by zero", timeout=60_000)
    expect(desk.panel.locator(".pkit-Jobs")).to_contain_text("Rehearsal of rehearsed.ipynb")
    assert desk.violations("#participant-kit-panel") == []
    toast.get_by_role("button", name="Open the log").click()
    expect(desk.page.locator(".pkit-Log")).to_contain_text("ZeroDivisionError")
    desk.panel.locator(".pkit-Jobs").get_by_role("button", name="Go to cell").click()
    wait_until(lambda: desk.active_cell() == 4, what="the cell that failed is chosen")


def test_mistakes_are_named_with_their_cells_and_nothing_can_be_sent(joined: Lab, desk: Desk) -> None:
    path = joined.write("mistakes.ipynb", "def broken(:", "import no_such_package", SOLUTION)
    desk.open(path)
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url.partition("?")[0].rpartition("/")[2]))
    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("2 mistakes must be corrected")
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_disabled()
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    assert desk.violations(".jp-Dialog-content") == []
    dialog.get_by_role("button", name="Go to cell 4").click()
    expect(dialog).to_have_count(0)
    wait_until(lambda: desk.active_cell() == 4, what="the cell with the mistake is chosen")
    assert "preview" in asked
    assert "submissions" not in asked


def test_warnings_can_be_overridden(joined: Lab, desk: Desk) -> None:
    path = joined.write("warned.ipynb", "page = 'https://example.org/data.csv'", SOLUTION)
    desk.open(path)
    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("1 warning")
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_disabled()
    dialog.get_by_role("checkbox").check()
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_enabled()
    desk.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_what_is_not_saved_is_saved_first(joined: Lab, desk: Desk) -> None:
    path = joined.write("unsaved.ipynb", "before = 1", SOLUTION)
    desk.open(path)
    cell = desk.page.locator(".jp-CodeCell .cm-content").nth(1)
    cell.click()
    desk.page.keyboard.type("typed_just_now = 4711\n")
    desk.open_dialog()
    assert "typed_just_now = 4711" in (joined.files / path).read_text()
    desk.page.keyboard.press("Escape")


def test_a_notebook_outside_of_a_challenge_has_no_button(joined: Lab, desk: Desk) -> None:
    (joined.files / "mine.ipynb").write_bytes((joined.kit / "starter_notebooks" / "02_baseline.ipynb").read_bytes())
    desk.open("mine.ipynb")
    desk.page.wait_for_timeout(500)
    expect(desk.page.locator(".pkit-SubmitButton")).to_be_hidden()


def test_a_notebook_that_was_renamed_and_deleted_while_queued(joined: Lab, desk: Desk) -> None:
    path = joined.write("moved.ipynb", "raise ValueError('over here')", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("it moved away")
    (joined.files / path).unlink()
    row = desk.row("it moved away")
    expect(row.locator(".pkit-State")).to_have_text("Failed", timeout=60_000)
    row.get_by_role("button", name="Go to cell 3").click()
    expect(desk.toasts.filter(has_text="this is the one that was sent")).to_be_visible()
    expect(desk.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")).to_contain_text("over here")


def test_the_notebook_that_was_sent_the_receipt_again_and_cancel(house: House, joined: Lab, desk: Desk) -> None:
    path = joined.write("sent.ipynb", "exactly = 'this'", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("sent as it was")
    row = desk.row("sent as it was")
    expect(row.locator(".pkit-State")).to_have_text("Scored", timeout=60_000)
    row.get_by_role("button", name="Copy the receipt").click()
    expect(desk.toasts.filter(has_text="The receipt is in the clipboard")).to_be_visible()
    receipt = desk.page.evaluate("() => navigator.clipboard.readText()")
    assert '"payloadType"' in receipt
    row.get_by_role("button", name="Open the notebook as it was sent").click()
    front = desk.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")
    expect(front).to_contain_text("exactly = 'this'")
    house.stop("rehearsal")
    try:
        row.get_by_role("button", name="Submit again").click()
        desk.dialog.get_by_role("button", name="Submit blind").click()
        again = desk.row("sent as it was")
        expect(again.locator(".pkit-State")).to_have_text("Queued", timeout=20_000)
        expect(again).to_contain_text("Place 1 in the queue")
        again.get_by_role("button", name="Cancel").click()
        desk.dialog.get_by_role("button", name="Cancel it").click()
        expect(again.locator(".pkit-State")).to_have_text("Cancelled")
    finally:
        house.start_runner(house.roles[0])


@pytest.mark.long
def test_two_tabs_see_the_same(joined: Lab, desk: Desk) -> None:
    other = Desk(desk.page.context.new_page(), joined)
    path = joined.write("tabs.ipynb", SOLUTION)
    desk.open(path)
    desk.show_panel()
    other.page.goto(joined.address("lab/workspaces/other"))
    expect(other.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=30_000)
    other.show_panel()
    desk.submit("in two tabs")
    for each in (desk, other):
        expect(each.row("in two tabs").locator(".pkit-State")).to_have_text("Scored", timeout=60_000)


def test_the_gateway_is_stopped_during_a_run_and_started_again(house: House, joined: Lab, desk: Desk) -> None:
    path = joined.write("outage.ipynb", f"{ON_REAL_DATA}{SLOW}", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("through an outage")
    row = desk.row("through an outage")
    expect(row.locator(".pkit-State")).to_have_text("Running", timeout=60_000)
    house.stop("gateway")
    expect(desk.panel).to_contain_text("The gateway cannot be reached", timeout=40_000)
    expect(desk.panel).to_contain_text("Nothing is lost")
    assert desk.violations("#participant-kit-panel") == []
    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("The gateway cannot be reached", timeout=30_000)
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_disabled()
    desk.page.keyboard.press("Escape")
    house.start_gateway()
    expect(row.locator(".pkit-State")).to_have_text("Scored", timeout=90_000)  # without a click
    expect(desk.panel).not_to_contain_text("The gateway cannot be reached", timeout=20_000)


@pytest.mark.long
def test_jupyter_server_is_restarted_and_the_page_reloaded_during_a_run(joined: Lab, desk: Desk) -> None:
    path = joined.write("restart.ipynb", f"{ON_REAL_DATA}{SLOW}", SOLUTION)
    desk.open(path)
    desk.show_panel()
    desk.submit("through a restart")
    row = desk.row("through a restart")
    expect(row.locator(".pkit-Progress")).to_be_visible()
    joined.stop()
    expect(desk.panel).to_contain_text("Jupyter Server does not answer")
    joined.start()
    expect(desk.panel).not_to_contain_text("Jupyter Server does not answer", timeout=30_000)
    desk.page.reload()
    desk.show_panel()
    expect(row.locator(".pkit-State")).to_have_text("Scored", timeout=90_000)


def test_a_spent_quota_says_when_there_is_more(house: House, joined: Lab, desk: Desk) -> None:
    with house.other_card(lambda card: card["phases"][0].update(total=1)):
        desk.open(joined.write("spent.ipynb", SOLUTION))
        dialog = desk.open_dialog()
        expect(dialog).to_contain_text("Nothing is left to submit with")
        expect(dialog.get_by_role("button", name="Submit blind")).to_be_disabled()


def test_a_revoked_token_asks_for_another_and_goes_on(house: House, joined: Lab, desk: Desk) -> None:
    desk.open(joined.write("revoked.ipynb", SOLUTION))
    desk.show_panel()
    expect(desk.panel.locator(".pkit-Challenge")).to_be_visible()
    house.expire("ada")
    expect(desk.panel).to_contain_text("does not take your token any more", timeout=30_000)
    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("does not take your token any more")
    dialog.get_by_role("button", name="Enter a token").click()
    expect(dialog).to_have_count(0)
    join = desk.page.locator(".pkit-Join")
    expect(join.get_by_label("Gateway address")).to_have_value(house.address)
    house.tokens["ada"] = house.token("ada", "participant")  # what the tests after this one log in with
    join.get_by_label("Invitation token").fill(house.tokens["ada"])
    join.get_by_role("button", name="Show challenges").click()
    expect(join).to_contain_text("You are ada")
    expect(desk.panel).not_to_contain_text("does not take your token any more", timeout=20_000)


def test_a_challenge_that_has_just_closed(house: House, joined: Lab, desk: Desk) -> None:
    desk.open(joined.write("closed.ipynb", SOLUTION))
    dialog = desk.open_dialog()
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_enabled()
    with house.other_card(lambda card: card["phases"][0].update(starts="2020-01-01", ends="2020-01-02")):
        dialog.get_by_role("button", name="Submit blind").click()
        expect(dialog).to_contain_text("No phase of this challenge is open")
    desk.page.keyboard.press("Escape")  # the button that had the focus cannot be pressed any more
    expect(dialog).to_have_count(0)


def test_a_gateway_with_a_certificate_that_nobody_knows_gets_no_token(joined: Lab, desk: Desk, tmp_path: Path) -> None:
    heard: list[bytes] = []
    with certified_by_nobody(tmp_path, heard) as address:
        desk.open()
        desk.page.locator(".jp-LauncherCard", has_text="Join a challenge").click()
        join = desk.page.locator(".pkit-Join")
        join.get_by_label("Gateway address").fill(address)
        join.get_by_label("Invitation token").fill("a-token-of-mine")
        join.get_by_role("button", name="Show challenges").click()
        expect(join).to_contain_text("a certificate that this machine does not trust", timeout=20_000)
        expect(join).to_contain_text("Nothing was sent")
    assert not heard


def test_a_kit_that_needs_a_newer_version_says_so(joined: Lab, desk: Desk) -> None:
    newer = joined.files / "newer"
    shutil.copytree(joined.kit, newer)
    card = newer / "challenge.yaml"
    card.write_text(card.read_text().replace("schema_version: 1", "schema_version: 2"))
    try:
        desk.open("newer/starter_notebooks/02_baseline.ipynb")
        dialog = desk.open_dialog()
        expect(dialog).to_contain_text("a newer version of participant-kit")
        expect(dialog).to_contain_text("pip install -U participant-kit")
        expect(dialog.get_by_role("button", name="Submit blind")).to_be_disabled()
    finally:
        shutil.rmtree(newer)


def test_a_notebook_without_a_kernel_can_be_sent_and_says_which_one_to_choose(joined: Lab, desk: Desk) -> None:
    desk.open(joined.write("kernelless.ipynb", SOLUTION))
    page = desk.page
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle", timeout=30_000)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("No Kernel", timeout=30_000)
    dialog = desk.open_dialog()
    expect(dialog).to_contain_text("This notebook has no kernel here.")
    expect(dialog).to_contain_text(f"pkit-{SLUG}")
    expect(dialog.get_by_role("button", name="Submit blind")).to_be_enabled()
    page.keyboard.press("Escape")


@contextmanager
def certified_by_nobody(folder: Path, heard: list[bytes]) -> Iterator[str]:
    """The address of a server with a certificate of its own making; ``heard`` gets what it is sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "all.pem").write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "all.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.requestline.encode())

        do_POST = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that goes away is the point
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
