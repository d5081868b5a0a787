"""Rehearsals on the sample, in the sandbox and without one."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from small_gateway import CELLS, write_notebook
from task_challenge import SOLUTION as TASK_SOLUTION
from task_challenge import write_tasks

from participant_kit.challenge.card import Limits
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import Command, Mount, Sandbox, get_sandbox
from participant_kit.participant.plain_process import PlainProcess
from participant_kit.participant.rehearse import Rehearsal, best_sandbox, rehearse_notebook

PARAMETERS, SOLUTION = CELLS
LIMITS = Limits(wall_time="20 s")


def run(source: str, *arguments: str, request: bytes = b"", max_reply: int = 1000, **options: object) -> object:
    """Run ``source`` with this interpreter as a sandbox's command would be run."""
    command = Command(
        argv=("/opt/environment/bin/python3", "-I", "-c", source, *arguments),
        mounts=(Mount(Path(sys.prefix), "/opt/environment"),),
        limits=options.pop("limits", LIMITS),
        environment={"HOME": "/work/home", "PATH": "/opt/environment/bin"},
    )
    return PlainProcess().run(command, request, max_reply=max_reply, **options)


@pytest.fixture(params=["plain process", pytest.param("bubblewrap", marks=pytest.mark.sandbox)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return PlainProcess() if request.param == "plain process" else get_sandbox("bubblewrap")


def rehearse(kit: ChallengeFolder, sandbox: Sandbox, *cells: str) -> Rehearsal:
    path = write_notebook(kit.root / "tried.ipynb", PARAMETERS, *(("", cell) for cell in cells))
    return rehearse_notebook(path, kit, sandbox=sandbox)


def test_the_starter_notebook_passes(
    kit: ChallengeFolder, notebook: Path, sandbox: Sandbox, environment: Environment
) -> None:
    before = {path.name: path.read_bytes() for path in kit.sample_dir.iterdir()}
    lines: list[str] = []
    done = rehearse_notebook(notebook, kit, sandbox=sandbox, progress=lines.append)
    assert (done.passed, done.stage, done.message) == (True, None, "")
    assert done.contained is sandbox.contained
    assert lines == ["Running start.ipynb on the sample", "Checking the predictions"]
    assert {path.name: path.read_bytes() for path in kit.sample_dir.iterdir()} == before


def test_a_failing_cell_comes_with_what_was_printed_and_its_traceback(
    kit: ChallengeFolder, sandbox: Sandbox, environment: Environment
) -> None:
    done = rehearse(kit, sandbox, "print('so far')", "{}['absent']")
    assert (done.passed, done.stage, done.cell, done.reason) == (False, "notebook", 3, "KeyError")
    assert "so far" in done.log
    assert "absent" in done.log


def test_predictions_are_checked_against_the_rows_of_the_sample(
    kit: ChallengeFolder, sandbox: Sandbox, environment: Environment
) -> None:
    done = rehearse(kit, sandbox, SOLUTION[1].replace('test["x"]', 'test["x"]\ntest = test[1:]'))
    assert (done.stage, done.reason) == ("output", "missing_rows")
    assert "1 rows" in done.message


def test_a_plain_process_says_that_it_holds_nothing() -> None:
    assert PlainProcess.contained is False


@pytest.mark.sandbox
def test_where_a_sandbox_works_it_is_the_one_that_is_used(kit: ChallengeFolder) -> None:
    assert best_sandbox(kit.card).name == "bubblewrap"


def test_where_none_works_a_plain_process_is(
    kit: ChallengeFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(best_sandbox(kit.card), PlainProcess)


def test_a_plain_process_gets_the_request_and_gives_the_reply_and_the_log() -> None:
    source = (
        "import sys; data = sys.stdin.buffer.read(13); sys.stdout.buffer.write(data[8:] * 2); sys.stderr.write('log')"
    )
    ended = run(source, request=b"hello", max_log=100)
    assert (ended.reply, ended.log, ended.exit_code) == (b"hellohello", b"log", 0)


def test_a_token_is_not_in_the_environment_of_a_plain_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKIT_TOKEN", "secret")
    ended = run("import os; print(dict(os.environ))")
    assert b"PKIT_WORK" in ended.reply
    assert b"secret" not in ended.reply


def test_a_plain_process_ends_at_its_limit_of_time() -> None:
    ended = run("import time; time.sleep(60)", limits=Limits(wall_time="1 s"))
    assert (ended.timed_out, ended.cancelled) == (True, False)
    assert ended.seconds < 20


def test_a_plain_process_ends_when_it_is_cancelled() -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    ended = run("import time; time.sleep(60)", cancelled=cancelled)
    assert (ended.timed_out, ended.cancelled) == (False, True)


def test_a_reply_that_is_too_large_is_dropped_and_a_log_is_cut() -> None:
    ended = run("print('x' * 5000)")
    assert (ended.reply, ended.reply_too_large) == (b"", True)
    ended = run("import sys; sys.stderr.write('x' * 5000)", max_log=100)
    assert (ended.log, ended.reply_too_large) == (b"x" * 100, False)


@pytest.mark.skipif(os.name == "nt", reason="looks for a process as POSIX does")
def test_no_kernel_is_left_running_after_the_limit_of_time(
    kit: ChallengeFolder, environment: Environment, tmp_path: Path
) -> None:
    kit.card_path.write_text(kit.card_path.read_text().replace("60 s", "5 s"))
    noted = tmp_path / "pid"
    source = f"import os, time, pathlib\npathlib.Path({str(noted)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    done = rehearse(ChallengeFolder(kit.root), PlainProcess(), source)
    assert done.stage == "timeout"
    kernel, deadline = int(noted.read_text()), time.monotonic() + 10
    while time.monotonic() < deadline and _is_running(kernel):
        time.sleep(0.1)
    assert not _is_running(kernel)


def test_an_environment_that_is_gone_is_an_error_with_a_next_step() -> None:
    command = Command(("/absent/python",), (), LIMITS)
    with pytest.raises(ExecutionError, match="pkit join"):
        PlainProcess().run(command, b"", max_reply=10)


def _is_running(pid: int) -> bool:
    """Whether ``pid`` runs, and is no zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_in_a_challenge_with_tasks_a_notebook_is_run_on_each_and_through_the_programs_of_the_kit(
    tmp_path: Path, sandbox: Sandbox, environment: Environment
) -> None:
    kit = write_tasks(tmp_path / "kit")
    path = write_notebook(kit.root / "tried.ipynb", PARAMETERS, ("", TASK_SOLUTION.replace("number >", "other >")))
    done = rehearse_notebook(path, kit, sandbox=sandbox, environment=environment)
    assert done.stage == ("output" if sandbox.contained else None), done
    assert ("NameError: name 'other' is not defined" in done.log) is sandbox.contained
