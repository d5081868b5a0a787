"""The client before Codabench's own web application, where its source and a Python with its packages are.

``CODABENCH_SOURCE`` names the folder ``src`` of a checkout, ``CODABENCH_PYTHON`` the interpreter; without both, nothing
is tried. The worker's calls are made by hand, as ``compute_worker.py`` makes them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from codabench_site import OTHER, PASSWORD, USER
from databases import postgresql
from house import free_port
from stores import SECRET, Store
from support import SOLUTION, make_notebook

from participant_kit.participant.codabench import client as module
from participant_kit.participant.codabench.client import CodabenchClient, login
from participant_kit.participant.codabench.submission import CodabenchSubmission
from participant_kit.participant.errors import ParticipantError
from participant_kit.protocol.errors import GatewayError

SOURCE, PYTHON = os.environ.get("CODABENCH_SOURCE"), os.environ.get("CODABENCH_PYTHON")
pytestmark = pytest.mark.skipif(
    not (SOURCE and PYTHON), reason="Codabench's source is not here: set CODABENCH_SOURCE and CODABENCH_PYTHON"
)
PER_DAY = 6


@dataclass
class Site:
    """The application, and what a worker does at it."""

    address: str
    process: subprocess.Popen[str]
    competition: int
    phase: int
    tasks: int

    def runs(self, submission: CodabenchSubmission) -> list[int]:
        """The numbers of a submission's runs: its own, or those of its children, which follow it."""
        first = int(submission.id)
        return [first] if self.tasks == 1 else [first + 1 + task for task in range(self.tasks)]

    def tell(self, number: int, method: str, path: str, **values: Any) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        secret = self.process.stdout.readline().strip()
        address = f"{self.address}/api/{path.format(number)}"
        answer = requests.request(method, address, json={"secret": secret} | values, timeout=20)
        assert answer.ok, answer.text[:500]

    def move(self, submission: CodabenchSubmission, status: str, **values: Any) -> None:
        for number in self.runs(submission):
            self.tell(number, "PATCH", "submissions/{}/", status=status, **values)

    def score(self, submission: CodabenchSubmission, **scores: float) -> None:
        for number in self.runs(submission):
            self.tell(number, "POST", "upload_submission_scores/{}/", scores=scores)


@pytest.fixture(params=[("Force_Best", 1), ("Add", 2)], ids=["one-task", "two-tasks"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    rule, tasks = request.param
    database = f"codabench_{tasks}"
    postgresql().execute(f"CREATE DATABASE {database}")
    with Store() as store:
        for bucket in ("public", "private"):
            (store.root / bucket).mkdir()
        environment = os.environ | {
            "PYTHONPATH": f"{SOURCE}:{SOURCE}/apps:{Path(__file__).parents[1]}",
            "SITE_DATABASE": database,
            "SITE_DATABASE_HOST": str(postgresql().folder),
            "DOMAIN_NAME": "localhost",
            "TEMP_SUBMISSION_STORAGE": str(tmp_path / "codalab"),
            "STORAGE_TYPE": "minio",
            "AWS_ACCESS_KEY_ID": "gateway",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_STORAGE_BUCKET_NAME": "public",
            "AWS_STORAGE_PRIVATE_BUCKET_NAME": "private",
            "AWS_S3_ENDPOINT_URL": store.environment["AWS_ENDPOINT_URL"],
            "AWS_QUERYSTRING_AUTH": "False",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        port, program = free_port(), Path(__file__).parents[1] / "codabench_site.py"
        command = [str(PYTHON), str(program), str(port), rule, str(tasks), str(PER_DAY)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with (tmp_path / "site.log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stderr=log, **pipes)
        assert process.stdout
        ready = next((line for line in process.stdout if line.startswith("READY")), "")
        assert ready, (tmp_path / "site.log").read_text()[-3000:]
        competition, phase = map(int, ready.split()[1:])
        yield Site(f"http://127.0.0.1:{port}", process, competition, phase, tasks)
        process.kill()
        process.wait()


def test_every_call_gets_the_answer_that_is_expected(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParticipantError, match="does not know"):
        login(site.address, USER, "wrong")
    assert login(site.address, USER, PASSWORD).name == USER
    client = CodabenchClient(site.address, site.competition)
    assert [one.title for one in client.competitions()] == ["Wheat seeds"]
    client.join(site.competition, tmp_path / "wheat")
    assert (tmp_path / "wheat" / "starting_kit.csv").is_file()
    assert (tmp_path / "wheat" / "public_data" / "public_data.csv").is_file()
    notebook = tmp_path / "wheat" / "mine.ipynb"
    notebook.write_bytes(make_notebook(SOLUTION))

    submission = client.submit(notebook)
    for status in ("Preparing", "Running", "Scoring", "Preparing", "Running"):
        site.move(submission, status)
        assert not submission.refresh().state.is_final
    site.move(submission, "Finished")
    assert (submission.refresh().state, submission.status.said) == ("scoring", "Finished")
    site.score(submission, accuracy=0.9, loss=0.25, unknown=1.0)
    names = ["accuracy", "loss"]
    if site.tasks > 1:
        names = [f"Task {number}: {name}" for number in range(site.tasks) for name in names]
        submission.put_on_leaderboard()  # under the rule of that one, participants choose
    else:
        with pytest.raises(GatewayError, match="not allowed to edit the leaderboard"):
            submission.put_on_leaderboard()
    assert submission.refresh().state == "scored"
    assert sorted(submission.scores or {}) == sorted(names)
    board = client.leaderboard()
    assert [(row.participant, sorted(row.scores)) for row in board.rows] == [(USER, sorted(names))]
    assert (board.own, board.primary, client.quota().used_today) == (USER, names[0], 1)
    assert [name for name, _, primary in client.columns(client.competition()) if primary] == names[:1]

    second = client.submit_again(submission.id)
    assert client.cancel(second.id).state == "cancelled"
    third = client.submit(notebook)
    site.move(third, "Failed", status_details="program_rc=1")
    assert (third.refresh().state, third.status.details) == ("failed", "program_rc=1")
    with pytest.raises(ParticipantError, match="no log"):  # nothing was written into those that were fetched
        third.log()

    def cut(*_: Any, **__: Any) -> Any:
        raise GatewayError("cut off", code="gateway_unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(module, "storage_of", cut)
        with pytest.raises(GatewayError, match="is not known"):
            client.submit(notebook)
    post = client.connection.post
    with monkeypatch.context() as patch:
        lost = lambda *words: cut(post(*words)) if words[0] == "/submissions/" else post(*words)  # noqa: E731
        patch.setattr(client.connection, "post", lost)
        found = client.submit(notebook)  # the data set that was left is made anew, and the lost answer found
    count = len(client.submissions())
    assert (found.id, count) == (client.submissions()[-1].id, 4)
    while client.quota().used_today < PER_DAY:
        client.submit(notebook)
    with pytest.raises(ParticipantError, match="maximum allowed submissions for today"):
        client.submit(notebook)

    login(site.address, OTHER, PASSWORD)
    stranger = CodabenchClient(site.address, site.competition)
    with pytest.raises(ParticipantError, match="not registered"):
        stranger.submit(notebook)
    with pytest.raises(GatewayError, match="nothing there"):
        stranger.submission(submission.id)
    monkeypatch.setattr(module, "load_codabench", lambda server: ("0" * 40, USER))
    with pytest.raises(GatewayError, match="does not take your token"):
        CodabenchClient(site.address, site.competition).submissions()
