"""The gateway's pages in a real browser: both themes, narrow and wide, by keyboard, without JavaScript, and quickly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient
from gateway_process import GatewayProcess
from gateway_world import API, World
from lab import AXE
from pages_world import FULL, crowd, make_full_kit, score
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support import long

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings

PEOPLE = 20_000
in_both_themes = pytest.mark.parametrize(
    ("scheme", "width"), [("light", 360), ("dark", 1440), long("dark", 360), long("light", 1440)]
)
HOME = "/challenges/small"
DAY = datetime.now(UTC).date() - timedelta(3)
BOARD = f"{HOME}/leaderboard"
PATHS = (
    *(
        "/",
        HOME,
        f"{HOME}/data",
        f"{HOME}/rules",
        f"{HOME}/kit",
        f"{HOME}/receipts",
        f"{HOME}/pages/about.md",
        "/nowhere",
    ),
    *(f"{BOARD}?name=ada", f"{BOARD}/{DAY}", f"{BOARD}?phase=final", f"{BOARD}/embed"),
)
CARD = FULL.replace(
    b"per_day: 10, total: 100}\n",
    b"per_day: 10, total: 100}\n"
    b"  - {name: final, starts: 2036-01-01, ends: 2036-02-01, total: 2, leaderboard: hidden}\n",
)
Scheme = Literal["light", "dark"]
PAINTED = """() => new Promise(tell => new PerformanceObserver(list => {
    const found = list.getEntriesByName('first-contentful-paint');
    if (found.length) tell(found[0].startTime);
}).observe({ type: 'paint', buffered: true }))"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """With 20,000 participants, of whom two were scored by a runner, and ada's receipt."""
    root = tmp_path_factory.mktemp("pages")
    with TestClient(create_app(Settings(root / "gateway"))) as client:
        world = World(client, root / "gateway")
        world.publish(make_full_kit(root / "kit", CARD))
        crowd(world, PEOPLE)
        score(world, "ada", 0.7)
        score(world, "base", 0.65)
        identifier = client.get(f"{API}/submissions", headers=world.auth("ada")).json()[0]["id"]
        receipt = client.get(f"{API}/submissions/{identifier}/receipt", headers=world.auth("ada")).text
    (root / "receipt.json").write_text(receipt)
    with GatewayProcess(root) as process:
        yield process


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """With nothing in it."""
    with GatewayProcess(tmp_path_factory.mktemp("bare")) as process:
        yield process


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical. It comes in through the debugger, which no policy stops."""
    page.evaluate(AXE.read_text())
    some = "{ exclude: [['#rows tr:nth-child(n + 6)']] }"  # of a hundred rows that are alike
    found: dict[str, Any] = page.evaluate(f"() => axe.run({some}, {{ resultTypes: ['violations'] }})")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@in_both_themes
def test_every_page_is_right_in_both_themes_narrow_and_wide(
    browser: Browser, gateway: GatewayProcess, scheme: Scheme, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in PATHS:
        page.goto(gateway.address + path)
        expect(page.locator("h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the window"
        if (scheme == "dark") == (width == 1440):  # axe looks at colours and structure, not at widths
            assert not violations(page), path
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(23, 23, 21)")
    page.close()
    assert not [each for each in said if "404" not in each]


def test_a_gateway_with_nothing_in_it_says_so(page: Page, bare: GatewayProcess) -> None:
    page.goto(bare.address)
    expect(page.get_by_text("No challenge is published here yet.")).to_be_visible()
    assert not violations(page)


def first_look(context: BrowserContext, address: str) -> tuple[float, float]:
    """Milliseconds until there is something to see, and bytes that came: the best of twenty, since others work here."""
    paints, sizes = [], []
    for _ in range(20):
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        got: list[float] = []
        session.on("Network.loadingFinished", lambda event, got=got: got.append(event["encodedDataLength"]))
        page.goto(address, wait_until="load")
        paints.append(page.evaluate(PAINTED))
        sizes.append(sum(got))
        page.close()
        if paints[-1] < 300:
            break
    return min(paints), max(sizes)


@pytest.mark.parametrize("most", [float("inf"), pytest.param(300, marks=pytest.mark.long)])
def test_the_first_look_at_a_page_is_small_and_quick(browser: Browser, gateway: GatewayProcess, most: float) -> None:
    for path in (HOME, f"{HOME}/data", f"{HOME}/leaderboard"):
        context = browser.new_context()
        paint, size = first_look(context, gateway.address + path)
        context.close()
        print(f"{path}: first contentful paint {paint:.0f} ms, {size / 1000:.1f} kB")
        assert paint < most and size < 60_000, (path, paint, size)


def test_the_board_is_ordered_and_turned_over_in_place(page: Page, gateway: GatewayProcess) -> None:
    page.goto(f"{gateway.address}{HOME}/leaderboard")
    page.evaluate("window.same = true")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(100)
    best = rows.first.locator("th").inner_text()
    page.locator("#by-m2").click()
    expect(page.locator("th[aria-sort]")).to_contain_text("brier_score_loss")
    expect(page).to_have_url(re.compile("sort=brier_score_loss"))
    page.locator("#next").click()
    expect(page.get_by_text("rows 101 to 200")).to_be_visible()
    assert rows.first.locator("th").inner_text() != best
    page.get_by_label("Find a name").fill("ada")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tr.mine")).to_contain_text("found")
    assert page.evaluate("window.same") is True, "the whole page was loaded"
    page.go_back()
    expect(page.get_by_text("rows 101 to 200")).to_be_visible()


def test_by_keyboard_alone_one_gets_to_the_board_and_orders_it(page: Page, gateway: GatewayProcess) -> None:
    page.goto(gateway.address + HOME)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Leaderboard":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.locator("#rows")).to_be_visible()
    page.locator("#by-participant").focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort]")).to_contain_text("participant")
    expect(page.locator("#by-participant")).to_be_focused()


def test_a_receipt_is_pasted_chosen_or_dropped_and_verified(page: Page, gateway: GatewayProcess) -> None:
    receipt = gateway.root / "receipt.json"
    outcome = page.locator("#outcome")
    page.goto(f"{gateway.address}{HOME}/receipts")
    page.evaluate("window.same = true")
    page.get_by_label("Receipt", exact=True).fill("not a receipt")
    page.get_by_role("button", name="Verify").click()
    expect(outcome).to_contain_text("Not verified.")
    expect(page.get_by_label("Receipt", exact=True)).to_have_value("not a receipt")
    page.get_by_label("or choose a file").set_input_files(receipt)
    expect(outcome).to_contain_text("the result that this gateway stores")
    page.get_by_label("Receipt", exact=True).fill("")
    page.evaluate(
        """text => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], 'receipt.json', { type: 'application/json' }));
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
        }""",
        receipt.read_text(),
    )
    expect(page.get_by_label("Receipt", exact=True)).to_have_value(receipt.read_text())
    expect(outcome).to_contain_text("0.7")
    assert page.evaluate("window.same") is True


def test_without_javascript_everything_can_be_read_and_a_receipt_be_verified(
    browser: Browser, gateway: GatewayProcess
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{gateway.address}{HOME}/leaderboard")
    page.locator("#by-participant").click()
    expect(page.locator("th[aria-sort]")).to_contain_text("participant")
    page.get_by_label("Find a name").fill("ada")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tr.mine")).to_have_count(1)
    page.goto(f"{gateway.address}{HOME}/receipts")
    expect(page.get_by_label("or choose a file")).to_be_hidden()
    page.get_by_label("Receipt", exact=True).fill((gateway.root / "receipt.json").read_text())
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#outcome")).to_contain_text("Verified.")
    context.close()


def test_the_small_board_is_shown_in_another_sites_frame_and_the_large_one_is_not(
    page: Page, gateway: GatewayProcess, serve: Callable[[Callable[[BaseHTTPRequestHandler], None]], str]
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        frame = f'<iframe src="{gateway.address}{BOARD}{request.path.rstrip("/")}" title="Board"></iframe>'.encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(frame)))
        request.end_headers()
        request.wfile.write(frame)

    other = serve(answer).replace("127.0.0.1", "localhost")
    page.goto(f"{other}/embed")
    expect(page.frame_locator("iframe").locator("table")).to_contain_text("participant-")
    page.goto(f"{other}/")
    expect(page.locator("iframe")).to_be_visible()
    expect(page.frame_locator("iframe").locator("table")).to_have_count(0)


def test_on_paper_there_is_the_page_without_what_is_for_the_screen(page: Page, gateway: GatewayProcess) -> None:
    page.goto(f"{gateway.address}{HOME}/leaderboard")
    page.emulate_media(media="print")
    expect(page.locator("#rows")).to_be_visible()
    for gone in ("nav.tabs", "form", "section.screen"):
        expect(page.locator(gone).first).to_be_hidden()
