"""Work that takes a while: joining and rehearsing, with what is being done told line by line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from house import SLUG
from server_world import Page, Person, Requests, become
from small_gateway import send
from support import SOLUTION

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.participant.plain_process import PlainProcess
from participant_kit.participant.server.broker import Broker
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.kit import kit_digest, pack_kit
from participant_kit.protocol.messages import API_PREFIX

OpenPage = Callable[..., Any]


@pytest.fixture
def quick_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kits whose kernel is not made."""
    monkeypatch.setattr("participant_kit.participant.client.create_kernel", lambda kit, tell: tell("Making the kernel"))


def broker_of(serverapp: Any) -> Broker:
    (app,) = serverapp.extension_manager.extension_apps["participant_kit"]
    broker: Broker = app.broker
    return broker


async def test_joining_tells_what_is_done_and_ends_with_the_kit_and_its_kernel(
    ask: Requests, ada: Person, open_page: OpenPage, environment: Environment, jp_data_dir: Path
) -> None:
    page: Page = await open_page()
    begun = await ask.post("joins", gateway=ada.house.address, challenge=SLUG, folder="other/place")
    assert (begun["kind"], begun["title"], begun["state"]) == ("join", SLUG, "running")
    done = await ask.ended(begun)
    assert (done["state"], done["kit"]["path"], done["kit"]["kernel"]) == ("done", "other/place", "pkit-small")
    assert (ada.kit.root.parent / "other" / "place" / "challenge.yaml").is_file()
    assert (jp_data_dir / "kernels" / "pkit-small" / "kernel.json").is_file()
    told = await page.until(lambda event: event["kind"] == "job" and event["job"]["state"] == "done")
    assert told["job"] == done
    lines = [event["job"]["line"] for event in page.of("job")]
    assert lines[0].startswith("Downloading the kit")
    assert "Verifying the kit" in lines
    assert [kit["path"] for kit in await ask.get("kits")] == ["other/place"]


async def test_joining_again_brings_a_kit_up_to_date_and_leaves_notebooks_alone(
    ask: Requests, ada: Person, quick_kernel: None
) -> None:
    mine = ada.kit.root.parent / ada.write()
    before = mine.read_bytes()
    (ada.kit.root / "README.md").write_text("spoiled")
    done = await ask.ended(await ask.post("joins", gateway=ada.house.address, challenge=SLUG))
    assert (done["state"], done["kit"]["path"]) == ("done", "small")
    assert (mine.read_bytes(), (ada.kit.root / "README.md").read_text() == "spoiled") == (before, False)


async def test_a_folder_that_holds_something_else_is_left_as_it_is(ask: Requests, ada: Person) -> None:
    folder = ada.kit.root.parent / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("all of it")
    failed = await ask.ended(await ask.post("joins", gateway=ada.house.address, challenge=SLUG, folder="mine"))
    assert (failed["state"], failed["problem"]["code"], "kit" in failed) == ("failed", "folder", False)
    assert "not empty" in failed["problem"]["message"]
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


async def test_a_kit_that_is_not_the_one_that_was_meant_is_not_taken(
    ask: Requests, ada: Person, quick_kernel: None
) -> None:
    where = {"gateway": ada.house.address, "challenge": SLUG}
    failed = await ask.ended(await ask.post("joins", **where, folder="wrong", checksum="0" * 64))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "checksum")
    assert not (ada.kit.root.parent / "wrong").exists()
    (offer,) = await ask.get("challenges", gateway=ada.house.address)
    done = await ask.ended(await ask.post("joins", **where, folder="right", checksum=f" {offer['kit_sha256'].upper()}"))
    assert done["state"] == "done"


async def test_joining_can_be_stopped(
    ask: Requests, ada: Person, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(kit: ChallengeFolder, *, tell: Callable[[str], None]) -> None:
        for count in range(1000):
            tell(f"Installing package {count}")
            time.sleep(0.02)

    monkeypatch.setattr("participant_kit.participant.client.create_kernel", slowly)
    page: Page = await open_page()
    job = await ask.post("joins", gateway=ada.house.address, challenge=SLUG, folder="other")
    await page.until(lambda event: event["kind"] == "job" and event["job"]["line"].startswith("Installing"))
    await ask.delete("jobs", job["id"])
    stopped = await page.until(lambda event: event["kind"] == "job" and event["job"]["state"] != "running")
    assert (stopped["job"]["state"], "problem" in stopped["job"]) == ("cancelled", False)
    assert await ask.get("jobs", job["id"]) == stopped["job"]


@pytest.mark.parametrize(
    ("where", "code"),
    [({"challenge": "absent"}, "challenge_unknown"), ({"gateway": "http://127.0.0.1:1"}, "gateway_unreachable")],
)
async def test_what_cannot_be_joined_says_why(
    ask: Requests, ada: Person, hasty: None, where: dict[str, str], code: str
) -> None:
    failed = await ask.ended(await ask.post("joins", **{**ada.there, "folder": "new", **where}))
    assert (failed["state"], failed["problem"]["code"], bool(failed["problem"]["hint"])) == ("failed", code, True)
    assert not (ada.kit.root.parent / "new").exists()


@pytest.mark.parametrize("folder", ["../other", "small/../../other", "a\0b"])
async def test_nothing_is_joined_outside_of_the_folder_that_jupyter_shows(
    ask: Requests, ada: Person, folder: str
) -> None:
    problem = await ask.post("joins", gateway=ada.house.address, challenge=SLUG, folder=folder, status=422)
    assert problem["code"] == "outside"
    assert (await ask.post("joins", gateway=ada.house.address, challenge="../x", status=422))["code"] == "outside"


async def test_a_kit_of_a_newer_schema_is_not_joined_and_says_to_upgrade(
    ask: Requests, ada: Person, serve: Callable[..., str], tmp_path: Path
) -> None:
    newer = ada.kit.card_path.read_text().replace("schema_version: 1", "schema_version: 2\nwhat: is new")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "challenge.yaml").write_text(newer)
    (tmp_path / "newer" / "keys.json").write_bytes(ada.kit.keys_path.read_bytes())
    kit = pack_kit(tmp_path / "newer", SLUG)
    info = requests.get(f"{ada.house.address}{API_PREFIX}/challenges/{SLUG}", timeout=20).json()
    info |= {"kit_sha256": kit_digest(kit), "kit_bytes": len(kit)}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/kit"):
            send(handler, kit, kind="application/zip")
        else:
            send(handler, json.dumps(info).encode())

    failed = await ask.ended(await ask.post("joins", gateway=serve(answer), challenge=SLUG, folder="newer"))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "newer_schema")
    assert "pip install -U participant-kit" in failed["problem"]["hint"]
    assert not (ada.kit.root.parent / "newer").exists()


async def test_after_a_restart_of_the_server_work_is_unknown_and_says_what_to_do(ask: Requests) -> None:
    for problem in (
        await ask.get("jobs", new_identifier(), status=422),
        await ask.delete("jobs", new_identifier(), status=422),
    ):
        assert (problem["code"], bool(problem["hint"])) == ("job_unknown", True)


async def test_a_page_that_opens_meanwhile_hears_of_the_work_that_was_begun(
    ask: Requests, ada: Person, open_page: OpenPage
) -> None:
    job = await ask.ended(await ask.post("joins", gateway=ada.house.address, challenge="absent", folder="new"))
    page: Page = await open_page()
    assert (await page.until(lambda event: event["kind"] == "job"))["job"] == job


async def test_what_has_ended_is_forgotten_when_there_is_much_and_what_runs_is_not(
    ask: Requests, ada: Person, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.participant.server.jobs.KEPT", 3)
    begun = []
    for _ in range(6):
        begun.append(await ask.post("joins", gateway=ada.house.address, challenge="absent", folder="new"))
        await ask.ended(begun[-1])
    kept = [job.id for job in broker_of(jp_serverapp).jobs.all()]
    assert kept == [job["id"] for job in begun[-3:]]
    assert (await ask.get("jobs", begun[0]["id"], status=422))["code"] == "job_unknown"


async def test_what_was_not_foreseen_ends_a_job_with_a_message(
    ask: Requests, ada: Person, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr("participant_kit.participant.client.join_kit", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("threading.excepthook", lambda *_: None)
    failed = await ask.ended(await ask.post("joins", gateway=ada.house.address, challenge=SLUG))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "internal")
    assert "ZeroDivisionError" in failed["problem"]["message"]
    assert failed["problem"]["hint"]


# --- rehearsals


@pytest.fixture
def rehearsing(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearse without a sandbox, which takes a while and may be missing here."""
    monkeypatch.setattr("participant_kit.participant.rehearse.best_sandbox", lambda card: PlainProcess())


async def test_a_rehearsal_that_passes_says_so(
    ask: Requests, ada: Person, open_page: OpenPage, rehearsing: None
) -> None:
    page: Page = await open_page()
    path = ada.write()
    begun = await ask.post("rehearsals", path=path)
    assert (begun["kind"], begun["path"], begun["state"]) == ("rehearsal", path, "running")
    done = await ask.ended(begun)
    assert (done["state"], done["contained"], "problem" in done) == ("done", False, False)
    assert done["seconds"] > 0
    await page.until(lambda event: event["kind"] == "job" and event["job"]["state"] == "done")
    assert f"Running {Path(path).name} on the sample" in [event["job"]["line"] for event in page.of("job")]
    assert ada.stored() == []


async def test_a_rehearsal_that_fails_names_the_cell_and_shows_what_was_printed(
    ask: Requests, ada: Person, rehearsing: None
) -> None:
    path = ada.write("print('so far')", "{}['absent']", SOLUTION)
    failed = await ask.ended(await ask.post("rehearsals", path=path))
    assert (failed["state"], failed["cell"], failed["reason"]) == ("failed", 4, "KeyError")
    assert "so far" in failed["log"]
    assert "absent" in failed["log"]
    assert failed["explanation"]


async def test_a_rehearsal_can_be_stopped(ask: Requests, ada: Person, rehearsing: None, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    path = ada.write(f"import pathlib, time\npathlib.Path({str(noted)!r}).touch()\ntime.sleep(60)", SOLUTION)
    job = await ask.post("rehearsals", path=path)
    await become(noted.exists, 30)
    await ask.delete("jobs", job["id"])
    started = asyncio.get_running_loop().time()
    stopped = await ask.ended(job)
    assert (stopped["state"], "explanation" in stopped and stopped["explanation"]) == ("cancelled", "")
    assert asyncio.get_running_loop().time() - started < 20


@pytest.mark.parametrize("path", ["small/absent.ipynb", "small/README.md"])
async def test_what_cannot_be_rehearsed_says_why(ask: Requests, ada: Person, path: str, rehearsing: None) -> None:
    failed = await ask.ended(await ask.post("rehearsals", path=path))
    assert (failed["state"], bool(failed["problem"]["message"])) == ("failed", True)


async def test_a_notebook_of_no_kit_cannot_be_rehearsed(ask: Requests, ada: Person) -> None:
    assert (await ask.post("rehearsals", path="a.ipynb", status=422))["code"] == "no_kit"
