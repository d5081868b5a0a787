"""Notebooks that behave, and notebooks that do not, each in a real sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SOLUTION, long, make_card, make_notebook

from participant_kit.execution import guest
from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import Execution, read_reply, run_notebook
from participant_kit.execution.sandbox import Ended, Sandbox, get_sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=["bubblewrap", "template", "oci"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = get_sandbox(request.param, **({"program": "runc"} if request.param == "oci" else {}))
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def template() -> Iterator[Sandbox]:
    """What runners have, for all that is not about its walls: no run waits for what the first has imported."""
    sandbox = get_sandbox("template")
    yield sandbox
    sandbox.close()


@pytest.fixture
def bubblewrap() -> Sandbox:
    return get_sandbox("bubblewrap")


def run(environment: Environment, sandbox: Sandbox, tables: Path, *cells: str, **card: str) -> Execution:
    return run_notebook(make_notebook(*cells), tables, make_card(**card), environment, sandbox, keep_log=True)


def test_a_notebook_reads_the_tables_and_its_output_comes_back(
    environment: Environment, sandbox: Sandbox, tables: Path
) -> None:
    done = run(environment, sandbox, tables, SOLUTION)
    assert done.stage is None, done
    assert done.output == b"id,prediction\n1,0.1\n2,0.2\n3,0.3\n4,0.7\n5,0.8\n6,0.9\n"


def test_a_failing_cell_is_named_as_the_participant_counts_and_with_its_exception(
    environment: Environment, sandbox: Sandbox, tables: Path
) -> None:
    done = run(environment, sandbox, tables, "x = 1", "print('seen')\n{}['absent']")
    assert (done.stage, done.cell, done.reason, done.output) == ("notebook", 3, "KeyError", None)
    assert "seen" in done.log and "absent" in done.log


def test_a_shell_command_in_a_cell_runs_where_there_is_no_pseudo_terminal(
    environment: Environment, sandbox: Sandbox, tables: Path
) -> None:
    cell = "!echo said; ls /dev\nassert _exit_code == 0\ntaken = !ls $data_dir\nprint(taken)"
    done = run(environment, sandbox, tables, cell, SOLUTION)
    assert done.stage is None, done
    assert "said" in done.log and "['test.parquet', 'train.parquet']" in done.log and "pts" not in done.log


def test_the_log_stays_inside_unless_it_is_asked_for(environment: Environment, template: Sandbox, tables: Path) -> None:
    notebook = make_notebook("print('secret')\nraise ValueError('secret')")
    done = run_notebook(notebook, tables, make_card(), environment, template)
    assert (done.reason, done.message, done.log) == ("ValueError", "", "")


def test_labels_are_nowhere_in_the_sandbox_of_the_notebook(
    environment: Environment, template: Sandbox, tables: Path
) -> None:
    look = "import os\nraise RuntimeError(sorted(os.listdir(data_dir)))"
    assert "['test.parquet', 'train.parquet']" in run(environment, template, tables, look).message


def test_a_notebook_over_its_time_is_stopped(environment: Environment, sandbox: Sandbox, tables: Path) -> None:
    done = run(environment, sandbox, tables, "import time\ntime.sleep(60)", **{"60 s": "4 s"})
    assert (done.stage, done.output) == ("timeout", None)


def test_a_notebook_over_its_memory_is_stopped(environment: Environment, bubblewrap: Sandbox, tables: Path) -> None:
    done = run(environment, bubblewrap, tables, "x = bytearray(3 << 30)\nx[::4096] = b'1' * (3 << 18)")
    assert done.output is None
    assert done.stage == "memory" or done.reason == "MemoryError"


@pytest.fixture
def no_control_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for an ordinary user to whom no group was delegated."""
    monkeypatch.setattr("participant_kit.execution.sandbox.process.create_cgroup", lambda limits: None)


@pytest.mark.usefixtures("no_control_group")
@pytest.mark.parametrize("memory", ["512 MiB", long("2 GiB")])
def test_without_a_control_group_a_notebook_has_room_for_what_libraries_reserve(
    environment: Environment, sandbox: Sandbox, tables: Path, memory: str
) -> None:
    model = "from sklearn.linear_model import LogisticRegression\nLogisticRegression().fit([[0], [1]], [0, 1])"
    done = run(environment, sandbox, tables, model, SOLUTION, **{"1 GiB": memory})
    assert done.stage is None, done


@pytest.mark.usefixtures("no_control_group")
@pytest.mark.parametrize(
    "eat",
    [
        "x = bytearray(3 << 30)\nx[::4096] = b'1' * (3 << 18)",
        "import mmap, time\nx = mmap.mmap(-1, 3 << 30)\nfor i in range(0, 3 << 30, 4096): x[i] = 1\ntime.sleep(2)",
        "import os, time\nfor i in range(4):\n  if not os.fork(): x = b'1' * (1 << 29); time.sleep(9)\ntime.sleep(9)",
    ],
    ids=["private", "shared", "in many processes"],
)
def test_without_a_control_group_a_notebook_over_its_memory_is_stopped(
    environment: Environment, bubblewrap: Sandbox, tables: Path, eat: str
) -> None:
    done = run(environment, bubblewrap, tables, eat)
    assert done.output is None
    assert done.stage == "memory" or done.reason == "MemoryError", done


@pytest.mark.usefixtures("no_control_group")
def test_without_a_control_group_pages_that_processes_share_count_once(
    environment: Environment, bubblewrap: Sandbox, tables: Path
) -> None:
    share = (
        "import os, time\nx = b'1' * (1 << 29)\nfor i in range(4):\n  if not os.fork(): time.sleep(9)\ntime.sleep(1)"
    )
    done = run(environment, bubblewrap, tables, share, SOLUTION)
    assert done.stage is None, done


def test_a_disk_is_full_at_the_card_s_limit(environment: Environment, bubblewrap: Sandbox, tables: Path) -> None:
    done = run(environment, bubblewrap, tables, "with open('x', 'wb') as f:\n  while True: f.write(bytes(1 << 20))")
    assert (done.stage, done.cell, done.reason) == ("notebook", 2, "OSError")


def test_a_fork_bomb_ends_with_its_sandbox(environment: Environment, bubblewrap: Sandbox, tables: Path) -> None:
    name = f"bomb-{os.getpid()}"  # its processes have it all, and no other sandbox on this machine
    bomb = (
        f"import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\n"
        "for i in range(1000):\n  if os.fork() == 0: time.sleep(1000)"
    )
    done = run(environment, bubblewrap, tables, bomb)
    assert (done.stage, done.reason) == ("notebook", "BlockingIOError")
    assert name not in command_names()


def command_names() -> set[str]:
    """The short names of all processes."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has just ended
            found.add(path.read_text().strip())
    return found


def test_a_kernel_that_kills_itself_is_a_failed_run(environment: Environment, template: Sandbox, tables: Path) -> None:
    done = run(environment, template, tables, "import os\nos._exit(3)")
    assert (done.stage, done.output) == ("kernel", None)


def test_what_was_printed_is_in_the_log_also_when_the_output_is_missing(
    environment: Environment, template: Sandbox, tables: Path
) -> None:
    done = run(environment, template, tables, "print('almost')")
    assert (done.reason, done.log) == ("missing_output", "almost")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        ("pass", "missing_output"),
        ("os.symlink('/etc/passwd', path)", "not_a_file"),
        ("os.symlink('/data/test.parquet', path)", "not_a_file"),
        ("os.mkdir(path)", "not_a_file"),
        ("os.mkfifo(path)", "not_a_file"),
        ("open(path + 'x', 'w').write('1'); os.link(path + 'x', path)", "not_a_file"),
        ("open(path, 'wb').truncate(1 << 40)", "OSError"),
    ],
)
def test_what_is_no_plain_file_of_bounded_size_is_not_taken_for_predictions(
    environment: Environment, template: Sandbox, tables: Path, write: str, reason: str
) -> None:
    done = run(environment, template, tables, f"import os\npath = output_dir + '/predictions.csv'\n{write}")
    assert (done.output, done.reason) == (None, reason)


@pytest.mark.parametrize(
    ("notebook", "reason"),
    [
        (b"this is no JSON", "unreadable_notebook"),
        (b"\xff\xfe", "unreadable_notebook"),
        (b"[" * 100_000, "unreadable_notebook"),
        (b'{"cells": 1, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "unreadable_notebook"),
        (make_notebook("1", parameters=None), "no_parameters_cell"),
        (make_notebook("1", kernelspec={"name": "ir", "language": "R", "display_name": "R"}), "other_kernel"),
    ],
)
def test_a_notebook_that_cannot_run_says_why(
    environment: Environment, template: Sandbox, tables: Path, notebook: bytes, reason: str
) -> None:
    done = run_notebook(notebook, tables, make_card(), environment, template)
    assert (done.stage, done.reason) == ("notebook", reason)


def test_a_cancelled_run_ends_at_once(environment: Environment, template: Sandbox, tables: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(1.0, cancelled.set).start()
    started = time.monotonic()
    notebook = make_notebook("import time\ntime.sleep(60)")
    done = run_notebook(notebook, tables, make_card(), environment, template, cancelled=cancelled)
    assert done.cancelled and done.output is None
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"no json\n",
        b"{}",
        b"[]\nid",
        b'{"stage": 5, "cell": -1, "reason": {}, "message": [], "log": 3}\n',
        b'{"stage": "notebook", "cell": true, "reason": "' + b"x" * 1000 + b'"}\n',
        b"[" * 100_000 + b"\n",
        json.dumps({"stage": "owned", "cell": 10**30, "reason": None}).encode() + b"\n",
    ],
)
def test_a_hostile_reply_becomes_a_plain_failure(reply: bytes) -> None:
    done = read_reply(Ended(reply, b"", 0, 1.0))
    assert done.output is None
    assert done.stage in ("kernel", "notebook")
    assert done.cell is None
    assert done.reason is None or len(done.reason) <= 200


def test_the_driving_program_starts_without_what_it_never_uses(environment: Environment) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(guest.__file__).parent)!r}); import guest\n"
        "try: guest._run_notebook({}, b'', None)\n"
        "except guest.Failed: print(*sorted({'papermill', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([environment.python, "-I", "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["papermill"]
