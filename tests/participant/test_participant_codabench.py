"""A Codabench server as a target: the same sequence as its own page's, and nothing sent twice whatever breaks."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from codabench_server import COMPETITION, NEXT, PASSWORD, PHASE, TOKEN, USER, CodabenchServer, zipped
from IPython.core.error import UsageError
from support import SOLUTION, make_notebook

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.codabench import records
from participant_kit.participant.codabench.address import split_competition
from participant_kit.participant.codabench.client import CodabenchClient, login
from participant_kit.participant.codabench.connection import storage_of
from participant_kit.participant.codabench.pack import pack
from participant_kit.participant.codabench.place import find_place, joined_places
from participant_kit.participant.commands import Here, run_command
from participant_kit.participant.credentials import default_gateway, load_codabench
from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.kit import find_kit
from participant_kit.participant.server.codabench import competition_findings
from participant_kit.protocol.errors import GatewayError, ProtocolError
from participant_kit.protocol.states import State


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> Iterator[CodabenchServer]:
    """Whatever happens, no secret is in a log, and none but a signature in an address."""
    caplog.set_level(logging.DEBUG)
    server = CodabenchServer()
    yield server
    server.close()
    logged = "\n".join(caplog.handler.format(record) for record in caplog.get_records("call"))
    addresses = [path for _, path, _ in server.heard]
    for secret in (TOKEN, PASSWORD, *server.signed):
        assert secret not in logged
        assert not [path for path in addresses if secret in path and "/bucket/" not in path]
    stored = [headers for method, path, headers in server.heard if "/bucket/" in path]
    assert not [headers for headers in stored if "authorization" in headers]


@pytest.fixture
def client(server: CodabenchServer, monkeypatch: pytest.MonkeyPatch) -> CodabenchClient:
    monkeypatch.setattr("participant_kit.participant.codabench.submission.EVERY", 0.01)
    login(server.address, USER, PASSWORD)
    server.heard.clear()
    return CodabenchClient(server.address, COMPETITION, backoff=0.0)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "02_baseline.ipynb"
    path.parent.mkdir()
    path.write_bytes(make_notebook(SOLUTION))
    return path


def refused(error: pytest.ExceptionInfo[KitError]) -> tuple[str, bool]:
    """The code of an error, and whether it says what to do next."""
    return error.value.code, bool(error.value.hint)


# -- logging in ------------------------------------------------------------------------------------------------------


def test_a_password_becomes_a_token_which_is_kept_and_the_password_is_not(
    server: CodabenchServer, own_home: Path
) -> None:
    done = login(server.address, USER, PASSWORD)
    assert (done.name, done.kept_in, load_codabench(server.address)) == (USER, "file", (TOKEN, USER))
    assert [path.name for path in own_home.rglob("*") if path.is_file() and PASSWORD in path.read_text()] == []
    assert (own_home / "credentials.json").stat().st_mode & 0o077 == 0
    assert CodabenchClient(server.address).me().name == USER


def test_a_codabench_server_is_never_taken_for_the_gateway(client: CodabenchClient) -> None:
    with pytest.raises(ParticipantError) as error:
        default_gateway()
    assert refused(error) == ("no_gateway", True)


def test_a_wrong_password_is_not_shown_and_nothing_is_kept(server: CodabenchServer) -> None:
    with pytest.raises(ParticipantError) as error:
        login(server.address, USER, "not the pass phrase")
    assert refused(error) == ("login", True)
    assert "not the pass phrase" not in str(error.value)
    assert load_codabench(server.address) is None


def test_a_password_is_shown_only_to_what_answers_as_a_codabench_server_does(server: CodabenchServer) -> None:
    server.fault("GET", "/competitions/public/", status=404)
    with pytest.raises(GatewayError):
        login(server.address, USER, PASSWORD)
    assert server.asked("POST", "/api-token-auth/") == 0


# -- addresses and folders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "https://www.codabench.org/competitions/12",
        "https://www.codabench.org/competitions/12/",
        "www.codabench.org/competitions/12/?secret_key=4f1c#/pages-tab",
        "https://www.codabench.org/12",
    ],
)
def test_a_competition_is_named_by_the_address_that_a_browser_shows(text: str) -> None:
    assert split_competition(text) == ("https://www.codabench.org", 12)


def test_what_names_no_competition_says_how_one_is_named_and_shows_no_secret_key() -> None:
    with pytest.raises(ParticipantError) as error:
        split_competition("https://www.codabench.org/?secret_key=4f1c")
    assert refused(error) == ("address", True)
    assert "4f1c" not in str(error.value)


def test_a_joined_competition_has_its_kit_and_data_and_is_found_from_its_folder(
    client: CodabenchClient, server: CodabenchServer, tmp_path: Path
) -> None:
    told: list[str] = []
    place = client.join(COMPETITION, tmp_path / "wheat", told.append)
    assert (place.title, place.competition) == ("Wheat seeds", COMPETITION)
    files = {path.relative_to(tmp_path / "wheat").as_posix() for path in (tmp_path / "wheat").rglob("*.*")}
    assert files == {".codabench.json", "starter/baseline.ipynb", "public_data/train.csv"}
    for found in (
        find_place(tmp_path / "wheat" / "starter"),
        find_place(tmp_path, str(COMPETITION)),
        find_place(tmp_path, server.competition),
        find_place(tmp_path, tmp_path / "wheat"),
    ):
        assert found == place
    assert joined_places() == [place]
    (tmp_path / "wheat" / "starter" / "baseline.ipynb").write_text("mine")
    client.join(COMPETITION, tmp_path / "wheat", told.append)
    assert (tmp_path / "wheat" / "starter" / "baseline.ipynb").read_text() == "mine"
    assert "Kept your starter/baseline.ipynb" in told


def test_the_kit_of_a_challenge_that_was_exported_is_checked_against_its_card_and_has_its_sample(
    client: CodabenchClient, server: CodabenchServer, tmp_path: Path, kit_source: ChallengeFolder
) -> None:
    """An exported bundle has the sample as its public data, and no keys: nothing is sealed there."""
    for key, folder in ((server.kit, kit_source.root), (server.data, kit_source.sample_dir)):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in sorted(folder.rglob("*.*")):
                is_sample = path.is_relative_to(kit_source.sample_dir)
                if is_sample == (key == server.data) and path != kit_source.keys_path:
                    archive.write(path, path.relative_to(folder))
        server.files[key] = buffer.getvalue()
    client.join(COMPETITION, tmp_path / "wheat")
    kit = find_kit(tmp_path / "wheat" / "starter_notebooks")
    assert sorted(path.name for path in kit.sample_dir.iterdir()) == ["test.parquet", "train.parquet"]
    assert competition_findings(kit.notebooks_dir / "start.ipynb") == []
    (kit.notebooks_dir / "start.ipynb").write_bytes(make_notebook("import", parameters=None))
    assert {finding.level for finding in competition_findings(kit.notebooks_dir / "start.ipynb")} >= {"error"}


def test_a_folder_with_something_else_in_it_is_left_alone(client: CodabenchClient, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ParticipantError) as error:
        client.join(COMPETITION, tmp_path)
    assert refused(error) == ("folder", True)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["mine.txt"]


def test_a_starting_kit_cannot_say_where_submissions_go(
    client: CodabenchClient, server: CodabenchServer, tmp_path: Path
) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in (".codabench.json", "starter/.codabench.json", "starter/.participant-kit.json"):
            archive.writestr(name, json.dumps({"server": "https://elsewhere.example", "competition": 1}))
    server.files[server.kit] = buffer.getvalue()
    client.join(COMPETITION, tmp_path / "wheat")
    found = find_place(tmp_path / "wheat" / "starter")
    assert found is not None
    assert found.server == server.address
    assert not (tmp_path / "wheat" / "starter").exists()


def test_a_starting_kit_that_climbs_out_is_refused(
    client: CodabenchClient, server: CodabenchServer, tmp_path: Path
) -> None:
    server.files[server.kit] = zipped(**{"..__outside_csv": b""})
    with pytest.raises(ProtocolError, match="not a plain file"):
        client.join(COMPETITION, tmp_path / "wheat")
    assert not (tmp_path / "outside.csv").exists()


# -- what is sent ----------------------------------------------------------------------------------------------------


def test_a_notebook_is_packed_without_its_outputs_and_the_same_twice(notebook: Path) -> None:
    first = pack(notebook)
    with zipfile.ZipFile(BytesIO(first.content)) as archive:
        assert archive.namelist() == ["notebook.ipynb", "metadata"]
        assert b"command" not in archive.read("metadata")
    ran = json.loads(notebook.read_bytes())
    ran["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "a row of the sample"}]
    notebook.write_text(json.dumps(ran))
    assert pack(notebook) == first


def test_a_folder_of_result_files_is_packed_and_links_out_of_it_are_not(tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "wheat.predict").write_text("1\n")
    (tmp_path / "out" / "link").symlink_to("/etc/hostname")
    with zipfile.ZipFile(BytesIO(pack(tmp_path / "out").content)) as archive:
        assert archive.namelist() == ["deep/wheat.predict"]
    with pytest.raises(ParticipantError) as error:
        pack(tmp_path / "out" / "deep" / "nothing.zip")
    assert error.value.hint


# -- from submission to score ----------------------------------------------------------------------------------------


def test_a_submission_goes_the_way_of_codabenchs_own_page(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    submission = client.submit(notebook, name="trees", note="deep")
    asked = [(method, path.partition("?")[0].replace("/api", "")) for method, path, _ in server.heard]
    data = server.submissions[9001]["data"]
    assert asked == [
        ("GET", f"/competitions/{COMPETITION}/"),
        ("GET", f"/can_make_submission/{PHASE}/"),
        ("GET", "/datasets/"),
        ("POST", "/datasets/"),
        ("PUT", f"/bucket/{data['path']}"),
        ("PUT", f"/datasets/completed/{data['key']}/"),
        ("POST", "/submissions/"),
    ]
    assert "".join(server.notebook(9001)["cells"][1]["source"]) == SOLUTION
    assert data["completed"]
    record = submission.record
    assert record is not None
    assert (submission.id, record.name, record.note, record.path) == ("9001", "trees", "deep", notebook)


def test_every_state_of_codabench_is_one_of_ours_and_is_shown_as_it_was(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    submission = client.submit(notebook)
    seen = []
    for said in ("Submitting", "Submitted", "Preparing", "Running", "Scoring", "Preparing", "Running", "Invented"):
        server.move(9001, said)
        seen.append((submission.refresh().state.value, submission.status.said))
    assert seen == [
        ("queued", "Submitting"),
        ("queued", "Submitted"),
        ("running", "Preparing"),
        ("running", "Running"),
        ("scoring", "Scoring"),
        ("running", "Preparing"),
        ("running", "Running"),
        ("running", "Invented"),
    ]
    assert submission.scores is None


def test_it_is_waited_for_its_scores(client: CodabenchClient, server: CodabenchServer, notebook: Path) -> None:
    server.moves = True
    seen: list[str] = []
    submission = client.submit(notebook).wait(20, progress=lambda status: seen.append(status.state.value))
    assert submission.scores == {"accuracy": 0.93, "loss": 0.2}
    assert seen == ["queued", "queued", "running", "running", "scoring", "running", "running", "scoring", "scored"]
    assert not submission.has_receipt
    with pytest.raises(ParticipantError) as error:
        submission.receipt()
    assert refused(error) == ("no_receipt", True)


def test_a_failure_has_codabenchs_details_and_the_log_that_the_organizer_shows(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    submission = client.submit(notebook)
    server.move(9001, "Failed", "program_rc=1\x1b[2J")
    assert (submission.refresh().state, submission.status.details) == (State.FAILED, "program_rc=1 [2J")
    assert "no column x" in submission.log().log
    server.hide_output = True
    with pytest.raises(GatewayError, match="hide output"):
        submission.log()


def test_scores_may_come_after_the_end_and_what_gets_none_has_failed(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker says that it has finished before it posts scores, and those of unknown columns are dropped."""
    submission = client.submit(notebook)
    server.move(9001, "Finished")
    for look in (submission.refresh, submission.refresh, lambda: client.submission("9001")):
        assert (look().state, submission.status.said) == (State.SCORING, "Finished")
    monkeypatch.setattr("participant_kit.participant.codabench.submission.GRACE", timedelta(0))
    assert submission.refresh().state is State.FAILED
    monkeypatch.undo()
    server.submissions[9001]["created_when"] = "2026-01-01T00:00:00Z"
    assert client.submission("9001").state is State.FAILED


def test_of_several_tasks_each_has_its_scores(client: CodabenchClient, server: CodabenchServer, notebook: Path) -> None:
    server.tasks = [{"id": 9, "name": "Wheat"}, {"id": 10, "name": "Rye"}]
    submission = client.submit(notebook)
    server.move(9002, "Finished")
    server.move(9001, "Finished")
    assert submission.refresh().state is State.SCORING
    server.score(9001)
    names = ["Wheat: accuracy", "Wheat: loss", "Rye: accuracy", "Rye: loss"]
    assert sorted(submission.refresh().scores or {}) == sorted(names)
    (listed,) = client.submissions()
    assert (listed.id, listed.scores) == ("9001", submission.scores)
    board = client.leaderboard()
    assert (board.primary, sorted(board.rows[1].scores)) == ("Wheat: accuracy", sorted(names))


def test_a_submission_whose_tasks_have_all_failed_has_failed_whatever_it_is_called(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    """Codabench calls it finished as soon as no task runs any more."""
    server.tasks = [{"id": 9, "name": "Wheat"}, {"id": 10, "name": "Rye"}]
    submission = client.submit(notebook)
    for number in (9002, 9003):
        server.move(number, "Failed", "program_rc=1")
    server.move(9001, "Finished")
    assert (submission.refresh().state, submission.status.said) == (State.FAILED, "Finished")
    assert submission.status.details == "program_rc=1"


def test_the_leaderboard_marks_who_looks_also_under_a_display_name(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    server.display_name = "Ada Lovelace"
    client.submit(notebook)
    server.score(9001)
    board = client.leaderboard()
    assert [(row.rank, row.participant, row.scores) for row in board.rows] == [
        (1, "grace", {"accuracy": 0.95, "loss": 0.1}),
        (2, "ada", {"accuracy": 0.93, "loss": 0.2}),
    ]
    assert (board.own, board.primary, board.higher_is_better, board.phase) == (
        "ada",
        "accuracy",
        True,
        "Development Phase",
    )
    assert "ada (you)" in repr(board)


def test_where_participants_choose_a_submission_is_put_on_the_leaderboard(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    server.rule = "Add"
    submission = client.submit(notebook)
    server.score(9001)
    assert not submission.refresh().status.on_leaderboard
    assert [row.participant for row in client.leaderboard().rows] == ["grace"]
    assert submission.put_on_leaderboard().status.on_leaderboard
    assert [row.participant for row in client.leaderboard().rows] == ["grace", "ada"]


def test_a_submission_is_taken_back_unless_it_has_ended(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    client.submit(notebook)
    assert client.cancel("9001").state is State.CANCELLED
    client.submit_again("9001")
    server.score(9002)
    with pytest.raises(ParticipantError) as error:
        client.cancel("9002")
    assert refused(error) == ("ended", True)


def test_the_quota_is_what_codabench_counts(client: CodabenchClient, server: CodabenchServer, notebook: Path) -> None:
    client.submit(notebook)
    quota = client.quota()
    assert (quota.phase, quota.used_today, quota.per_day, quota.used_total, quota.total) == (
        *("Development Phase", 1, 5),
        *(1, 100),
    )


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_competition_that_is_not_there_or_private_says_where_to_look(client: CodabenchClient, tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as error:
        client.join(1, tmp_path / "one")
    assert refused(error) == ("not_found", True)
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("phase", ["Final Phase", str(NEXT)])
def test_a_phase_that_is_not_open_is_not_submitted_to(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, phase: str
) -> None:
    """Codabench's own page does not; its API would."""
    with pytest.raises(ParticipantError, match="is not open") as error:
        client.submit(notebook, phase=phase)
    assert refused(error) == ("phase_closed", True)
    assert server.asked("POST", "/") == 0


def test_a_phase_that_does_not_exist_names_those_that_do(client: CodabenchClient, notebook: Path) -> None:
    with pytest.raises(ParticipantError) as error:
        client.submit(notebook, phase="nope")
    assert error.value.code == "phase_unknown"
    assert "'Development Phase'" in error.value.hint


@pytest.mark.parametrize("status", [None, "pending", "denied"])
def test_who_was_not_admitted_is_led_to_the_page(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, status: str | None
) -> None:
    server.participant_status = status
    with pytest.raises(ParticipantError) as error:
        client.submit(notebook)
    assert error.value.code == "not_admitted"
    assert server.competition in error.value.hint
    assert (server.datasets, list(records.records_of(server.address))) == ({}, [])


def test_a_spent_quota_is_known_before_anything_is_sent(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    server.per_day = 0
    with pytest.raises(ParticipantError, match="maximum allowed submissions for today") as error:
        client.submit(notebook)
    assert refused(error) == ("quota_spent", True)
    assert server.datasets == {}


def test_a_full_storage_is_codabenchs_own_sentence(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.participant.codabench.client.len", lambda content: 10**12, raising=False)
    with pytest.raises(GatewayError, match="Insufficient space") as error:
        client.submit(notebook)
    assert refused(error) == ("storage_full", True)


def test_a_signed_address_that_is_not_taken_leaves_nothing_behind(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    server.fault("PUT", "/bucket/", status=403)
    with pytest.raises(GatewayError) as error:
        client.submit(notebook)
    assert refused(error) == ("upload_refused", True)
    assert "Signature" not in str(error.value)
    assert (server.datasets, server.submissions) == ({}, {})


def test_a_signed_address_without_encryption_is_only_for_this_machine() -> None:
    with pytest.raises(ProtocolError, match="plain HTTP") as error:
        storage_of("http://storage.example/bucket/x?X-Amz-Signature=abc")
    assert "abc" not in str(error.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_taken_any_more_says_how_to_log_in(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, status: int
) -> None:
    server.fault("GET", "/competitions/", status=status)
    with pytest.raises(GatewayError) as error:
        client.submit(notebook)
    assert error.value.code == "codabench_login"
    assert "pkit login --codabench" in error.value.hint


def test_without_a_token_nothing_is_asked(server: CodabenchServer, notebook: Path) -> None:
    with pytest.raises(GatewayError) as error:
        CodabenchClient(server.address, COMPETITION).submit(notebook)
    assert error.value.code == "codabench_login"
    assert server.heard == []


@pytest.mark.parametrize("line", ["submit", "status", "leaderboard"])
def test_blind_is_not_what_runs_there(
    client: CodabenchClient, server: CodabenchServer, tmp_path: Path, kit_source: ChallengeFolder, line: str
) -> None:
    """Also where the starting kit brings a card: nothing goes to a gateway by mistake."""
    client.join(COMPETITION, tmp_path / "wheat")
    (tmp_path / "wheat" / "challenge.yaml").write_bytes(kit_source.card_path.read_bytes())
    (tmp_path / "wheat" / "mine.ipynb").write_bytes(make_notebook(SOLUTION))
    with pytest.raises(UsageError, match="nothing runs blind"):
        run_command(line, Here(str(tmp_path / "wheat" / "mine.ipynb")), lambda told: None)


# -- what breaks -----------------------------------------------------------------------------------------------------


def arrived(server: CodabenchServer) -> list[str]:
    """The names of the data sets of all submissions."""
    return [one["data"]["name"] for one in server.submissions.values()]


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("GET", "/can_make_submission/", {"status": 502}),
        ("GET", "/competitions/", {"after": "half"}),
        ("PUT", "/bucket/", {"after": "cut"}),
        ("PUT", "/bucket/", {"status": 503}),
        ("PUT", "/datasets/completed/", {"after": "drop"}),
    ],
    ids=lambda value: str(value).strip("/"),
)
def test_what_means_the_same_twice_is_tried_again(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, method: str, path: str, values: dict[str, Any]
) -> None:
    server.fault(method, path, **values)
    try:
        client.submit(notebook)
    except GatewayError as error:  # half an answer is for a person to try again
        assert error.may_pass and values == {"after": "half"}
        client.submit(notebook)
    assert server.faults == []
    assert len(arrived(server)) == len(server.datasets) == 1
    assert len(server.packed(9001)) == len(pack(notebook).content)


@pytest.mark.parametrize("after", ["drop", "half", "500"])
def test_a_submission_whose_answer_was_lost_is_found_and_not_sent_again(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, after: str
) -> None:
    server.fault("POST", "/submissions/", after=after)
    assert client.submit(notebook).id == "9001"
    assert (len(arrived(server)), server.asked("POST", "/submissions/")) == (1, 1)
    assert client.submit(notebook).id == "9002"  # and the same once more is another one


@pytest.mark.parametrize("after", ["drop", "half", "500"])
def test_a_data_set_whose_answer_was_lost_is_made_anew_when_it_is_sent_again(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, after: str
) -> None:
    server.fault("POST", "/datasets/", after=after)
    with pytest.raises(GatewayError, match="is not known") as error:
        client.submit(notebook)
    assert "counts once" in error.value.hint
    assert client.submit(notebook).id == "9001"
    assert len(server.datasets) == len(server.submissions) == 1


def test_a_token_that_ends_in_the_middle_goes_on_after_the_next_login(
    client: CodabenchClient, server: CodabenchServer, notebook: Path
) -> None:
    server.fault("POST", "/submissions/", status=401)
    with pytest.raises(GatewayError) as error:
        client.submit(notebook)
    assert error.value.code == "codabench_login"
    login(server.address, USER, PASSWORD)
    assert CodabenchClient(server.address, COMPETITION).submit(notebook).id == "9001"
    assert (server.asked("PUT", "/bucket/"), len(server.datasets)) == (1, 1)  # the upload was not done again


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/bucket/"), ("PUT", "/datasets/completed/"), ("POST", "/submissions/")]
)
def test_a_client_that_is_killed_continues_and_sends_nothing_twice(
    client: CodabenchClient, server: CodabenchServer, notebook: Path, own_home: Path, method: str, path: str
) -> None:
    """Killed while the server has done its work, and before its answer has come."""
    fault = server.fault(method, path, hold=threading.Event())
    command = [sys.executable, "-m", "participant_kit.cli.main", "submit", str(notebook), "-c", server.competition]
    process = subprocess.Popen(command, env=os.environ | {"PKIT_HOME": str(own_home)}, stdout=subprocess.DEVNULL)
    try:
        assert fault.reached.wait(30)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    finally:
        process.kill()
    assert fault.hold is not None
    fault.hold.set()
    assert client.submit(notebook).id == "9001"
    assert len(server.submissions) == len(server.datasets) == 1
    assert server.asked("POST", "/submissions/") == 1
    assert client.submit(notebook).id == "9002"
