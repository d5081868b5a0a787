"""The leaderboard's pages: ties, orders, one's own row, a day's board for ever, and what is hidden stays hidden."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import DATABASES, fresh_database
from fastapi.testclient import TestClient
from gateway_world import World
from pages_world import FULL, crowd, make_full_kit, score

from participant_kit.gateway.app import create_app
from participant_kit.gateway.settings import Settings

BOARD = "/challenges/small/leaderboard"
YESTERDAY = datetime.now(UTC).date() - timedelta(1)
HIDDEN = FULL.replace(b"total: 100}", b"total: 100, leaderboard: hidden}")


def publish(world: World, folder: Path) -> World:
    """ada and cy are equal, bob leads, base is a baseline; by the Brier score cy is best."""
    world.publish(make_full_kit(folder / "kit"))
    score(world, "ada", 0.7, 0.3)
    score(world, "base", 0.6, 0.25)
    score(world, "cy", 0.8, 0.1)
    score(world, "bob", 0.9, 0.2)
    score(world, "ada", 0.8, 0.3)
    return world


@pytest.fixture(params=DATABASES, scope="module")
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that change nothing."""
    folder = tmp_path_factory.mktemp("board")
    with fresh_database(request.param) as url, TestClient(create_app(Settings(folder / "gateway", url))) as client:
        yield publish(World(client, folder / "gateway", url), folder)


@pytest.fixture
def changing(empty: World, tmp_path: Path) -> World:
    return publish(empty, tmp_path)


def names(world: World, path: str = f"{BOARD}.json", **query: Any) -> list[tuple[int, str]]:
    answer = world.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [(row["rank"], row["participant"]) for row in answer.json()["rows"]]


def page(world: World, path: str = BOARD, status: int = 200, **query: Any) -> str:
    answer = world.client.get(path, params=query or None, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


def in_order(text: str, *words: str) -> bool:
    table = text[text.index("<tbody>", text.index('id="rows"')) :]
    return sorted(words, key=table.index) == list(words)


def test_equal_scores_share_a_rank_and_a_baseline_is_marked(board: World) -> None:
    assert names(board) == [(1, "bob"), (2, "cy"), (2, "ada"), (4, "base")]
    text = page(board)
    assert in_order(text, ">bob", ">cy", ">ada", ">base")
    assert text.count('class="badge">baseline<') == 1
    assert "base" in text.split('class="badge">baseline<')[0].splitlines()[-1]


def test_a_board_is_ordered_by_any_column_and_keeps_its_ranks(board: World) -> None:
    by_brier = page(board, sort="brier_score_loss")
    assert in_order(by_brier, ">cy", ">bob", ">base", ">ada") and 'aria-sort="ascending"' in by_brier
    assert in_order(page(board, sort="brier_score_loss", worst=True), ">ada", ">base", ">bob", ">cy")
    assert in_order(page(board, sort="participant"), ">ada", ">base", ">bob", ">cy")
    assert 'aria-sort="descending"' in page(board, sort="roc_auc_score")
    page(board, status=404, sort="'; DROP TABLE best; --")


def test_one_finds_ones_own_row_by_name_or_by_token(board: World) -> None:
    assert 'class="mine"' not in page(board)
    assert page(board, name="ada").count(">found<") == 1
    assert "zoe is not on this board" in page(board, name="zoe")
    mine = board.client.get(BOARD, headers=board.auth("ada"))
    assert mine.text.count("your row") == 1 and "private" in mine.headers["cache-control"]


def test_among_many_ones_own_row_stands_first_with_the_way_to_its_page(empty: World, tmp_path: Path) -> None:
    empty.publish(make_full_kit(tmp_path / "kit"))
    crowd(empty, 250)
    everybody = names(empty)
    assert len(everybody) == 250 and [rank for rank, _ in everybody] == sorted(rank for rank, _ in everybody)
    for place in (100, 199, 200, 249):
        rank, who = everybody[place]
        text = page(empty, name=who)
        assert text.count(">found<") == 1 and in_order(text, f">{who}", f">{everybody[0][1]}")
        link = re.search(r'id="its-page" href="([^"]*)"', text)
        assert link and f"{who} has rank {rank}" in text
        its = page(empty, html.unescape(link[1]))
        assert its.count(">found<") == 1 and f"rows {place // 100 * 100 + 1} to" in its and "has rank" not in its
    assert "rows 1 to 100" in page(empty) and "rows 101 to 200" in page(empty, offset=100)


def test_a_board_of_a_day_is_what_it_was_when_the_day_had_ended(changing: World) -> None:
    noon = datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, 12, tzinfo=UTC).timestamp()
    changing.query(f"UPDATE records SET entered_at = {noon} WHERE participant <> 'bob' AND rank_by > -0.8")
    changing.query(f"UPDATE records SET entered_at = {noon - 86400} WHERE participant = 'base'")
    day = f"{BOARD}/{YESTERDAY}"
    assert names(changing, f"{day}.json") == [(1, "ada"), (2, "base")]
    assert names(changing, f"{BOARD}/{YESTERDAY - timedelta(1)}.json") == [(1, "base")]
    before = page(changing, day)
    score(changing, "base", 0.95)
    assert page(changing, day) == before and names(changing)[0] == (1, "base")
    assert in_order(before, ">ada", ">base") and ">bob" not in before


@pytest.mark.parametrize("day", [0, 400, "2026-02-30", "20260101", "x", "2026-1-1"])
def test_a_day_that_is_not_over_or_is_none_has_no_board(board: World, day: str | int) -> None:
    if isinstance(day, int):
        day = str(datetime.now(UTC).date() + timedelta(day))
    for path in (f"{BOARD}/{day}", f"{BOARD}/{day}.csv", f"{BOARD}/{day}.json"):
        page(board, path, 404)


def test_csv_and_json_have_every_row(board: World) -> None:
    answer = board.client.get(f"{BOARD}.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(int(row["rank"]), row["participant"]) for row in rows] == names(board)
    assert [row["baseline"] for row in rows] == ["False", "False", "False", "True"]
    assert rows[0]["roc_auc_score"] == "0.9" and rows[2]["submissions"] == "2"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_history_has_each_who_led(board: World) -> None:
    text = page(board)
    assert "from 0.7 to 0.9 in 3 steps" in text
    table = text.split("<details")[1].split("</details>")[0]
    assert [who for who in ("ada", "bob", "cy", "base") if f">{who}<" in table] == ["ada", "bob", "cy"]


def test_a_score_changes_the_page_and_until_then_a_browser_has_it(changing: World) -> None:
    first = changing.client.get(BOARD)
    tag = {"If-None-Match": first.headers["etag"]}
    assert changing.client.get(BOARD, headers=tag).status_code == 304
    score(changing, "zed", 0.5)
    assert changing.client.get(BOARD, headers=tag).status_code == 200


@pytest.mark.attack("clickjacking")
def test_another_page_may_frame_the_small_board_and_no_other(board: World) -> None:
    embedded = board.client.get(f"{BOARD}/embed")
    assert "frame-ancestors *" in embedded.headers["content-security-policy"] and ">bob" in embedded.text
    assert "frame-ancestors 'none'" in board.client.get(BOARD).headers["content-security-policy"]


def test_a_hidden_board_is_hidden_in_every_form(empty: World, tmp_path: Path) -> None:
    empty.publish(make_full_kit(tmp_path / "kit", HIDDEN))
    score(empty, "ada", 0.8)
    empty.query(f"UPDATE records SET entered_at = entered_at - {2 * 86400}")
    paths = ("", ".csv", ".json", "/embed", f"/{YESTERDAY}", f"/{YESTERDAY}.csv", f"/{YESTERDAY}.json", "?name=ada")
    for path in (*(BOARD + end for end in paths), "/challenges/small/feed.xml", "/feed.xml"):
        text = page(empty, path)
        assert "0.8" not in text and 'scope="row">ada' not in text and "ada leads" not in text, path
    before = empty.client.get(BOARD).headers["etag"]
    score(empty, "bob", 0.9)
    assert empty.client.get(BOARD).headers["etag"] == before, "when somebody was scored can be seen"


def test_a_board_of_none_and_of_one(empty: World, tmp_path: Path) -> None:
    empty.publish(make_full_kit(tmp_path / "kit"))
    assert "Nobody is on the leaderboard" in page(empty)
    assert names(empty) == [] and "Nobody" in page(empty, f"{BOARD}/embed")
    score(empty, "ada", 0.8)
    text = page(empty)
    assert "1 participant." in text and in_order(text, ">ada")


def test_past_the_last_row_there_is_a_way_back(board: World) -> None:
    assert "To the first page" in page(board, offset=100)
    page(board, status=422, offset=-1)
    page(board, status=404, phase="none")
