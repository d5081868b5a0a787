"""Who is logged in in a browser, and that nobody else can be in their place."""

from __future__ import annotations

import pytest
from browser_world import ADDRESS, Browser, both
from databases import query
from gateway_world import World

from participant_kit.gateway import sessions
from participant_kit.gateway.limits import ALLOWED


@both
def test_a_token_opens_a_session_which_ends_at_logging_out(world: World) -> None:
    browser = Browser(world)
    assert browser.go("/account") and browser.path == "/login"
    browser.log_in("ada")
    assert "ada" in browser.text
    cookie = browser.client.cookies["pkit"]
    browser.send("/logout")
    assert "pkit" not in browser.client.cookies
    browser.client.cookies.set("pkit", cookie)
    assert browser.go("/account") and browser.path == "/login"


@pytest.mark.attack("cookies")
def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    browser = Browser(world)
    world.auth("ada")
    browser.go("/login")
    sent = {"token": world.tokens["ada"], "next": "/"}
    plain = browser.client.post("/login", data=sent, headers={"Origin": ADDRESS}, follow_redirects=False)
    assert plain.headers["set-cookie"].startswith("pkit=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(plain.headers["set-cookie"].split("; "))
    secure = Browser(world, "https://testserver")
    by_tls = secure.client.post("/login", data=sent, headers={"Origin": "https://testserver"}, follow_redirects=False)
    said = by_tls.headers["set-cookie"]
    assert said.startswith("__Host-pkit=") and {"Secure", "HttpOnly", "Path=/"} <= set(said.split("; "))
    assert "Domain" not in said
    assert "max-age" in by_tls.headers["strict-transport-security"]
    assert "strict-transport-security" not in plain.headers


@pytest.mark.attack("session")
def test_what_is_stored_of_a_session_opens_none(world: World) -> None:
    browser = Browser(world).log_in("ada")
    secret = browser.client.cookies["pkit"]
    assert secret.encode() not in world.stored()
    [(stored,)] = query(world.settings, "SELECT sha256 FROM sessions")
    browser.client.cookies.set("pkit", stored, domain="testserver.local")
    thief = Browser(world)
    thief.client.cookies.set("pkit", stored)
    assert thief.go("/account") and thief.path == "/login"


@pytest.mark.attack("session")
def test_logging_in_makes_a_new_secret_whatever_cookie_was_there(world: World) -> None:
    """Session fixation: the one that an attacker has put there opens nothing afterwards."""
    attacker = Browser(world).log_in("eve")
    fixed = attacker.client.cookies["pkit"]
    victim = Browser(world)
    victim.client.cookies.set("pkit", fixed)
    world.auth("ada")
    sent = {"token": world.tokens["ada"], "next": "/account"}
    victim.post("/login", sent)
    assert victim.client.cookies.jar and fixed not in [cookie.value for cookie in victim.client.cookies.jar][-1:]
    assert attacker.go("/account") and attacker.path == "/login"  # it has ended for both
    made_up = Browser(world)
    made_up.client.cookies.set("pkit", "chosen-by-somebody-else")
    made_up.post("/login", sent)
    other = Browser(world)
    other.client.cookies.set("pkit", "chosen-by-somebody-else")
    assert other.go("/account") and other.path == "/login"


@both
def test_a_session_ends_by_itself(world: World) -> None:
    for column, seconds in (("seen_at", sessions.IDLE), ("created_at", sessions.LONGEST)):
        browser = Browser(world).log_in("ada")
        world.query(f"UPDATE sessions SET {column} = {column} - {seconds + 1}")
        assert browser.go("/account") and browser.path == "/login"


def test_a_session_that_is_used_lives_on(world: World) -> None:
    browser = Browser(world).log_in("ada")
    for _ in range(3):
        world.query(f"UPDATE sessions SET seen_at = seen_at - {sessions.IDLE / 2 + 1}")
        browser.go("/account")
    assert browser.path == "/account"


FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.attack("csrf")
def test_a_form_of_another_site_changes_nothing(world: World) -> None:
    organizer = Browser(world).log_in("org", "organizer", "/desk/people/teams")
    form = organizer.form("/desk/people/teams")
    values = form.values | {"team": "foxes"}
    for headers in FOREIGN:
        answer = organizer.client.post("/desk/people/teams", data=values, headers=headers)
        assert answer.status_code == 403, headers
    assert world.query("SELECT name FROM accounts WHERE is_team") == []


@pytest.mark.attack("csrf")
def test_a_form_without_the_sessions_own_token_changes_nothing(world: World) -> None:
    organizer, other = Browser(world).log_in("org", "organizer"), Browser(world).log_in("oz", "organizer")
    theirs = other.form("/logout").values["form"]
    for given in ("", "x", "f" * 64, theirs):
        organizer.post("/desk/people/teams", {"team": "foxes", "form": given}, 403)
    organizer.post("/desk/people/teams", {"team": "foxes"}, 403)
    assert world.query("SELECT name FROM accounts WHERE is_team") == []


@pytest.mark.attack("csrf")
def test_nobody_is_logged_in_by_a_form_of_another_site(world: World) -> None:
    world.auth("eve")
    victim = Browser(world)
    victim.post("/login", {"token": world.tokens["eve"]}, 403, Origin="https://evil.example")
    assert not victim.client.cookies


ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:x=y\r\nX: y",
    " //evil.example",
    "http:evil.example",
]


@pytest.mark.attack("open redirect")
def test_logging_in_leads_to_no_other_site(world: World) -> None:
    world.auth("ada")
    browser = Browser(world)
    for path in ELSEWHERE:
        sent = {"token": world.tokens["ada"], "next": path}
        answer = browser.client.post("/login", data=sent, headers={"Origin": ADDRESS}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), path
        again = browser.client.get("/login", params={"next": path}, follow_redirects=False)
        assert (again.status_code, again.headers["location"]) == (303, "/"), path


@pytest.mark.attack("host header")
def test_the_host_that_a_request_names_leads_nobody_away(world: World) -> None:
    organizer = Browser(world).log_in("org", "organizer", "/desk/invitations")
    form = organizer.form("/desk/invitations")
    hosts = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = organizer.client.post("/desk/invitations", data=form.values, headers={"Origin": ADDRESS, **hosts})
    assert answer.status_code == 403 and "evil" not in answer.text
    answer = organizer.client.get("/login", headers={"X-Forwarded-Host": "evil.example"}, follow_redirects=False)
    assert answer.headers["location"] == "/"


@pytest.mark.attack("guessing")
def test_guessing_is_slowed_down_and_told_when_to_go_on(world: World) -> None:
    browser = Browser(world)
    for _ in range(int(ALLOWED["login"].split()[0])):
        browser.go("/login")
        browser.send("/login", 422, token="pkit_wrong")
        assert "does not know your token" in browser.faults[0]
    browser.send("/login", 429, token="pkit_wrong")
    assert "Try again in 1 minute" in browser.text
    world.auth("ada")
    browser.post("/login", {"token": world.tokens["ada"]}, 429)


@pytest.mark.attack("guessing")
def test_a_wrong_token_is_said_at_its_field_and_is_not_sent_back(world: World) -> None:
    browser = Browser(world)
    browser.go("/login?next=/account")
    browser.send("/login", 422, token="pkit_nobody_has_this")
    assert "pkit_nobody_has_this" not in browser.answer.text
    assert browser.form("/login").values == {"next": "/account", "token": ""}
    browser.send("/login", 422, token="")
    assert browser.faults == ["This is needed."]


@pytest.mark.attack("session")
def test_a_runner_has_no_session(world: World) -> None:
    world.auth("r", "runner")
    browser = Browser(world)
    browser.go("/login")
    browser.send("/login", 422, token=world.tokens["r"])
    assert "runner" in browser.faults[0]


def test_a_person_makes_tokens_and_ends_them_all(world: World) -> None:
    browser, elsewhere = Browser(world).log_in("ada"), Browser(world).log_in("ada")
    browser.go("/account")
    browser.send("/account/tokens", 201)
    token = browser.answer.text.split("digest")[1].split(">")[1].split("<")[0]
    me = world.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json() == {"name": "ada", "role": "participant"}
    browser.send("/account/tokens/end")
    for each in (token, world.tokens["ada"]):
        assert world.client.get("/api/v1/me", headers={"Authorization": f"Bearer {each}"}).status_code == 401
    assert browser.path == "/account"
    assert elsewhere.go("/account") and elsewhere.path == "/login"


def test_a_form_of_a_session_that_has_ended_says_so(world: World) -> None:
    organizer = Browser(world).log_in("org", "organizer", "/desk/people/teams")
    form = organizer.form("/desk/people/teams")
    world.query("DELETE FROM sessions")
    organizer.post("/desk/people/teams", form.values | {"team": "foxes"}, 401)
    assert "what you typed is still there" in organizer.text


@pytest.mark.attack("cache poisoning")
def test_no_page_of_a_person_is_stored_by_a_cache_or_shown_in_a_frame(world: World) -> None:
    browser = Browser(world).log_in("org", "organizer")
    for path in ("/account", "/submissions", "/desk", "/desk/people", "/desk/audit", "/login"):
        answer = browser.client.get(path, follow_redirects=False)
        assert answer.headers["cache-control"] == "no-store", path
        if answer.status_code == 200:
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "form-action 'self'" in policy


@pytest.mark.attack("another's address")
def test_the_desk_is_not_there_for_others(world: World) -> None:
    participant, nobody = Browser(world).log_in("ada"), Browser(world)
    for path in ("", "/people", "/invitations", "/submissions", "/challenges/small", "/runners", "/audit", "/export"):
        participant.go(f"/desk{path}", 404)
        assert nobody.go(f"/desk{path}") and nobody.path == "/login"
    form = participant.go("/account") and participant.form("/logout").values
    for path in ("people/state", "people/teams", "invitations", "announcements", "export", "challenges/small/kit"):
        participant.post(f"/desk/{path}", form, 404)
