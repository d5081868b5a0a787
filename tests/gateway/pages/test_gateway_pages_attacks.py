"""Attacks on every page at once: another site, another host, another person, a cache in between, names that deceive."""

from __future__ import annotations

import importlib.util
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser_world import ADDRESS, Browser, both
from fastapi.routing import APIRoute
from gateway_world import API, World, make_kit
from test_gateway_pages_desk import scored, upload

from participant_kit.gateway.database import Database
from participant_kit.gateway.identities import Identity, welcome_identity

FRAMED = "/challenges/{slug}/leaderboard/embed"
"""The one page that others may show in a frame."""
PLACES = {"slug": "small", "name": "style.css", "phase": "development", "where": "openid", "day": "2026-01-31"}
EVIL = "evil.example"


def routes(world: World, method: str) -> list[str]:
    """The addresses of pages that take ``method``, as they stand in the code."""
    programs = world.client.app.openapi()["paths"]  # type: ignore[attr-defined]
    found = [route for route in walk(world.client.app.routes) if method in route.methods]  # type: ignore[attr-defined]
    paths = {route.path for route in found if f"{API}{route.path}" not in programs}
    return sorted(paths - {"/healthz", "/readyz"})


def walk(found: Any) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        yield from walk(getattr(getattr(route, "original_router", route), "routes", ()))


def filled(path: str, identifier: str = "x") -> str:
    """The address with something in each of its places."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda place: PLACES.get(place[1], identifier), path)


@pytest.fixture
def organizer(world: World) -> Browser:
    return Browser(world).log_in("org", "organizer", "/desk")


@pytest.mark.attack("csrf")
def test_no_form_of_any_page_is_taken_from_another_site_or_another_session(world: World, organizer: Browser) -> None:
    paths = [path for path in routes(world, "POST") if path != "/challenges/{slug}/receipts"]  # stores nothing
    assert len(paths) > 20
    identifier = scored(world, 0.8)
    before, form = everything(world), organizer.form("/logout").values
    for path in paths:
        for headers in ({"Origin": f"https://{EVIL}"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}):
            answer = organizer.client.post(filled(path, identifier), data=form, headers=headers)
            assert answer.status_code == 403, (path, headers, answer.status_code)
        if not path.startswith(("/login", "/invitation", "/account/news/{identifier}")):  # before there is a session
            sent = {"form": "f" * 64}
            answer = organizer.client.post(filled(path, identifier), data=sent, headers={"Origin": ADDRESS})
            assert answer.status_code == 403, (path, answer.status_code)
    assert everything(world) == before


def everything(world: World) -> list[Any]:
    names = ("accounts", "audit", "submissions", "sessions", "announcements", "challenges", "invitations", "tokens")
    return [world.query(f"SELECT count(*), '{name}' FROM {name}") for name in names]


@pytest.mark.attack("csrf")
def test_nothing_is_changed_by_a_link(world: World, organizer: Browser) -> None:
    identifier = scored(world, 0.8)
    before = everything(world)
    for path in routes(world, "POST"):
        organizer.client.get(filled(path, identifier), params={"act": "pause", "name": "ada"}, follow_redirects=False)
    assert everything(world) == before


@pytest.mark.attack("clickjacking")
def test_no_page_may_stand_in_another_sites_frame(world: World, organizer: Browser) -> None:
    identifier = scored(world, 0.8)
    seen = 0
    for path in routes(world, "GET"):
        answer = organizer.client.get(filled(path, identifier), follow_redirects=False)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        policy = answer.headers["content-security-policy"]
        assert ("frame-ancestors 'none'" in policy) == (path != FRAMED), (path, policy)
        assert "unsafe" not in policy and "default-src 'none'" in policy and "base-uri 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        seen += 1
    assert seen > 20
    embedded = organizer.client.get(filled(FRAMED)).text
    assert "<form" not in embedded and "<button" not in embedded  # nothing there that a click could do


@pytest.mark.attack("cache poisoning")
def test_no_cache_in_between_keeps_what_one_person_was_shown(world: World, organizer: Browser) -> None:
    identifier = scored(world, 0.8)
    seen = 0
    for path in routes(world, "GET"):
        answer = organizer.client.get(filled(path, identifier), follow_redirects=False)
        said = answer.headers["cache-control"]
        if "org" in re.findall(r"[\w.]+", answer.text) or "set-cookie" in answer.headers:
            assert said == "no-store" or "private" in said, (path, said)
            seen += 1
        assert "public" not in said or path == "/static/{name}", (path, said)
    assert seen > 20
    stranger = Browser(world)
    for path in ("/", "/challenges/small", "/challenges/small/leaderboard"):
        mine, theirs = organizer.client.get(path), stranger.client.get(path)
        assert "Log out" in mine.text and "Log out" not in theirs.text
        assert "Cookie" in theirs.headers["vary"]
        again = stranger.client.get(path, headers={"If-None-Match": mine.headers["etag"]})
        assert again.status_code == 200  # what one was shown is not what the other has


HEADERS = {
    "X-Forwarded-Host": EVIL,
    "X-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "Forwarded": f"host={EVIL}",
    "X-Original-URL": f"/{EVIL}",
    "X-Rewrite-URL": f"/{EVIL}",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Script-Name": f"//{EVIL}",
    "Referer": f"https://{EVIL}/",
    "Accept-Language": EVIL,
}


@pytest.mark.attack("cache poisoning")
def test_no_header_that_a_cache_does_not_look_at_changes_a_page(world: World) -> None:
    for path in routes(world, "GET"):
        answer = Browser(world).client.get(filled(path), headers=HEADERS, follow_redirects=False)
        assert EVIL not in answer.text and EVIL not in str(answer.headers), path


@pytest.mark.attack("host header")
def test_no_address_that_is_spelt_in_another_way_leads_to_the_host_that_was_named(world: World) -> None:
    """A redirection to the right spelling would go to whatever host the request named."""
    browser = Browser(world)
    for path in ("/account/", "/login/", "/desk/", "/challenges/small/", "/challenges/", "/submissions/", "/small"):
        answer = browser.client.get(path, headers={"Host": EVIL}, follow_redirects=False)
        assert EVIL not in answer.headers.get("location", ""), path
    assert browser.go("/challenges/small/") and browser.path == "/challenges/small"


@pytest.mark.attack("open redirect")
def test_no_path_that_looks_like_a_host_leads_there(world: World) -> None:
    hosts = (f"//{EVIL}", f"//{EVIL}/..", f"/\\{EVIL}", f"/%2f{EVIL}", f"/%5c{EVIL}", f"///{EVIL}")
    browser = Browser(world)
    for path in (host + suffix for host in hosts for suffix in ("", "/", "/account", "/account/", "/small")):
        request = browser.client.build_request("GET", ADDRESS)
        request.url = request.url.copy_with(raw_path=path.encode())
        where = browser.client.send(request, follow_redirects=False).headers.get("location", "")
        assert not where or re.fullmatch(rf"({ADDRESS})?/(?![/\\]).*", where), (path, where)


@pytest.mark.attack("another's address")
def test_another_ones_address_is_not_there(world: World) -> None:
    identifier = scored(world, 0.8, "ada")
    waits = world.submit("ada").json()["id"]
    bob, form = Browser(world).log_in("bob"), {}
    form = bob.form("/logout").values
    for one in (identifier, waits):
        bob.go(f"/submissions/{one}", 404)
        bob.go(f"/challenges/small/receipts/{one}", 404)
        bob.go(f"/desk/submissions/{one}", 404)
        for act in ("disqualify", "reinstate", "rerun"):
            bob.post(f"/desk/submissions/{one}/{act}", form | {"reason": "x"}, 404)
        for path in ("", "/log", "/receipt"):
            assert world.client.get(f"{API}/submissions/{one}{path}", headers=world.auth("bob")).status_code == 404
        assert world.client.delete(f"{API}/submissions/{one}", headers=world.auth("bob")).status_code in (404, 405)
    there, nowhere = bob.go(f"/submissions/{identifier}", 404), bob.go(f"/submissions/{identifier[:-1]}0", 404)
    assert there == nowhere  # not even that there is something
    assert world.status(waits)["state"] == "queued"


@pytest.mark.attack("another's address")
def test_nobody_becomes_an_organizer_by_what_they_add_to_a_form(world: World, organizer: Browser) -> None:
    organizer.go("/desk/invitations")
    organizer.send("/desk/invitations", 201, uses="3", days="3", note="")
    link = re.findall(r"/invitation/[\w-]+", organizer.answer.text)[0]
    more = {"role": "organizer", "state": "active", "is_team": "1", "team": "org", "revision": "9", "uses": "999"}
    Browser(world).post(link, {"name": "eve"} | more, 201)
    row = world.query("SELECT role, is_team, team, revision FROM accounts WHERE name = 'eve'")
    assert [tuple(row[0])] == [("participant", False, None, 0)]
    eve = world.client.post(f"{API}/accounts", json={"name": "eve", "role": "organizer"}, headers=world.auth("mallory"))
    assert eve.status_code == 403


@pytest.mark.attack("header injection")
def test_no_line_that_is_sent_becomes_a_header(world: World) -> None:
    lines = ("x\r\nX-Evil: yes", "x\nX-Evil: yes", "x%0d%0aX-Evil:%20yes", "x\u560d\u560aX-Evil: yes")
    browser = Browser(world)
    for line in lines:
        for path in ("/login", "/login/openid", "/challenges/small/leaderboard.csv", "/challenges/small/leaderboard"):
            for name in ("next", "phase", "name", "sort"):
                answer = browser.client.get(path, params={name: "/" + line}, follow_redirects=False)
                assert "x-evil" not in answer.headers and "\n" not in str(answer.headers), (path, name)
        assert "x-evil" not in browser.client.get(f"/challenges/{quote(line)}/leaderboard.csv").headers
        answer = browser.client.get("/", headers={"X-Request-ID": line.encode("utf-8")})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def repack(kit: bytes, *more: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO(kit)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in more:
            archive.writestr(name, data)
    return buffer.getvalue()


def bomb(kit: bytes) -> bytes:
    """A megabyte that says of itself that it would be two gigabytes."""
    packed = bytearray(repack(kit, ("pages/zeros.md", bytes(1 << 20))))
    entry = packed.rindex(b"PK\x01\x02")  # the last in the directory
    packed[entry + 24 : entry + 28] = (2 << 30).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.attack("zip")
def test_a_zip_that_climbs_links_or_bursts_is_refused_at_the_desk(
    world: World, organizer: Browser, tmp_path: Path
) -> None:
    kit = make_kit(tmp_path / "kit")
    link = zipfile.ZipInfo("sample_data/train.parquet")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        name = archive.namelist()[1]
    attacks = [
        repack(kit, ("../../gateway.sqlite", b"x")),
        repack(kit, ("/etc/cron.d/evil", b"x")),
        repack(kit, ("C:\\evil", b"x")),
        repack(kit, (link, b"/etc/passwd")),
        repack(kit, ("pages/evil.html", b"<script>alert(1)</script>")),  # in no manifest
        repack(kit, (name.upper(), b"x")),
        bomb(kit),
        kit[: len(kit) // 2],
    ]
    before = world.client.get(f"{API}/challenges/small").json()["kit_sha256"]
    files = sorted(path.name for path in world.data.rglob("*") if path.is_file())
    for data in attacks:
        upload(organizer, data, 422)
        assert organizer.faults[0] and "Traceback" not in organizer.text
    assert world.client.get(f"{API}/challenges/small").json()["kit_sha256"] == before
    assert sorted(path.name for path in world.data.rglob("*") if path.is_file()) == files


@pytest.mark.attack("formula")
def test_no_name_on_a_board_is_a_formula_of_a_spreadsheet(world: World) -> None:
    database, names = Database(world.settings), []
    with database.write() as connection:
        for number, wanted in enumerate(("=1+1", "@SUM(1)", "-2+3", "+1", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '"=1')):
            identity = Identity("https://login.example.edu", f"u-{number}", wanted, "anyone")
            names.append(welcome_identity(connection, identity))
    database.close()
    assert all(re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) for name in names), names
    for name in names:
        scored(world, 0.8, name)
    lines = world.client.get("/challenges/small/leaderboard.csv").text.splitlines()
    cells = [cell for line in lines for cell in line.replace('"', "").split(",")]
    assert len(lines) == len(names) + 1
    assert [cell for cell in cells if cell[:1] in "=+@\t\r" and cell] == []


@pytest.mark.attack("confusable names")
@both
def test_nobody_takes_a_name_that_looks_like_anothers(world: World, organizer: Browser) -> None:
    for name in ("ada", "bill", "morgan"):
        world.auth(name)
    organizer.go("/desk/invitations")
    organizer.send("/desk/invitations", 201, uses="99", days="3", note="")
    link = re.findall(r"/invitation/[\w-]+", organizer.answer.text)[0]
    for name in ("Ada", "ADA", "ad\u0430", "\uff41da", "a\u200bda", "ada\u202e", "\u00e0da", "bi11", "BiIl", "rnorgan"):
        Browser(world).post(link, {"name": name}, 422)
    for name in ("operator", "Operator", "0perator", "gateway", "GATEWAY"):  # they act in the audit log
        Browser(world).post(link, {"name": name}, 422)
        organizer.go("/desk/people/teams")
        organizer.send("/people/teams", 422, team=name)
    organizer.send("/people/teams", 422, team="m0rgan")
    Browser(world).post(link, {"name": "ada-2"}, 201)
    database = Database(world.settings)
    with database.write() as connection:
        for number, name in enumerate(("0perator", "m\u043ergan", "BILL", "bob")):
            identity = Identity("https://login.example.edu", f"u-{number}", name, "anyone")
            assert welcome_identity(connection, identity) == ("0perator-2", "m-rgan", "BILL-2", "bob")[number]
    database.close()


def test_the_page_lists_every_attack_and_how_it_ended() -> None:
    root = Path(__file__).parents[3]
    spec = importlib.util.spec_from_file_location("web_attacks", root / "docs" / "web_attacks.py")
    assert spec and spec.loader
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    found, listed = pages.attacks(), pages.listed()
    assert len(found) > 50 and {attack.kind for attack in found} == set(pages.KINDS)
    assert [(attack.kind, attack.words) for attack in found] == [row[:2] for row in listed], "run: make web-attacks"
    assert {outcome for _, _, outcome in listed} == {"held"}
