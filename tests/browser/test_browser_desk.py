"""The organizer's desk in a real browser: both themes, narrow and wide, and from nothing to a first score."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from desk_world import fill_desk
from fastapi.testclient import TestClient
from gateway_process import GatewayProcess
from gateway_world import API, World, make_envelope, make_kit
from keyboard import tab_to, walk
from playwright.sync_api import Browser, Page, expect
from test_browser_pages import first_look, in_both_themes, violations

from participant_kit.gateway.announcements import announce
from participant_kit.gateway.app import create_app
from participant_kit.gateway.database import Database
from participant_kit.gateway.decisions import disqualify
from participant_kit.gateway.invitations import make_invitation
from participant_kit.gateway.settings import Settings
from participant_kit.gateway.teams import make_team
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.messages import Claim

Scheme = Literal["light", "dark"]
PEOPLE = 20_000


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, World, list[str]]]:
    """A gateway where something has happened; its people's tokens, and the addresses of its desk."""
    root = tmp_path_factory.mktemp("desk")
    with TestClient(create_app(Settings(root / "gateway"))) as client:
        world = World(client, root / "gateway")
        world.publish(make_kit(root / "kit"))
        scored = world.submit("ada").json()["id"]
        claim = world.claim()
        assert claim and world.finish(claim).status_code == 204
        world.submit("bob")
        database = Database(world.settings)
        with database.write() as connection:
            announce(connection, "small", "A baseline", "See **03**.", "org")
            make_team(connection, "foxes", "org")
            code = make_invitation(connection, "org", uses=3, days=7, approve=True, team="foxes", note="course")
            disqualify(connection, scored, "It was trained on the labels.", "org")
        database.close()
    paths = [
        f"/desk{path}"
        for path in ("", "/people", "/people/teams", "/invitations", "/submissions", "/announcements", "/runners")
    ]
    paths += ["/desk/audit", "/desk/export", f"/desk/submissions/{scored}", "/desk/challenges/small"]
    paths += ["/desk/challenges/small/kit", "/account", "/account/news", f"/invitation/{code}"]
    with GatewayProcess(root) as process:
        yield process, world, paths


def log_in(page: Page, address: str, token: str, path: str) -> None:
    page.goto(f"{address}/login?next={path}")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(address + path)


@in_both_themes
def test_every_page_of_the_desk_is_right_in_both_themes_narrow_and_wide(
    browser: Browser, busy: tuple[GatewayProcess, World, list[str]], scheme: Scheme, width: int
) -> None:
    gateway, world, paths = busy
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{gateway.address}/login")
    assert not violations(page)
    log_in(page, gateway.address, world.tokens["org"], "/desk")
    for path in paths:
        page.goto(gateway.address + path)
        expect(page.locator("h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the window"
        if (scheme == "dark") == (width == 1440):  # axe looks at colours and structure, not at widths
            assert not violations(page), path
    page.get_by_label("Name").fill("<b>")
    page.get_by_role("button", name="Take part").click()
    expect(page.get_by_role("alert")).to_contain_text("begins with")
    expect(page.get_by_label("Name")).to_be_focused()  # what is wrong is where one goes on
    assert not violations(page)
    page.close()
    assert not [each for each in said if "422" not in each]


def test_tab_leads_through_every_page_of_the_desk_in_order_and_one_sees_where_one_is(
    page: Page, busy: tuple[GatewayProcess, World, list[str]]
) -> None:
    gateway, world, paths = busy
    page.goto(f"{gateway.address}/login")
    assert not walk(page)
    log_in(page, gateway.address, world.tokens["org"], "/desk")
    for path in paths:
        page.goto(gateway.address + path)
        assert not walk(page), path


def test_an_organizer_works_by_keyboard_alone(page: Page, busy: tuple[GatewayProcess, World, list[str]]) -> None:
    gateway, world, _ = busy
    keys = page.keyboard
    page.goto(f"{gateway.address}/login?next=/desk/people")
    tab_to(page, "Token")
    keys.type(world.tokens["org"])
    keys.press("Enter")
    expect(page).to_have_url(f"{gateway.address}/desk/people")
    tab_to(page, "Name")
    keys.type("bob")
    keys.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    tab_to(page, "Pause bob")
    keys.press("Enter")
    expect(page.locator(".badge")).to_have_text("paused")
    expect(page).to_have_url(f"{gateway.address}/desk/people?find=bob")
    tab_to(page, "Resume bob")
    keys.press(" ")
    expect(page.get_by_role("button", name="Pause bob")).to_be_visible()
    page.goto(f"{gateway.address}/desk/challenges/small")
    tab_to(page, "Submissions in all")
    keys.press("ControlOrMeta+a")
    keys.type("none")
    tab_to(page, "Show what this does")
    keys.press("Enter")
    expect(page.get_by_label("Submissions in all")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("whole number")
    keys.press("ControlOrMeta+a")
    keys.type("50")
    keys.press("Enter")  # sends by the first button, which shows what it does
    expect(page.get_by_role("status")).to_contain_text("total: 100 → 50")
    page.goto(f"{gateway.address}/desk/announcements")
    tab_to(page, "For")
    keys.press("ArrowDown")
    expect(page.get_by_label("For")).to_have_value("small")
    keys.press("Escape")  # closes nothing, and loses nothing
    expect(page.get_by_label("For")).to_have_value("small")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with 20,000 participants, 1,000 teams, 100,000 submissions and 20,000 acts."""
    root = tmp_path_factory.mktemp("large")
    with TestClient(create_app(Settings(root / "gateway"))) as client:
        world = World(client, root / "gateway")
        world.publish(make_kit(root / "kit"))
        fill_desk(world.settings, "small", PEOPLE)
    with GatewayProcess(root) as process:
        process.tokens = world.tokens
        yield process


@pytest.mark.long
def test_the_desk_is_quick_and_small_with_20000_participants(browser: Browser, large: GatewayProcess) -> None:
    context = browser.new_context()
    log_in(context.new_page(), large.address, large.tokens["org"], "/desk")
    middle = f"00000002-0000-7000-8000-{PEOPLE // 2:012d}"
    for path in (
        *("/desk", "/desk/people", "/desk/people?find=19990", "/desk/people?state=waiting", "/desk/people/teams"),
        *("/desk/submissions", f"/desk/submissions?state=scored&before={middle}", f"/desk/submissions/{middle}"),
        *("/desk/audit", "/desk/invitations", "/desk/runners", "/desk/challenges/small"),
    ):
        paint, size = first_look(context, large.address + path)
        print(f"{path}: first contentful paint {paint:.0f} ms, {size / 1000:.1f} kB")
        assert paint < 300 and size < 60_000, (path, paint, size)
    context.close()


def test_the_queue_moves_by_itself(page: Page, busy: tuple[GatewayProcess, World, list[str]]) -> None:
    gateway, world, _ = busy
    log_in(page, gateway.address, world.tokens["org"], "/desk/runners")
    expect(page.get_by_role("rowheader", name="r-1")).to_be_visible()
    page.evaluate("window.same = true")
    headers = {"Authorization": f"Bearer {world.tokens['runner']}", "User-Agent": "participant-kit/9.9"}
    body = {"role": "blind", "runner": "north", "challenges": ["other"], "wait": 0}
    assert requests.post(f"{gateway.address}{API}/claims", json=body, headers=headers, timeout=10).ok
    expect(page.get_by_role("rowheader", name="north")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.same") is True


def test_from_nothing_to_an_invited_participants_first_score(browser: Browser, tmp_path: Path) -> None:
    """By the page alone, but for the notebook, which is sent from JupyterLab, and the runner."""
    clicks = 0

    def click(page: Page, name: str) -> None:
        nonlocal clicks
        clicks += 1
        page.get_by_role("button", name=name, exact=True).or_(page.get_by_role("link", name=name, exact=True)).click()

    (tmp_path / "kit.zip").write_bytes(make_kit(tmp_path / "kit"))
    with GatewayProcess(tmp_path) as gateway:
        gateway.auth("org", "organizer"), gateway.auth("runner", "runner")
        organizer, guest = browser.new_context().new_page(), browser.new_context().new_page()
        log_in(organizer, gateway.address, gateway.tokens["org"], "/desk")
        clicks += 1
        organizer.get_by_label("Publish a challenge that is not here yet").fill("small")
        click(organizer, "Choose its kit")
        organizer.get_by_label("The kit").set_input_files(tmp_path / "kit.zip")
        click(organizer, "Show what publishing it does")
        expect(organizer.get_by_role("status")).to_contain_text("becomes public")
        click(organizer, "Publish")
        click(organizer, "Invitations")
        click(organizer, "Make a link")
        link = organizer.locator("pre").inner_text()
        guest.goto(link)
        guest.get_by_label("Name").fill("newton")
        guest.get_by_role("button", name="Take part").click()
        token = guest.locator("pre").first.inner_text()
        identifier = new_identifier()
        ask(gateway, "PUT", f"/challenges/small/submissions/{identifier}", token, data=b"sealed")
        body = {"role": "blind", "runner": "north", "challenges": ["small"], "wait": 5}
        claim = Claim.model_validate(ask(gateway, "POST", "/claims", gateway.tokens["runner"], json=body))
        result = {"token": claim.lease.token, "envelope": make_envelope(claim, 0.875)}
        ask(gateway, "POST", f"/leases/{identifier}/result", gateway.tokens["runner"], json=result)
        guest.get_by_role("link", name="Submissions").click()
        expect(guest.get_by_text("roc_auc_score 0.875")).to_be_visible()
        guest.goto(f"{gateway.address}/challenges/small/leaderboard")
        expect(guest.locator("tr.mine")).to_contain_text("newton")
    print(f"The organizer clicked {clicks} times.")
    assert clicks == 6


def ask(gateway: GatewayProcess, method: str, path: str, token: str, **content: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.request(method, f"{gateway.address}{API}{path}", headers=headers, timeout=20, **content)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None
