"""The desk with much on it: what is shown is found in the order of an index, and turned over page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser_world import Browser, both
from desk_world import fill_desk
from gateway_world import World
from sqlalchemy import Connection, event

from participant_kit.gateway.audit import read_audit
from participant_kit.gateway.database import Database
from participant_kit.gateway.decisions import list_all
from participant_kit.gateway.invitations import list_invitations
from participant_kit.gateway.people import count_waiting, list_members, list_people, list_teams
from participant_kit.gateway.runners import list_runners, read_queue

PEOPLE = 400
Rows = Callable[[Connection], Any]
LATE = f"00000003-0000-7000-8000-{7:012d}"
LISTS: dict[str, Rows] = {
    "people": lambda connection: list_people(connection, after="participant-00017"),
    "who waits": lambda connection: list_people(connection, state="waiting"),
    "a part of a name": lambda connection: list_people(connection, find="0039"),
    "teams": list_teams,
    "members": lambda connection: list_members(connection, ["team-0001"]),
    "how many wait": count_waiting,
    "submissions": list_all,
    "submissions before one": lambda connection: list_all(connection, before=LATE),
    "those of a challenge": lambda connection: list_all(connection, challenge="small", before=LATE),
    "those in a state": lambda connection: list_all(connection, state="failed", before=LATE),
    "those of somebody": lambda connection: list_all(connection, participant="participant-00017"),
    "the audit log": lambda connection: read_audit(connection, before=9),
    "what somebody did": lambda connection: read_audit(connection, account="org-1"),
    "what was done to something": lambda connection: read_audit(connection, subject="participant-00017"),
    "invitations": list_invitations,
    "the queue": read_queue,
    "runners": list_runners,
}


@pytest.fixture
def large(world: World) -> World:
    fill_desk(world.settings, "small", PEOPLE)
    return world


@pytest.fixture
def connection(large: World) -> Iterator[Connection]:
    database = Database(large.settings)
    with database.read() as connection:
        yield connection
    database.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_list_of_the_desk_goes_through_a_table_that_grows_or_sorts_it(connection: Connection) -> None:
    """As the database plans it; one that sorts does so to what somebody has sent, or to what waits."""
    asked: list[tuple[str, Any]] = []
    event.listen(connection, "before_cursor_execute", lambda *found: asked.append((found[2], found[3])))
    for name, rows in LISTS.items():
        asked.clear()
        rows(connection)
        for statement, values in list(asked):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [row[-1] for row in plan]
            assert not [step for step in steps if re.match(r"SCAN (accounts|submissions|audit)$", step)], (name, steps)
            small = ("those of somebody", "the queue", "runners")
            assert name in small or not [step for step in steps if "ORDER BY" in step], (name, steps)


@both
def test_the_pages_of_a_list_hold_everything_once(large: World) -> None:
    organizer = Browser(large).log_in("org", "organizer", "/desk")
    for path, item in (
        ("/desk/people", r'name="name" value="(participant-\d+)"'),
        ("/desk/submissions", r'"/desk/submissions/([\w-]{36})"'),
        ("/desk/submissions?challenge=small&state=scored", r'"/desk/submissions/([\w-]{36})"'),
        ("/desk/audit?who=org-1", r">(participant-\d+)<"),
    ):
        seen: list[str] = []
        page: str | None = path
        while page:
            text = organizer.go(page)
            found = re.findall(item, text)
            assert 0 < len(found) <= 50
            seen += found
            more = re.search(r'rel="next" href="([^"]+)"', text)
            page = path.split("?")[0] + more[1].replace("&amp;", "&") if more else None
        assert len(seen) == len(set(seen)), path
        expected = {"/desk/people": PEOPLE, "/desk/submissions": 5 * PEOPLE}.get(path)
        assert expected is None or len(seen) == expected
        assert seen == sorted(seen, reverse="submissions" in path or "audit" in path)
    assert "First" in organizer.go("/desk/people?after=participant-00049")


@both
def test_somebody_is_found_by_a_part_of_their_name_and_kept_in_view(large: World) -> None:
    organizer = Browser(large).log_in("org", "organizer", "/desk")
    organizer.go("/desk/people?find=PANT-00017")
    organizer.send("/state", button="pause")
    assert "paused" in organizer.text and "participant-00016" not in organizer.text  # what was looked for stays
    assert "Nobody" in organizer.go("/desk/people?find=%25") and "Nobody" in organizer.go("/desk/people?find=_x")
    assert "No more" in organizer.go("/desk/people?after=z")
    organizer.go("/desk/people/teams?find=team-0003")
    assert "participant-00015" in organizer.text and "team-0002" not in organizer.text
    organizer.go("/desk/audit?on=participant-00017")
    assert organizer.text.count("participant-00017") == 2  # before, and now
    organizer.go("/desk/submissions?before=nobody", 404)
    organizer.go("/desk/invitations?before=nobody", 404)
