"""Kits and notebooks as the page sees them: what belongs where, what a notebook would meet, who is ahead."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from house import SLUG
from server_world import Person, Requests, Runners
from small_gateway import send
from support import SOLUTION, make_notebook

from participant_kit.participant import Client
from participant_kit.protocol.messages import API_PREFIX

AWAY = "http://127.0.0.1:1"
"""An address at which nobody answers."""


def relink(person: Person, gateway: str) -> None:
    """Let the kit come from another gateway."""
    path = person.kit.root / ".participant-kit.json"
    path.write_text(path.read_text().replace(person.house.address, gateway))


def spoil(person: Person, old: str, new: str) -> None:
    text = person.kit.card_path.read_text()
    assert old in text
    person.kit.card_path.write_text(text.replace(old, new))


async def test_a_kit_comes_with_what_the_page_opens_of_it(ask: Requests, ada: Person) -> None:
    assert await ask.get("kits") == [
        {
            **ada.there,
            "title": "Predict ill",
            "folder": str(ada.kit.root),
            "path": "small",
            "overview": "small/README.md",
            "data": "small/DATA.md",
            "notebook": "small/starter_notebooks/01_explore.ipynb",
            "kernel": "pkit-small",
            "codabench": False,
        }
    ]


async def test_kits_that_jupyter_does_not_show_come_last_and_those_that_are_gone_do_not(
    ask: Requests, ada: Person, tmp_path: Path
) -> None:
    Client(ada.house.address).join(SLUG, tmp_path / "elsewhere" / SLUG, kernel=False)
    (kit,) = await ask.get("kits")
    assert (kit["folder"], "path" in kit) == (str(tmp_path / "elsewhere" / SLUG), False)
    shutil.rmtree(tmp_path / "elsewhere")
    assert await ask.get("kits") == []


async def test_a_kit_that_cannot_be_read_hides_no_other_and_says_why(
    ask: Requests, ada: Person, own_home: Path
) -> None:
    bad = ada.kit.root.parent / "bad"
    shutil.copytree(ada.kit.root, bad)
    joined = own_home / "joined.json"
    joined.write_text(json.dumps({"https://gateway.example bad": str(bad), **json.loads(joined.read_text())}))
    for card in (b"", b"schema_version: 1", b"slug: [", b"schema_version: 2", b"\xff"):
        (bad / "challenge.yaml").write_bytes(card)
        assert [kit["path"] for kit in await ask.get("kits")] == ["small"]
        problem = await ask.post("notebook", path="bad/a.ipynb", status=422)
        assert problem["code"] in ("findings", "newer_schema")
        assert problem["message"].startswith("challenge.yaml")


async def test_a_notebook_belongs_to_the_kit_around_it(ask: Requests, ada: Person) -> None:
    for path in (
        "small/a.ipynb",
        "small/starter_notebooks/01_explore.ipynb",
        "/small/deep/er/a.ipynb",
        "small/x/../a.ipynb",
    ):
        assert (await ask.post("notebook", path=path))["challenge"] == SLUG, path


async def test_a_notebook_outside_of_every_kit_belongs_to_none(ask: Requests) -> None:
    for path in ("a.ipynb", "", "/", "other/a.ipynb", "/etc/passwd", "a" * 300):
        assert await ask.post("notebook", path=path) is None, path


async def test_a_folder_with_a_card_that_was_not_joined_is_no_kit(ask: Requests, ada: Person) -> None:
    (ada.kit.root / ".participant-kit.json").unlink()
    assert await ask.post("notebook", path="small/a.ipynb") is None
    problem = await ask.post("preview", path=ada.write(), status=422)
    assert (problem["code"], "not joined" in problem["message"]) == ("no_kit", True)


@pytest.mark.parametrize("route", ["notebook", "preview", "submissions", "rehearsals"])
async def test_no_path_leads_out_of_the_folder_that_jupyter_shows(
    ask: Requests, ada: Person, tmp_path: Path, route: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Client(ada.house.address).join(SLUG, outside / SLUG, kernel=False)
    (outside / SLUG / "a.ipynb").write_bytes(make_notebook(SOLUTION))
    (ada.kit.root.parent / "away").symlink_to(outside)
    climbing = ("../outside/small/a.ipynb", "small/../../outside/small/a.ipynb", "../../../../etc/a.ipynb")
    for path in (*climbing, "away/small/a.ipynb", "../root_dir2/a.ipynb", "a\0b.ipynb", "small/\0"):
        problem = await ask.post(route, path=path, status=422)
        assert (problem["code"], bool(problem["hint"])) == ("outside", True), path
    assert ada.stored() == []


async def test_a_request_that_is_not_what_it_should_be_is_a_message(ask: Requests) -> None:
    bodies: list[Any] = [{}, {"path": 1}, {"path": "a", "more": 1}, {"path": "a" * 3000}, [], None]
    for body in bodies:
        assert (await ask.send("POST", "notebook", status=422, body=json.dumps(body)))["code"] == "request"


async def test_before_sending_the_page_shows_findings_quota_and_bits(
    ask: Requests, ada: Person, runners: Runners
) -> None:
    await ask.post("submissions", path=ada.write())
    runners.score(bits=2.5)
    preview = await ask.post("preview", path=ada.write())
    assert (preview["findings"], preview["phase"], preview["kit"]["path"]) == ([], "development", "small")
    assert [phase["name"] for phase in preview["phases"]] == ["development", "final"]
    assert (preview["quota"]["used_total"], preview["quota"]["total"]) == (1, 1000)
    assert (preview["quota"]["revealed_bits"], preview["quota"]["budget_bits"]) == (2.5, 99999)
    assert preview["budget_bits"] == 99999
    assert preview["most_bits"] > 20
    assert "problem" not in preview


async def test_findings_name_their_cell_and_level(ask: Requests, ada: Person) -> None:
    path = ada.write("import absent_package", SOLUTION + '\nopen("/mnt/data/x.csv")')
    findings = (await ask.post("preview", path=path))["findings"]
    assert [finding["cell"] for finding in findings] == [3, 4]
    assert all(finding["level"] in ("error", "warning") for finding in findings)


async def test_what_is_no_notebook_is_a_finding(ask: Requests, ada: Person) -> None:
    path = ada.write()
    for content in (b"", b"{}", b"no notebook", b"\xff\xfe", None):
        if content is None:
            (ada.kit.root.parent / path).unlink()
        else:
            (ada.kit.root.parent / path).write_bytes(content)
        preview = await ask.post("preview", path=path)
        assert [finding["level"] for finding in preview["findings"]] == ["error"]


async def test_without_the_gateway_the_findings_are_still_there_and_a_problem_says_what_is_not(
    ask: Requests, ada: Person, hasty: None
) -> None:
    relink(ada, AWAY)
    preview = await ask.post("preview", path=ada.write("import absent_package", SOLUTION))
    assert [finding["cell"] for finding in preview["findings"]] == [3]
    assert preview["problem"]["code"] == "gateway_unreachable"
    assert "quota" not in preview
    assert preview["budget_bits"] == 99999


async def test_without_a_token_a_preview_says_to_log_in(ask: Requests, ada: Person, own_home: Path) -> None:
    (own_home / "credentials.json").unlink()
    preview = await ask.post("preview", path=ada.write())
    assert preview["problem"]["code"] == "no_token"
    assert (preview["findings"], preview["phase"]) == ([], "development")


async def test_a_kit_that_is_not_the_newest_is_a_problem_of_the_preview(ask: Requests, ada: Person) -> None:
    path = ada.kit.root / ".participant-kit.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "kit_sha256": "0" * 64}))
    assert (await ask.post("preview", path=ada.write()))["problem"]["code"] == "old_kit"


async def test_a_board_names_who_looks(ask: Requests, ada: Person, runners: Runners) -> None:
    await ask.post("submissions", path=ada.write())
    runners.score(0.875)
    board = await ask.get("leaderboard", **ada.there)
    (mine,) = [row for row in board["rows"] if row["participant"] == ada.name]
    assert (board["phase"], board["me"], board["gateway"]) == ("development", ada.name, ada.house.address)
    assert mine["scores"]["roc_auc_score"] == 0.875


async def test_a_board_of_another_phase_can_be_asked_for(ask: Requests, ada: Person) -> None:
    board = await ask.get("leaderboard", **ada.there, phase="final")
    assert (board["phase"], board["hidden"], board["rows"]) == ("final", True, [])
    problem = await ask.get("leaderboard", **ada.there, phase="nope", status=404)
    assert problem["code"] == "phase_unknown"


async def test_the_rows_further_down_a_board_can_be_asked_for(ask: Requests, ada: Person, runners: Runners) -> None:
    await ask.post("submissions", path=ada.write())
    runners.score(0.875)
    board = await ask.get("leaderboard", **ada.there)
    (place,) = [place for place, row in enumerate(board["rows"]) if row["participant"] == ada.name]
    page = await ask.get("leaderboard", **ada.there, offset=str(place), limit="1")
    assert page["rows"] == [board["rows"][place]] and page["participants"] == board["participants"]
    beyond = await ask.get("leaderboard", **ada.there, offset=str(board["participants"]), limit="1000")
    assert beyond["rows"] == [board["rows"][place]], "mine is given with every page"
    for wrong in ("-1", "one", "1" * 20):
        problem = await ask.get("leaderboard", **ada.there, offset=wrong, status=422)
        assert "offset is no whole number" in problem["message"]


async def test_a_board_needs_no_token(ask: Requests, ada: Person, own_home: Path) -> None:
    (own_home / "credentials.json").unlink()
    assert "me" not in await ask.get("leaderboard", **ada.there)
    ada.revoke()
    (own_home / "credentials.json").write_text(json.dumps({ada.house.address: {"token": ada.token}}))
    (own_home / "credentials.json").chmod(0o600)
    assert "me" not in await ask.get("leaderboard", **ada.there), "nor one that is taken"


async def test_a_query_without_a_gateway_is_refused(ask: Requests) -> None:
    for route in ("leaderboard", "login", "challenges"):
        assert (await ask.get(route, status=400))["message"]


async def test_offers_say_which_are_joined_and_where(ask: Requests, ada: Person, tmp_path: Path) -> None:
    (offer,) = await ask.get("challenges", gateway=ada.house.address)
    assert (offer["challenge"], offer["metric"], offer["open_phase"]) == (SLUG, "roc_auc_score", "development")
    assert offer["joined"]["path"] == "small"
    assert (len(offer["kit_sha256"]), offer["kit_bytes"] > 0) == (64, True)
    shutil.rmtree(ada.kit.root)
    (offer,) = await ask.get("challenges", gateway=ada.house.address)
    assert "joined" not in offer


async def test_a_challenge_of_the_same_name_at_another_gateway_is_not_joined(
    ask: Requests, ada: Person, serve: Callable[..., str]
) -> None:
    offered = requests.get(f"{ada.house.address}{API_PREFIX}/challenges", timeout=20).content
    other = serve(lambda handler: send(handler, offered))
    (offer,) = await ask.get("challenges", gateway=other)
    assert offer["challenge"] == SLUG
    assert "joined" not in offer


# --- kits that a newer version has made


async def test_a_kit_of_a_newer_schema_says_to_upgrade(ask: Requests, ada: Person) -> None:
    path = ada.write()
    spoil(ada, "schema_version: 1", "schema_version: 2\nwhat: is new")
    for route in ("notebook", "preview", "submissions"):
        problem = await ask.post(route, path=path, status=422)
        assert problem["code"] == "newer_schema"
        assert "pip install -U participant-kit" in problem["hint"]
    job = await ask.ended(await ask.post("rehearsals", path=path))
    assert (job["state"], job["problem"]["code"]) == ("failed", "newer_schema")


async def test_a_gateway_that_offers_what_is_newer_says_to_upgrade(
    ask: Requests, ada: Person, serve: Callable[..., str]
) -> None:
    info = requests.get(f"{ada.house.address}{API_PREFIX}/challenges", timeout=20).json()
    info[0]["card"] |= {"schema_version": 2, "what": "is new"}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, json.dumps(info if handler.path.endswith("/challenges") else info[0]).encode())

    gateway = serve(answer)
    problem = await ask.get("challenges", gateway=gateway, status=502)
    assert (problem["code"], "pip install -U participant-kit" in problem["hint"]) == ("newer_schema", True)
    job = await ask.ended(await ask.post("joins", gateway=gateway, challenge=SLUG, folder="newer"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "newer_schema")
    assert not (ada.kit.root.parent / "newer").exists()
