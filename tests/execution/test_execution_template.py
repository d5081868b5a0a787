"""Templates: what is forked from one has its walls and none of its past, and nothing hangs on its life."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import processes, wait_until
from support import SOLUTION, make_card, make_notebook

from participant_kit.execution.environment import Environment
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import Execution, run_notebook
from participant_kit.execution.sandbox import Ended, Mount, template, view
from participant_kit.execution.sandbox.probes import LIMITS
from participant_kit.execution.sandbox.template import TemplateSandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[TemplateSandbox]:
    sandbox = TemplateSandbox()
    yield sandbox
    sandbox.close()


def run(environment: Environment, sandbox: TemplateSandbox, tables: Path, *cells: str) -> Execution:
    """In a template of all that is imported where a card says nothing."""
    card = make_card(**{"preload: [pandas]": "preload: []"})
    return run_notebook(make_notebook(*cells), tables, card, environment, sandbox, keep_log=True)


def run_script(sandbox: TemplateSandbox, script: Path, *, preload: tuple[str, ...] = ()) -> Ended:
    command = view.script("/usr/bin/python3", script, (), LIMITS)
    return sandbox.run(replace(command, preload=preload), b"", max_reply=10_000, max_log=10_000)


def test_random_numbers_are_new_in_each_run(environment: Environment, sandbox: TemplateSandbox, tables: Path) -> None:
    draw = "import random, numpy, uuid\nprint('DRAWN', random.random(), numpy.random.random(), uuid.uuid4())"
    drawn = [
        word
        for _ in range(2)
        for line in run(environment, sandbox, tables, draw, SOLUTION).log.splitlines()
        if line.startswith("DRAWN")
        for word in line.split()[1:]
    ]
    assert len(drawn) == len(set(drawn)) == 6


def test_threads_of_numeric_libraries_work_after_the_fork(
    environment: Environment, sandbox: TemplateSandbox, tables: Path
) -> None:
    work = """
import numpy, pandas, pyarrow, sklearn.ensemble
x = numpy.ones((600, 600))
print("PRODUCT", (x @ x).sum())
columns, late = numpy.arange(600)[:, None], numpy.arange(600) > 300
print("MODEL", sklearn.ensemble.HistGradientBoostingClassifier(max_iter=3).fit(columns, late).score(columns, late))
print("TABLE", pyarrow.table({"a": range(1000)}).to_pandas().a.sum())
"""
    done = run(environment, sandbox, tables, work, SOLUTION)
    assert done.stage is None, done
    assert "PRODUCT 216000000.0" in done.log and "MODEL 0.99" in done.log and "TABLE 499500" in done.log


def test_a_run_holds_less_memory_of_its_own_than_what_it_has_imported(
    environment: Environment, sandbox: TemplateSandbox, tables: Path
) -> None:
    look = """
import numpy, pandas, sklearn.linear_model
told = dict(line.split(":") for line in open("/proc/self/smaps_rollup").read().splitlines()[1:])
print("OWN", told["Private_Dirty"].split()[0], "OF", told["Rss"].split()[0])
"""
    words = run(environment, sandbox, tables, look, SOLUTION).log.split()
    own, of = (int(words[words.index(word) + 1]) for word in ("OWN", "OF"))
    assert own < of / 3


def test_a_template_that_was_killed_is_made_anew(tmp_path: Path, sandbox: TemplateSandbox) -> None:
    script = tmp_path / "hello.py"
    script.write_text("print('hello')")
    assert run_script(sandbox, script).reply == b"hello\n"
    (number,) = processes(f"template_guest.py.*{script}|{script}.*template_guest.py", os.getpid())[:1]
    os.kill(number, signal.SIGKILL)
    assert run_script(sandbox, script).reply == b"hello\n"


def test_one_that_never_comes_up_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = TemplateSandbox()
    monkeypatch.setattr(template, "_OUTER", ("false",))
    (tmp_path / "hello.py").write_text("print('hello')")
    with pytest.raises(ExecutionError, match="template of a sandbox does not come up"):
        run_script(sandbox, tmp_path / "hello.py")
    sandbox.close()


def test_walls_that_cannot_be_made_are_an_error_and_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = template.bubblewrap.options
    monkeypatch.setattr(
        template.bubblewrap, "options", lambda *words: ["--ro-bind", "/nowhere", "/x", *options(*words)]
    )
    sandbox = TemplateSandbox()
    (tmp_path / "hello.py").write_text("print('hello')")
    with pytest.raises(ExecutionError, match=r"made no sandbox.*nowhere"):
        run_script(sandbox, tmp_path / "hello.py")
    sandbox.close()


def test_when_the_runner_is_killed_its_templates_and_their_runs_end(tmp_path: Path) -> None:
    script = tmp_path / "stay.py"
    script.write_text("import time\ntime.sleep(1000)")
    program = f"""
import sys
import venv
from dataclasses import replace
from pathlib import Path
from participant_kit.execution.sandbox import view
from participant_kit.execution.sandbox.probes import LIMITS
from participant_kit.execution.sandbox.template import TemplateSandbox
TemplateSandbox().run(view.script("/usr/bin/python3", Path({str(script)!r}), (), LIMITS), b"", max_reply=10)
"""
    runner = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: len(processes("sleep infinity", runner.pid)) >= 1, 20, "the run is there")
    runner.kill()
    runner.wait()
    wait_until(lambda: not processes(str(script)), 10, "nothing is left of it")


LOOK = """
import os, pathlib, socket
def attempt(what):
    try:
        what()
        return "done"
    except OSError as error:
        return error.strerror
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
SEEN = {
    "network": attempt(lambda: socket.create_connection(("127.0.0.1", PORT), timeout=1)),
    "writes": attempt(lambda: pathlib.Path("/opt/environment/left").touch()),
    "filter": status["Seccomp"].strip(),
    "capabilities": int(status["CapEff"], 16),
    "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
    "secret": os.path.exists("SECRET"),
}
"""


def test_the_template_stands_behind_walls_itself(tmp_path: Path, sandbox: TemplateSandbox) -> None:
    """What it imports is the organizer's choice: it sees no network and no process, and the kernel through a filter."""
    environment, secret = tmp_path / "environment", tmp_path / "secret"
    venv.create(environment, symlinks=True)
    secret.touch()
    (packages,) = environment.glob("lib/python*/site-packages")
    (tmp_path / "tell.py").write_text("import json, looked\nprint(json.dumps(looked.SEEN))")
    with socket.create_server(("127.0.0.1", 0)) as server:
        look = LOOK.replace("PORT", str(server.getsockname()[1])).replace("SECRET", str(secret))
        (packages / "looked.py").write_text(look)
        mount = Mount(environment, "/opt/environment")
        command = view.script("/opt/environment/bin/python3", tmp_path / "tell.py", (mount,), LIMITS)
        ended = sandbox.run(replace(command, preload=("looked",)), b"", max_reply=10_000, max_log=10_000)
    assert json.loads(ended.reply) == {
        "network": "Network is unreachable",
        "writes": "Read-only file system",
        "filter": "2",
        "capabilities": 0,
        "processes": 2,  # bubblewrap and the template
        "secret": False,
    }, ended.log
