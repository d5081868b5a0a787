"""Tokens, errors, the leaderboard, and what the gateway keeps."""

from __future__ import annotations

import json
import time

import pytest
from gateway_world import API, World

from participant_kit.gateway.accounts import hash_token
from participant_kit.protocol.messages import Problem


def scored(world: World, who: str, auc: float) -> None:
    world.submit(who)
    claim = world.claim()
    assert claim and world.finish(claim, auc).status_code == 204


def test_tokens_are_kept_as_hashes_alone(world: World) -> None:
    token = world.auth("ada")["Authorization"].removeprefix("Bearer ")
    assert token.encode() not in world.stored()
    assert hash_token(token).encode() in world.stored()


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic YTpi", "Bearer "])
def test_a_wrong_token_gets_a_message_with_a_next_step(world: World, header: str | None) -> None:
    answer = world.client.get(f"{API}/me", headers={"Authorization": header} if header else {})
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, bool(problem.hint)) == (401, True)
    assert "wrong" not in answer.text


def test_an_expired_token_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = world.auth("ada")
    later = time.time() + 366 * 86400
    monkeypatch.setattr("participant_kit.gateway.accounts.time.time", lambda: later)
    answer = world.client.get(f"{API}/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


def test_an_organizer_invites_and_a_participant_does_not(world: World) -> None:
    body = {"name": "eve", "role": "participant"}
    assert world.client.post(f"{API}/accounts", json=body, headers=world.auth("ada")).status_code == 403
    made = world.client.post(f"{API}/accounts", json=body, headers=world.auth("org", "organizer")).json()
    me = world.client.get(f"{API}/me", headers={"Authorization": f"Bearer {made['token']}"}).json()
    assert me == {"name": "eve", "role": "participant"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", f"{API}/challenges/none", 404), ("DELETE", f"{API}/challenges", 405),
     ("GET", f"{API}/challenges/small/leaderboard?phase=none", 404), ("POST", f"{API}/claims", 401)],
)  # fmt: skip
def test_every_error_is_a_problem(world: World, method: str, path: str, status: int) -> None:
    answer = world.client.request(method, path)
    Problem.model_validate_json(answer.content)
    assert answer.status_code == status


def test_a_malformed_request_is_a_problem_that_quotes_no_token(world: World) -> None:
    headers = world.auth("runner", "runner")
    answer = world.client.post(f"{API}/leases/x/renew", json={"token": ["secret-token"]}, headers=headers)
    assert Problem.model_validate_json(answer.content).code == "request"
    assert "secret-token" not in answer.text


def nested(depth: int) -> bytes:
    return b'{"payload":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "envelope",
    [b"NaN", b'{"\\ud800": "\\ud800"}', b"9" * 5000, b"1e400", b"\xff", *map(nested, (50, 900, 100_000))],
    ids=len,
)
def test_whatever_stands_in_the_json_of_a_result_it_is_a_problem_and_no_result(world: World, envelope: bytes) -> None:
    world.submit()
    claim = world.claim()
    assert claim
    body = b'{"token":"%s","envelope":%s}' % (claim.lease.token.encode(), envelope)
    headers = {**world.auth("runner", "runner"), "Content-Type": "application/json"}
    answer = world.client.post(f"{API}/leases/{claim.submission}/result", content=body, headers=headers)
    assert Problem.model_validate_json(answer.content).message
    assert answer.status_code in (400, 422)
    assert world.finish(claim).status_code == 204


def test_the_board_ranks_the_best_of_each_and_ties_share_a_rank(world: World) -> None:
    for who, auc in (("ada", 0.7), ("bob", 0.9), ("cy", 0.9), ("ada", 0.8), ("ada", 0.6), ("dan", 0.5)):
        scored(world, who, auc)
    board = world.client.get(f"{API}/challenges/small/leaderboard").json()
    rows = [
        (row["rank"], row["participant"], row["scores"]["roc_auc_score"], row["submissions"]) for row in board["rows"]
    ]
    assert rows == [(1, "bob", 0.9, 1), (1, "cy", 0.9, 1), (3, "ada", 0.8, 3), (4, "dan", 0.5, 1)]


def test_the_board_is_not_sent_again_until_it_changes(world: World) -> None:
    scored(world, "ada", 0.7)
    first = world.client.get(f"{API}/challenges/small/leaderboard")
    again = world.client.get(f"{API}/challenges/small/leaderboard", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    scored(world, "bob", 0.8)
    changed = world.client.get(f"{API}/challenges/small/leaderboard", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


def test_a_hidden_board_shows_no_row(empty: World, tmp_path: object) -> None:
    from pathlib import Path

    from gateway_world import make_kit
    from support import CARD

    card = CARD.replace(b"total: 100}", b"total: 100, leaderboard: hidden}")
    empty.publish(make_kit(Path(str(tmp_path)) / "kit", card))
    scored(empty, "ada", 0.9)
    board = empty.client.get(f"{API}/challenges/small/leaderboard").json()
    assert (board["hidden"], board["participants"], board["rows"]) == (True, 1, [])
    assert "0.9" not in json.dumps(board)


def test_the_openapi_document_describes_every_route(world: World) -> None:
    paths = world.client.get("/openapi.json").json()["paths"]
    assert {f"{API}/claims", f"{API}/challenges/{{slug}}/submissions/{{identifier}}", f"{API}/me"} <= paths.keys()
    for path, verbs in paths.items():
        for verb, operation in verbs.items():
            assert operation.get("description"), f"{verb} {path} says what it does"


def test_a_full_disk_stores_nothing_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("participant_kit.gateway.blobs.os.fsync", full)
    answer = world.submit()
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    monkeypatch.undo()
    assert world.claim() is None
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada")).json()
    assert quota["used_total"] == 0
    assert world.submit().status_code == 200


@pytest.fixture
def crowd(world: World) -> list[str]:
    """Two hundred and fifty participants, from the best on; the second and third are as good as each other."""
    names = [f"p{place:03}" for place in range(250)]
    rows = [{"participant": name, "rank_by": place - (place == 2), "moment": place} for place, name in enumerate(names)]
    world.query(
        "INSERT INTO best (challenge, phase, participant, rank_by, scores, submitted_at, submissions)"
        " VALUES ('small', 'development', :participant, :rank_by, '{}', :moment, 1)",
        *rows,
    )
    return names


def board(world: World, who: str | None = None, **page: int) -> tuple[list[tuple[int, str]], int]:
    """Rank and name of each row, and how many participants there are."""
    headers = world.auth(who) if who else None
    found = world.client.get(f"{API}/challenges/small/leaderboard", params=page, headers=headers).json()
    return [(row["rank"], row["participant"]) for row in found["rows"]], found["participants"]


def test_the_board_comes_in_pages_and_no_row_is_left_out(world: World, crowd: list[str]) -> None:
    first, participants = board(world)
    assert (len(first), participants) == (100, 250)
    assert first[:4] == [(1, "p000"), (2, "p001"), (2, "p002"), (4, "p003")]
    pages = [row for offset in (0, 100, 200) for row in board(world, offset=offset)[0]]
    assert pages == board(world, limit=1000)[0]
    assert [name for _, name in pages] == crowd
    assert board(world, offset=2, limit=2)[0] == [(2, "p002"), (4, "p003")], "a rank does not depend on the page"
    assert board(world, offset=1000) == ([], 250)


def test_whoever_is_on_another_page_gets_their_own_row_as_the_last_one(world: World, crowd: list[str]) -> None:
    first, _ = board(world)
    assert board(world, "p240") == ([*first, (241, "p240")], 250)
    assert board(world, "p050") == (first, 250), "it is there already"
    assert board(world, "p002", offset=1000)[0] == [(2, "p002")]
    assert board(world, "ada") == (first, 250), "without a score there is no row"
    wrong = world.client.get(f"{API}/challenges/small/leaderboard", headers={"Authorization": "Bearer wrong"})
    assert (wrong.status_code, len(wrong.json()["rows"])) == (200, 100), "anyone may look"


def test_no_two_who_get_another_board_have_the_same_etag(world: World, crowd: list[str]) -> None:
    path = f"{API}/challenges/small/leaderboard"
    asked = [{}, world.auth("p240"), world.auth("p241")]
    tags = [world.client.get(path, headers=headers).headers["etag"] for headers in asked]
    tags.append(world.client.get(path, params={"offset": 100}).headers["etag"])
    assert len(set(tags)) == 4
    for headers, tag in zip(asked, tags, strict=False):
        assert world.client.get(path, headers={**headers, "If-None-Match": tag}).status_code == 304
    scored(world, "ada", 0.7)
    assert world.client.get(path, headers={**asked[1], "If-None-Match": tags[1]}).status_code == 200
