"""A Codabench competition in the page: offered as a target, followed, and shown like any other challenge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from codabench_server import COMPETITION, PASSWORD, TOKEN, USER, CodabenchServer
from server_world import PREFIX, Page, Requests
from support import SOLUTION, make_notebook

from participant_kit.participant.codabench.client import CodabenchClient, login

FOLDER = "wheat"
NOTEBOOK = f"{FOLDER}/mine.ipynb"


@pytest.fixture
def bench(own_home: Path, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodabenchServer]:
    """A server at which somebody has logged in, and a competition that was joined where Jupyter shows it."""
    monkeypatch.chdir(jp_root_dir)
    server = CodabenchServer()
    login(server.address, USER, PASSWORD)
    CodabenchClient(server.address).join(COMPETITION, jp_root_dir / FOLDER)
    (jp_root_dir / NOTEBOOK).write_bytes(make_notebook(SOLUTION))
    yield server
    server.close()


@pytest.fixture
def ask(bench: CodabenchServer, jp_fetch: Callable[..., Any]) -> Requests:
    return Requests(jp_fetch, [TOKEN, PASSWORD])


@pytest.fixture
def there(bench: CodabenchServer) -> dict[str, str]:
    """What names the competition in a request."""
    return {"gateway": bench.address, "challenge": str(COMPETITION)}


@pytest.fixture
def open_page(bench: CodabenchServer, jp_ws_fetch: Callable[..., Any]) -> Callable[[], Awaitable[Page]]:
    async def open_page() -> Page:
        page = Page(await jp_ws_fetch(PREFIX, "events"), [TOKEN, PASSWORD])
        await page.watch((bench.address, str(COMPETITION)))
        return page

    return open_page


async def test_a_joined_competition_is_among_the_kits_and_is_that_of_its_notebooks(
    ask: Requests, bench: CodabenchServer, jp_root_dir: Path
) -> None:
    (kit,) = await ask.get("kits")
    assert kit == {
        "gateway": bench.address,
        "challenge": str(COMPETITION),
        "title": "Wheat seeds",
        "folder": str(jp_root_dir / FOLDER),
        "path": FOLDER,
        "notebook": NOTEBOOK,
        "kernel": "python3",
        "codabench": True,
    }
    assert await ask.post("notebook", path=NOTEBOOK) == kit


async def test_before_it_is_sent_phase_and_quota_are_shown_and_no_bits(ask: Requests, bench: CodabenchServer) -> None:
    preview = await ask.post("preview", path=NOTEBOOK)
    assert (preview["kit"]["codabench"], preview["phase"], preview["findings"]) == (True, "Development Phase", [])
    assert [(phase["name"], "ends" in phase) for phase in preview["phases"]] == [
        ("Development Phase", False),
        ("Final Phase", True),
    ]
    assert preview["quota"]["per_day"] == 5
    assert not {"problem", "most_bits", "budget_bits"} & set(preview)
    assert bench.submissions == {}


async def test_why_it_would_be_refused_is_known_before_it_is_sent(ask: Requests, bench: CodabenchServer) -> None:
    bench.participant_status = "pending"
    assert (await ask.post("preview", path=NOTEBOOK))["problem"]["code"] == "not_admitted"
    bench.token = "another"
    assert (await ask.post("preview", path=NOTEBOOK))["problem"]["code"] == "codabench_login"
    assert (await ask.post("submissions", path=NOTEBOOK, status=403))["code"] == "codabench_login"


async def test_a_notebook_from_elsewhere_can_be_sent_to_a_competition_that_was_joined(
    ask: Requests, bench: CodabenchServer, jp_root_dir: Path
) -> None:
    (jp_root_dir / "elsewhere.ipynb").write_bytes(make_notebook(SOLUTION))
    target = str(jp_root_dir / FOLDER)
    assert (await ask.post("preview", path="elsewhere.ipynb", target=target))["kit"]["title"] == "Wheat seeds"
    sent = await ask.post("submissions", path="elsewhere.ipynb", target=target, name="other")
    assert (sent["name"], sent["notebook"], list(bench.submissions)) == ("other", "elsewhere.ipynb", [9001])
    assert (await ask.post("preview", path="elsewhere.ipynb", target="/etc", status=422))["code"] == "no_kit"


async def test_what_is_no_notebook_is_not_sent(ask: Requests, bench: CodabenchServer, jp_root_dir: Path) -> None:
    (jp_root_dir / NOTEBOOK).write_text("{}")
    for path in ("preview", "submissions"):
        assert (await ask.post(path, path=NOTEBOOK, status=422))["code"] == "notebook"
    assert bench.datasets == {}


async def test_a_page_hears_of_every_state_until_the_scores(
    ask: Requests, bench: CodabenchServer, open_page: Callable[[], Awaitable[Page]]
) -> None:
    page = await open_page()
    await page.greeted()
    (challenge,) = (event["view"] for event in page.of("challenge"))
    assert [(metric["name"], metric["primary"]) for metric in challenge["metrics"]] == [
        ("accuracy", True),
        ("loss", False),
    ]
    assert (challenge["me"], challenge["open_phase"], challenge["kit_is_current"]) == (USER, "Development Phase", True)
    sent = await ask.post("submissions", path=NOTEBOOK, name="trees", note="deep")
    assert (sent["id"], sent["state"], sent["said"], sent["kept"]) == ("9001", "queued", "Submitting", True)
    for said, state in (("Submitted", "queued"), ("Running", "running"), ("Scoring", "scoring")):
        bench.move(9001, said)
        assert (await page.submission("9001", said=said))["state"] == state
    bench.score(9001)
    told = await page.submission("9001", state="scored")
    assert (told["scores"], told["verified"], told["has_receipt"], told["name"]) == (
        *({"accuracy": 0.93, "loss": 0.2}, False),
        *(False, "trees"),
    )
    board = (await page.until(lambda event: event["kind"] == "board"))["board"]
    assert [(row["participant"], row["scores"]["accuracy"]) for row in board["rows"]] == [
        ("grace", 0.95),
        (USER, 0.93),
    ]
    versions = [
        own["version"] for event in page.of("submissions") for own in event["submissions"] if own["id"] == "9001"
    ]
    assert versions == sorted(versions)
    await page.close()


async def test_a_failure_is_told_with_codabenchs_own_words(
    ask: Requests, bench: CodabenchServer, there: dict[str, str]
) -> None:
    await ask.post("submissions", path=NOTEBOOK)
    bench.move(9001, "Failed", "program_rc=1")
    failed = await ask.get("submissions", "9001", **there)
    assert (failed["state"], failed["said"], failed["details"]) == ("failed", "Failed", "program_rc=1")
    assert "no column x" in (await ask.get("submissions", "9001", "log", **there))["text"]
    assert (await ask.get("submissions", "9001", "receipt", status=422, **there))["code"] == "no_receipt"


async def test_it_can_be_cancelled_sent_again_and_opened_as_it_was_sent(
    ask: Requests, bench: CodabenchServer, there: dict[str, str], jp_root_dir: Path
) -> None:
    await ask.post("submissions", path=NOTEBOOK)

    async def act(what: str) -> Any:
        return await ask.send("POST", "submissions", "9001", what, status=200, body="{}", params=there)

    assert (await act("cancel"))["state"] == "cancelled"
    assert (await act("again"))["id"] == "9002"
    opened = await act("open")
    assert opened["path"] == f"{FOLDER}/submitted/mine-9001.ipynb"
    assert (jp_root_dir / opened["path"]).is_file()


async def test_the_leaderboard_of_another_phase_is_fetched_when_asked_for(ask: Requests, there: dict[str, str]) -> None:
    board = await ask.get("leaderboard", phase="Final Phase", **there)
    assert (board["phase"], board["me"], board["gateway"]) == ("Final Phase", USER, there["gateway"])


async def test_a_server_that_is_away_is_said_and_followed_again(
    bench: CodabenchServer, open_page: Callable[[], Awaitable[Page]]
) -> None:
    bench.fault("GET", "/submissions/", after="500")
    page = await open_page()
    await page.until(lambda event: event["kind"] == "problem" and event.get("problem"))
    assert page.problem is not None
    assert page.problem["code"] == "gateway_unreachable"
    await page.until(lambda event: event["kind"] == "problem" and not event.get("problem"))
    await page.close()
