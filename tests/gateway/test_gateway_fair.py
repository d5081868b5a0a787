"""Who is next: nobody waits behind one person's hundred, or behind work that their runner cannot do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from gateway_world import API, World, make_envelope, make_kit
from sqlalchemy import insert
from support import CARD

from participant_kit.gateway.database import Database
from participant_kit.gateway.leases import claim
from participant_kit.gateway.tables import submissions
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import Role
from participant_kit.protocol.kit import pack_kit
from participant_kit.protocol.messages import ClaimRequest

REQUEST = {"role": "blind", "runner": "r", "challenges": ["small"], "wait": 0}


def queue(world: World, who: str, number: int, first: float = 0.0) -> None:
    """Put ``number`` submissions of ``who`` into the queue."""
    world.auth(who)
    same = {"challenge": "small", "phase": "development", "participant": who, "state": "queued", "revision": 1}
    same |= {"waits_for": "blind", "sealed_sha256": "", "sealed": ""}
    moments = [first + place for place in range(number)]
    world.query(
        insert(submissions), *({**same, "id": new_identifier(), "created_at": at, "updated_at": at} for at in moments)
    )


def next_ones(database: Database, world: World, number: int) -> tuple[list[str], float]:
    """Whose the next ones are, and the seconds that a claim takes."""
    started, whose = time.perf_counter(), []
    for _ in range(number):
        with database.write() as connection:
            found = claim(connection, ClaimRequest.model_validate(REQUEST), world.settings)
        assert found
        whose.append(found[0].participant)
    return whose, (time.perf_counter() - started) / number


def test_whoever_comes_last_is_next_however_many_wait_of_one_person(world: World) -> None:
    queue(world, "ada", 3000)
    database = Database(world.settings)
    alone, _ = next_ones(database, world, 3)
    queue(world, "bob", 2, first=10_000)
    queue(world, "cy", 1, first=20_000)
    whose, seconds = next_ones(database, world, 5)
    database.close()
    assert alone == ["ada"] * 3
    assert whose == ["bob", "cy", "bob", "ada", "ada"]
    assert seconds < 1.0, "what waits is not sorted for each claim"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT id FROM submissions WHERE challenge = 'small' AND waits_for = 'blind' AND state = 'queued'"
         " AND participant NOT IN ('ada') ORDER BY created_at, id LIMIT 1", "submissions_waiting"),
        ("SELECT participant FROM submissions WHERE lease_expires > 0",
         "submissions_leased"),
        ("SELECT count(*) FROM submissions WHERE participant = 'bob' AND challenge = 'small'"
         " AND phase = 'development' AND counted", "submissions_"),
    ],
    ids=["the next one", "who is at work", "a quota"],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_every_claim_and_submission_asks_has_an_index(world: World, statement: str, index: str) -> None:
    queue(world, "ada", 3000)
    plan = repr(world.query(f"EXPLAIN QUERY PLAN {statement}"))
    assert index in plan
    assert "SCAN submissions" not in plan


def test_a_runner_gets_only_what_fits_it(empty: World, tmp_path: Path) -> None:
    empty.publish(make_kit(tmp_path / "kit"))
    empty.submit()

    def ask(**most: Any) -> int:
        headers = empty.auth("runner", "runner")
        return int(empty.client.post(f"{API}/claims", json=REQUEST | most, headers=headers).status_code)

    assert [ask(cpus=1), ask(memory=1 << 20), ask(wall_time=30), ask(cpus=8, memory=1 << 40, wall_time=3600)] == [
        204, 204, 204, 200
    ]  # fmt: skip


def test_work_that_wants_a_gpu_is_lent_to_who_has_one(empty: World, tmp_path: Path) -> None:
    make_kit(tmp_path / "kit", CARD.replace(b"processes: 64", b"processes: 64, gpus: 1"))
    empty.publish(pack_kit(tmp_path / "kit", "small"))
    empty.submit()

    def ask(gpus: int) -> int:
        headers = empty.auth("runner", "runner")
        return int(empty.client.post(f"{API}/claims", json=REQUEST | {"gpus": gpus}, headers=headers).status_code)

    assert [ask(0), ask(1)] == [204, 200]


def test_long_jobs_never_starve_short_ones_where_a_runner_is_kept_for_those(world: World, tmp_path: Path) -> None:
    card = CARD.replace(b"slug: small", b"slug: long").replace(b"wall_time: 60 s", b"wall_time: 6 h")
    make_kit(tmp_path / "long", card)
    world.client.put(
        f"{API}/challenges/long", content=pack_kit(tmp_path / "long", "long"), headers=world.auth("org", "organizer")
    ).raise_for_status()
    for _ in range(5):  # they wait longest
        path = f"{API}/challenges/long/submissions/{new_identifier()}"
        world.client.put(path, content=b"sealed", headers=world.auth("bob")).raise_for_status()
    for _ in range(3):
        world.submit()

    def ask(**most: Any) -> str | None:
        body = {**REQUEST, "challenges": ["long", "small"], **most}
        answer = world.client.post(f"{API}/claims", json=body, headers=world.auth("runner", "runner"))
        return str(answer.json()["challenge"]) if answer.status_code == 200 else None

    assert ask() == "long", "the oldest"
    assert [ask(wall_time=1800) for _ in range(4)] == ["small", "small", "small", None]
    assert ask() == "long"


def test_a_long_run_renews_its_lease_and_is_run_once(world: World) -> None:
    world.submit()
    held = world.claim()
    assert held
    for _ in range(4):
        time.sleep(0.5)
        assert world.lease("renew", held).status_code == 200
        assert world.claim(Role.BLIND) is None
    assert world.lease("result", held, envelope=make_envelope(held)).status_code == 204
    assert world.claim() is None
