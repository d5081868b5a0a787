"""Invitations by link, approval, pauses, and teams that are one participant to all others."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from browser_world import Browser, both
from databases import query
from gateway_world import API, World
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from participant_kit.cli.main import app
from participant_kit.gateway.audit import read_audit
from participant_kit.gateway.database import Database


def invite(organizer: Browser, **typed: str) -> str:
    organizer.go("/desk/invitations")
    organizer.send("/desk/invitations", 201, **typed)
    return organizer.answer.text.split("/invitation/")[1].split("<")[0]


def acts(world: World) -> list[tuple[str, str]]:
    database = Database(world.settings)
    with database.read() as connection:
        lines = read_audit(connection)
    database.close()
    return [(line["account"], line["act"]) for line in lines][::-1]


@pytest.fixture
def organizer(world: World) -> Browser:
    return Browser(world).log_in("org", "organizer", "/desk")


@both
def test_by_a_link_somebody_comes_to_take_part(world: World, organizer: Browser) -> None:
    code = invite(organizer, uses="2", days="3", note="for the course")
    assert code.encode() not in world.stored()
    guest = Browser(world)
    guest.go(f"/invitation/{code}")
    guest.go(f"/invitation/{code}")  # looking uses nothing up
    guest.send("", 201, name="newton")
    token = guest.answer.text.split("pkit_")[1].split("<")[0]
    world.tokens["newton"] = f"pkit_{token}"
    assert world.submit("newton").status_code == 200
    guest.go("/submissions")
    assert "queued" in guest.text and "newton" in guest.text
    organizer.go("/desk/invitations")
    assert "1 of 2" in organizer.text and "for the course" in organizer.text


def test_an_invitation_holds_for_so_many_people_and_no_longer(world: World, organizer: Browser) -> None:
    code = invite(organizer, uses="1")
    Browser(world).go(f"/invitation/{code}")
    guest, late = Browser(world), Browser(world)
    late.go(f"/invitation/{code}")
    guest.go(f"/invitation/{code}") and guest.send("", 201, name="first")
    late.send("", 410, name="second")
    assert "used up" in late.text and "new link" in late.text
    other = invite(organizer)
    world.query("UPDATE invitations SET expires_at = 1")
    late.go(f"/invitation/{other}", 410)
    assert "expired" in late.text
    third = invite(organizer)
    organizer.go("/desk/invitations")
    organizer.send("/desk/invitations/revoke")
    late.go(f"/invitation/{third}", 410)
    late.go("/invitation/guessed", 404)
    assert world.query("SELECT name FROM accounts WHERE name = 'second'") == []


@both
def test_of_two_who_use_the_last_place_at_once_one_gets_it(world: World, organizer: Browser) -> None:
    code = invite(organizer, uses="1")
    answers: list[int] = []

    def accept(name: str) -> None:
        path = f"/invitation/{code}"
        sent = guests[name].client.post(path, data={"name": name}, headers={"Origin": "http://testserver"})
        answers.append(sent.status_code)

    guests = {name: Browser(world) for name in ("a", "b", "c", "d")}
    threads = [threading.Thread(target=accept, args=(name,)) for name in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 410, 410, 410]


def test_a_name_that_is_taken_or_none_is_said_at_its_field(world: World, organizer: Browser) -> None:
    code = invite(organizer, uses="9")
    guest = Browser(world)
    guest.go(f"/invitation/{code}")
    for name, said in (("org", "taken"), ("ORG", "taken"), ("", "needed"), ("-x", "begins with"), ("<b>", "begins")):
        guest.send("", 422, name=name)
        assert said in guest.faults[0] and guest.form("").values["name"] == name
    guest.send("", 422, name="a" * 65)
    assert "65 characters" in guest.faults[0]


def test_who_waits_for_approval_is_let_in_by_an_organizer(world: World, organizer: Browser) -> None:
    code = invite(organizer, approve="yes")
    guest = Browser(world)
    guest.go(f"/invitation/{code}")
    guest.send("", 201, name="gauss")
    world.tokens["gauss"] = "pkit_" + guest.answer.text.split("pkit_")[1].split("<")[0]
    assert not guest.client.cookies
    refused = world.submit("gauss")
    assert (refused.status_code, refused.json()["code"]) == (403, "waiting")
    guest.go("/login")
    guest.send("/login", 422, token=world.tokens["gauss"])
    assert "approval" in guest.faults[0]
    assert "1 person waits" in organizer.go("/desk")
    organizer.go("/desk/people")
    organizer.send("/desk/people/state", button="approve")
    assert world.submit("gauss").status_code == 200
    assert ("org", "approve") in acts(world)


def test_who_is_paused_is_out_at_once_and_back_when_resumed(world: World, organizer: Browser) -> None:
    ada = Browser(world).log_in("ada")
    assert world.submit("ada").status_code == 200
    organizer.go("/desk/people")
    organizer.send("/desk/people/state", button="pause")
    refused = world.submit("ada")
    assert (refused.status_code, refused.json()["code"]) == (403, "paused")
    assert ada.go("/submissions") and ada.path == "/login"
    organizer.go("/desk/people")
    organizer.send("/desk/people/state", button="resume")
    assert world.submit("ada").status_code == 200
    form = organizer.form("/desk/people/state")
    organizer.post("/desk/people/state", form.values | {"name": "org", "act": "pause"}, 409)
    organizer.post("/desk/people/state", form.values | {"name": "nobody", "act": "pause"}, 404)
    organizer.post("/desk/people/state", form.values | {"name": "ada", "act": "delete"}, 422)


def team_of(organizer: Browser, *members: str) -> None:
    organizer.go("/desk/people/teams")
    organizer.send("/desk/people/teams", team="foxes")
    for name in members:
        organizer.world.auth(name)
        organizer.go("/desk/people/teams")
        organizer.send("/desk/people/join", person=name, into="foxes")


@both
def test_a_team_is_one_participant_with_one_quota_and_one_row(world: World, organizer: Browser) -> None:
    team_of(organizer, "ada", "bob")
    me = world.client.get(f"{API}/me", headers=world.auth("ada")).json()
    assert me == {"name": "foxes", "role": "participant"}
    sent = [world.submit(who).json() for who in ("ada", "bob", "bob")]
    assert {each["participant"] for each in sent} == {"foxes"}
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada")).json()
    assert quota["used_today"] == 3
    for score in (0.7, 0.9):
        claim = world.claim()
        assert claim and claim.participant == "foxes" and world.finish(claim, score).status_code == 204
    board = world.client.get(f"{API}/challenges/small/leaderboard").json()
    assert [(row["participant"], row["submissions"]) for row in board["rows"]] == [("foxes", 2)]
    assert world.status(sent[1]["id"], "ada")["state"] == "scored"  # bob's, seen by ada
    ada = Browser(world).log_in("ada", path="/submissions")
    assert ada.answer.text.count("/submissions/") == 3
    ada.go(f"/submissions/{sent[1]['id']}")
    assert "bob" in ada.text
    ada.go("/account")
    assert "foxes" in ada.text and "ada, bob" in ada.text


def test_who_has_submitted_changes_sides_no_more(world: World, organizer: Browser) -> None:
    """Else one person would learn what two budgets of bits tell."""
    team_of(organizer, "ada")
    assert world.submit("ada").status_code == 200 and world.submit("bob").status_code == 200
    for person, into in (("ada", ""), ("bob", "foxes")):
        organizer.go("/desk/people/teams")
        organizer.send("/desk/people/join", 422, person=person, into=into)
        assert "two budgets" in organizer.faults[0] and organizer.form("/join").values["person"] == person
    assert query(world.settings, "SELECT name, team FROM accounts WHERE name IN ('ada', 'bob') ORDER BY name") == [
        ("ada", "foxes"),
        ("bob", None),
    ]


def test_a_notebook_that_is_sealed_for_another_side_is_refused(world: World, organizer: Browser) -> None:
    """Somebody joins a team between asking who they are and sending: the binding would be another's."""
    from participant_kit.gateway.challenges import find_challenge
    from participant_kit.gateway.errors import GatewayError
    from participant_kit.gateway.submissions import store_submission
    from participant_kit.protocol.identifiers import new_identifier

    team_of(organizer, "ada")
    database = Database(world.settings)
    with database.write() as connection, pytest.raises(GatewayError, match="submits as foxes"):
        store_submission(
            connection, find_challenge(connection, "small"), None, "ada", new_identifier(), "0" * 64, "blob", "ada"
        )
    database.close()


def test_a_paused_team_pauses_its_members_and_nobody_logs_in_as_it(world: World, organizer: Browser) -> None:
    team_of(organizer, "ada")
    answer = world.client.post(f"{API}/accounts", json={"name": "foxes"}, headers=world.auth("org", "organizer"))
    assert answer.status_code == 409
    organizer.go("/desk/people")
    form = organizer.form("/desk/people/state")
    organizer.post("/desk/people/state", form.values | {"name": "foxes", "act": "pause"})
    assert world.submit("ada").json()["message"].startswith("An organizer has paused foxes")
    assert Browser(world).go("/login")


def test_an_invitation_leads_into_a_team(world: World, organizer: Browser) -> None:
    team_of(organizer)
    code = invite(organizer, team="foxes")
    guest = Browser(world)
    guest.go(f"/invitation/{code}")
    assert "foxes" in guest.text
    guest.send("", 201, name="cleo")
    world.tokens["cleo"] = "pkit_" + guest.answer.text.split("pkit_")[1].split("<")[0]
    assert world.submit("cleo").json()["participant"] == "foxes"
    organizer.go("/desk/invitations")
    organizer.send("/desk/invitations", 422, team="wolves")
    assert "no team 'wolves'" in organizer.faults[0]


def test_a_participant_who_types_anothers_address_gets_404(world: World, organizer: Browser) -> None:
    theirs = world.submit("ada").json()["id"]
    bob = Browser(world).log_in("bob")
    for path in (f"/submissions/{theirs}", "/submissions/../desk", f"/desk/submissions/{theirs}", "/submissions/x"):
        bob.go(path, 404)
    organizer.go(f"/desk/submissions/{theirs}")


@both
def test_every_administrative_act_is_in_a_log_that_nobody_changes(world: World, organizer: Browser) -> None:
    team_of(organizer, "ada")
    invite(organizer)
    found = acts(world)
    assert [act for who, act in found if who == "org"] == ["publish", "make team", "join team", "invite"]
    assert ("operator", "token") in found
    organizer.go("/desk/audit")
    assert "make team" in organizer.text
    for statement in ("UPDATE audit SET account = 'x'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append-only"):
            world.query(statement)
    assert acts(world) == found
    words = ["gateway", "audit", "--data", str(world.data), "--json"]
    if world.database:
        words += ["--database", world.database]
    printed = CliRunner().invoke(app, words)
    lines: list[dict[str, Any]] = json.loads(printed.stdout)
    assert [(line["account"], line["act"]) for line in lines][::-1] == found
    assert not any(secret in printed.stdout for secret in world.tokens.values())
