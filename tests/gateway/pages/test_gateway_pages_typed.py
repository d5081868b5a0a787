"""Wrong things typed into every form of the pages: what was typed stays, and the field says how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from browser_world import Browser
from gateway_world import World

from participant_kit.gateway.database import Database
from participant_kit.gateway.invitations import make_invitation
from participant_kit.gateway.teams import make_team

LONG = "x" * 20_000


@dataclass
class Wrong:
    """A form: the page it is on, its action, what is typed, and by field a part of what is said of it."""

    page: str
    action: str
    typed: dict[str, str]
    said: dict[str, str]
    button: str = ""
    gone: set[str] = field(default_factory=set)


FORMS = {
    "no token": Wrong("/login", "/login", {"token": ""}, {"token": "needed"}),
    "another's word": Wrong("/login", "/login", {"token": "hunter2"}, {"token": "pkit login"}, gone={"token"}),
    "a long token": Wrong("/login", "/login", {"token": LONG}, {"token": "at most 200"}, gone={"token"}),
    "a name of spaces": Wrong("INVITATION", "", {"name": "  "}, {"name": "needed"}),
    "a name with a space": Wrong("INVITATION", "", {"name": "Ada Lovelace"}, {"name": "begins with a letter"}),
    "a name in other letters": Wrong("INVITATION", "", {"name": "Zoë"}, {"name": "letters, digits"}),
    "a taken name": Wrong("INVITATION", "", {"name": "ADA"}, {"name": "Choose another"}),
    "no address": Wrong("/account/news", "/account/news", {"address": "", "kind": "webhook"}, {"address": "needed"}),
    "no web address": Wrong(
        "/account/news", "/account/news", {"address": "ada@example.org", "kind": "webhook"}, {"address": "https://"}
    ),
    "an own network": Wrong(
        "/account/news", "/account/news", {"address": "https://127.0.0.1/", "kind": "webhook"}, {"address": "private"}
    ),
    "another kind": Wrong(
        "/account/news", "/account/news", {"address": "https://example.org", "kind": "fax"}, {"kind": "one of"}
    ),
    "no JSON": Wrong("/challenges/small/receipts", "/receipts", {"receipt": "{'a': 1"}, {"receipt": "no JSON"}),
    "half a receipt": Wrong("/challenges/small/receipts", "/receipts", {"receipt": '{"payload": "e30="}'},
                            {"receipt": "receipt"}),
    "no receipt": Wrong("/challenges/small/receipts", "/receipts", {"receipt": ""}, {"receipt": "Paste"}),
    "no team": Wrong("/desk/people/teams", "/people/teams", {"team": ""}, {"team": "needed"}),
    "a team that is a person": Wrong("/desk/people/teams", "/people/teams", {"team": "ada"}, {"team": "taken"}),
    "nobody": Wrong("/desk/people/teams", "/people/join", {"person": "nobody", "into": "foxes"},
                    {"person": "no participant"}),
    "no such team": Wrong("/desk/people/teams", "/people/join", {"person": "ada", "into": "wolves"},
                          {"into": "no team"}),
    "numbers": Wrong("/desk/invitations", "/invitations", {"uses": "many", "days": "366", "team": "wolves"},
                     {"uses": "from 1 to 1000", "days": "from 1 to 365", "team": "no team"}),
    "a long note": Wrong("/desk/invitations", "/invitations", {"note": "x" * 201, "uses": "-1", "days": "1.5"},
                         {"note": "at most 200", "uses": "whole number", "days": "whole number"}),
    "no reason": Wrong("SUBMISSION", "/disqualify", {"reason": " "}, {"reason": "needed"}),
    "a long reason": Wrong("SUBMISSION", "/disqualify", {"reason": "x" * 501}, {"reason": "at most 500"}),
    "no moments": Wrong(
        "/desk/challenges/small", "/phases/development",
        {"starts": "tomorrow", "ends": "2026-02-30", "per_day": "0", "total": "1e3", "leaderboard": "maybe"},
        {"starts": "2026-11-30", "ends": "2026-11-30", "per_day": "from 1", "total": "from 1", "leaderboard": "one of"},
        button="preview",
    ),
    "an end before the start": Wrong(
        "/desk/challenges/small", "/phases/development", {"starts": "2030-01-01", "ends": "2029-01-01"},
        {"ends": "after it starts"}, button="preview",
    ),
    "no kit": Wrong("/desk/challenges/small/kit", "/kit", {}, {"kit": "Choose the zip"}),
    "nothing to say": Wrong("/desk/announcements", "/announcements", {"title": "", "text": "  "},
                            {"title": "needed", "text": "needed"}),
    "too much to say": Wrong(
        "/desk/announcements", "/announcements", {"title": "x" * 201, "text": LONG, "challenge": "none"},
        {"title": "at most 200", "text": "at most 10000", "challenge": "one of"},
    ),
    "a runner without name": Wrong("/desk/runners", "/runners", {"name": "", "role": "blind"}, {"name": "needed"}),
    "a runner that is a person": Wrong("/desk/runners", "/runners", {"name": "ada", "role": "blind"},
                                       {"name": "Choose another"}),
    "another role": Wrong("/desk/runners", "/runners", {"name": "north", "role": "organizer"}, {"role": "one of"}),
}  # fmt: skip


class Fields(HTMLParser):
    """By the name of a field what describes it, and by the identifier of a text what it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.described: dict[str, list[str]] = {}
        self.invalid: set[str] = set()
        self.texts: dict[str, str] = {}
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in pairs}
        if tag in ("input", "select", "textarea") and values.get("name"):
            self.described[values["name"]] = values.get("aria-describedby", "").split()
            self.invalid |= {values["name"]} if "aria-invalid" in values else set()
        if tag == "p":
            self._in = values.get("id", "")

    def handle_endtag(self, tag: str) -> None:
        self._in = "" if tag == "p" else self._in

    def handle_data(self, data: str) -> None:
        if self._in:
            self.texts[self._in] = self.texts.get(self._in, "") + data

    def said_of(self, name: str) -> str:
        return " ".join(self.texts.get(each, "") for each in self.described[name])


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One gateway for all forms: no wrong form changes it."""
    from databases import fresh_database
    from fastapi.testclient import TestClient
    from gateway_world import make_kit

    from participant_kit.gateway.app import create_app
    from participant_kit.gateway.settings import Settings

    root = tmp_path_factory.mktemp("typed")
    with fresh_database("sqlite") as url, TestClient(create_app(Settings(root / "gateway", url))) as client:
        world = World(client, root / "gateway", url)
        world.publish(make_kit(root / "kit"))
        identifier = world.submit("ada").json()["id"]
        claim = world.claim()
        assert claim and world.finish(claim).status_code == 204
        database = Database(world.settings)
        with database.write() as connection:
            make_team(connection, "foxes", "org")
            code = make_invitation(connection, "org", uses=3, days=7, approve=False)
        database.close()
        pages = {"SUBMISSION": f"/desk/submissions/{identifier}", "INVITATION": f"/invitation/{code}"}
        yield Browser(world).log_in("org", "organizer"), Browser(world), pages


@pytest.mark.parametrize("name", FORMS)
def test_what_was_typed_stays_and_each_field_says_how_to_mend_it(people: Any, name: str) -> None:
    organizer, guest, pages = people
    wrong = FORMS[name]
    person = guest if wrong.page in ("/login", "INVITATION") else organizer
    person.go(pages.get(wrong.page, wrong.page))
    text = person.send(wrong.action, 422, button=wrong.button, **wrong.typed)
    kept, fields = person.form(wrong.action).values, Fields(text)
    for each, typed in wrong.typed.items():
        if each in wrong.gone:  # a secret is not sent back
            assert not kept[each] and typed not in text
        elif each in wrong.said and typed in kept[each]:
            continue
        else:  # of a choice that was none, the first is chosen
            assert kept[each] == typed or (each in ("kind", "role", "leaderboard", "challenge") and each in wrong.said)
    for each, part in wrong.said.items():
        assert part in fields.said_of(each), (each, fields.said_of(each))
    assert fields.invalid == set(wrong.said)


@pytest.mark.parametrize("slug", ["", "x", "ICU", "icu_2026", "-icu", "x" * 66, "<b>"])
def test_a_slug_that_is_none_is_told_at_its_field(people: Any, slug: str) -> None:
    organizer = people[0]
    text = organizer.client.get("/desk/new", params={"slug": slug}).text
    fields = Fields(text)
    assert "icu-2026" in fields.said_of("slug") and fields.invalid == {"slug"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/desk/people?find=nobody", "Nobody with “nobody” in their name"),
        ("/desk/people?state=paused", "Nobody is paused"),
        ("/desk/people/teams?find=wolves", "No team here"),
        ("/desk/submissions?participant=nobody", "No submission is like that"),
        ("/desk/submissions?state=bogus&challenge=none", "No submission is like that"),
        ("/desk/audit?who=nobody", "No line is like that"),
    ],
)
def test_who_looks_for_what_is_not_there_is_told_so_and_led_back(people: Any, path: str, said: str) -> None:
    organizer = people[0]
    organizer.go(path)
    assert said in organizer.text and f'href="{path.split("?")[0]}">' in organizer.answer.text
