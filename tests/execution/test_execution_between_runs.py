"""Between two runs nothing survives: a first notebook leaves all it can, a second one looks for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import SOLUTION, make_card, make_notebook

from participant_kit.execution import guest
from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import Execution, run_notebook
from participant_kit.execution.sandbox import Mount, Sandbox, bubblewrap, get_sandbox, process, view
from participant_kit.execution.sandbox.cgroup import PREFIX
from participant_kit.execution.sandbox.probes import LIMITS, _process_names, _run

pytestmark = pytest.mark.sandbox

MARK = f"left-{os.getpid()}"

LEAVE = f"""
import ctypes, glob, importlib, os, pathlib, py_compile, signal, socket, sys, time
from multiprocessing import shared_memory
MARK = "{MARK}"
left = []
for folder in ("/work", "/tmp", "/dev/shm", "/root", output_dir, "/data", "/opt/environment", "/usr/lib",
               os.environ["HOME"], *sys.path, os.path.expanduser("~/.ipython/profile_default/startup")):
    try:
        os.makedirs(folder, exist_ok=True)
        pathlib.Path(folder, MARK + ".py").write_text("MARK = 1")
        left.append(folder)
    except OSError:
        pass
shared_memory.SharedMemory(MARK, create=True, size=100)
for name in ("numpy", "papermill"):
    try:
        py_compile.compile(importlib.import_module(name).__file__, doraise=True)
        left.append("compiled " + name)
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in set(signal.Signals) - {{signal.SIGKILL, signal.SIGSTOP}}:
            signal.signal(number, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        ctypes.CDLL(None).prctl(15, MARK.encode(), 0, 0, 0)
        listening = [socket.create_server(("127.0.0.1", 45678)), *(socket.socket(socket.AF_UNIX) for _ in range(2))]
        listening[1].bind("\\0" + MARK)
        listening[2].bind("/work/" + MARK + ".socket")
        pathlib.Path("/work/ready").touch()
        time.sleep(1000)
    os._exit(0)
until = time.monotonic() + 10
while not os.path.exists("/work/ready") and time.monotonic() < until:
    time.sleep(0.05)
print("left in", left, os.path.exists("/work/ready"), glob.glob("/work/**/kernel*", recursive=True))
"""

LOOK = f"""
import os, pathlib, socket
MARK = "{MARK}"
found = []
for folder in ("/work", "/tmp", "/dev", "/data", "/opt", "/usr/lib"):
    for path, folders, files in os.walk(folder):
        found += [os.path.join(path, name) for name in files + folders if MARK in name]
for address in (("127.0.0.1", 45678), "\\0" + MARK, "/work/" + MARK + ".socket"):
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as client:
        if client.connect_ex(address) == 0:
            found.append(str(address))
for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
    if MARK in path.read_text():
        found.append(str(path))
others = [path.name for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
connections = [path for path in pathlib.Path("/work").rglob("*.json") if "signature_scheme" in path.read_text()]
print("FOUND", found, "PROCESSES", len(others), "CONNECTIONS", len(connections))
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests of the same moment have in the machine's folder is none of these tests' business."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("own")))


@pytest.fixture(params=["bubblewrap", "template", "oci"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return get_sandbox(request.param, **({"program": "runc"} if request.param == "oci" else {}))


def run(environment: Environment, sandbox: Sandbox, tables: Path, *cells: str) -> Execution:
    return run_notebook(make_notebook(*cells), tables, make_card(), environment, sandbox, keep_log=True)


def fingerprint(folder: Path) -> str:
    """Of every name, size and time of change below ``folder``."""
    entries = sorted(f"{path} {(s := path.lstat()).st_size} {s.st_mtime_ns}" for path in folder.rglob("*"))
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def outside() -> set[str]:
    """What a run could have left on this machine: temporary files, shared memory, control groups, queues, processes."""

    def entries() -> Iterator[str]:
        for pattern in (
            f"{tempfile.gettempdir()}/pkit-oci-*",
            f"/dev/shm/*{MARK}*",
            f"/dev/mqueue/*{MARK}*",
            f"/sys/fs/cgroup/**/{PREFIX}{os.getpid()}-*",
        ):
            yield from map(str, Path("/").glob(pattern[1:]))
        for name in ("shm", "sem", "msg"):
            head, *lines = (line.split() for line in Path("/proc/sysvipc", name).read_text().splitlines())
            yield from (f"{name} {line[1]}" for line in lines if line[head.index("cuid")] == str(os.getuid()))
        yield from (name for name in _process_names() if MARK in name)

    return set(entries())


def test_a_second_notebook_finds_nothing_of_the_first(environment: Environment, sandbox: Sandbox, tables: Path) -> None:
    if sandbox.name == "template":  # the template itself stays
        run(environment, sandbox, tables, SOLUTION)
    before, packages, data = outside(), fingerprint(environment.prefix), fingerprint(tables)
    first = run(environment, sandbox, tables, LEAVE, SOLUTION)
    assert first.stage is None, first
    assert "'/work'" in first.log and "'/dev/shm'" in first.log and "True" in first.log
    assert "compiled" not in first.log and "/opt" not in first.log.split("left in")[1].split("]")[0]
    assert (outside(), fingerprint(environment.prefix), fingerprint(tables)) == (before, packages, data)
    second = run(environment, sandbox, tables, LOOK, SOLUTION)
    # its own guest and kernel, what holds a template's namespaces, its own connection file
    processes = 3 if sandbox.name == "template" else 2
    assert f"FOUND [] PROCESSES {processes} CONNECTIONS 1" in second.log, second.log


def test_a_notebook_can_look_into_no_process_that_is_not_its_own(
    environment: Environment, sandbox: Sandbox, tables: Path
) -> None:
    look = """
import os
others = {int(number) for number in os.listdir("/proc") if number.isdigit()} - {os.getpid()}
print("OTHERS", len(others))
for number in others:
    assert open(f"/proc/{number}/cmdline").read()
    for name in ("mem", "environ", "maps", "fd/0", "fd/1", "root", "cwd", "stack", "auxv", "io"):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            try:
                descriptor = os.open(f"/proc/{number}/{name}", flags)
                if flags == os.O_WRONLY or os.read(descriptor, 1):
                    print("OPENED", number, name)
            except OSError:
                pass
        try:
            print("OPENED", number, os.readlink(f"/proc/{number}/{name}"))
        except OSError:
            pass
"""
    done = run(environment, sandbox, tables, look, SOLUTION)
    assert done.stage is None, done
    assert "OTHERS 2" in done.log if sandbox.name == "template" else "OTHERS 1" in done.log
    assert "OPENED" not in done.log


def test_what_a_run_leaves_running_is_gone_before_its_output_is_read(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("""
import os, signal, sys, time
sys.path.insert(0, "/module")
import guest
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        time.sleep(60)
time.sleep(0.3)
count = lambda: sum(name.isdigit() for name in os.listdir("/proc"))
before = count()
guest._end_others()
guest._end_others()  # there is nobody
print(before, count())
""")
    command = view.script("/usr/bin/python3", script, (Mount(Path(guest.__file__), "/module/guest.py"),), LIMITS)
    ended = get_sandbox().run(command, b"", max_reply=1000, max_log=1000)
    assert ended.reply == b"7 1\n", ended


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        ("os.rename(output_dir, '/work/x'); os.symlink('/data', output_dir)", "not_a_file"),
        ("os.rename(output_dir, '/work/x'); os.symlink('/work/x', output_dir)", "not_a_file"),
        ("os.symlink('/proc/self/fd/0', output_dir + '/predictions.csv')", "not_a_file"),
        ("os.mknod(output_dir + '/predictions.csv', 0o140600)", "not_a_file"),
    ],
)
def test_an_output_folder_that_is_a_link_and_an_output_that_is_no_file_are_not_followed(
    environment: Environment, tables: Path, write: str, reason: str
) -> None:
    done = run(environment, get_sandbox(), tables, SOLUTION if "rename" in write else "pass", f"import os\n{write}")
    assert (done.output, done.stage, done.reason) == (None, "output", reason)


def test_a_file_longer_than_it_says_is_too_large() -> None:
    longer = Path(f"/proc/{os.getpid()}/status")  # a plain file that says it has no byte
    assert longer.stat().st_size == 0
    with pytest.raises(guest.Failed, match="too_large"):
        guest._read_output(longer, 10)


@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "no filter"])
def test_processes_that_do_all_to_stay_are_gone_when_the_run_is(
    monkeypatch: pytest.MonkeyPatch, filtered: bool
) -> None:
    """Without a control group, and with leave to ask the kernel not to die with their parent."""
    monkeypatch.setattr(process, "create_cgroup", lambda limits: None)
    if not filtered:
        monkeypatch.setattr(bubblewrap, "compile_filter", lambda: b"\x06\0\0\0\0\0\xff\x7f")
    limits = LIMITS.model_validate({**LIMITS.model_dump(mode="json"), "wall_time": "1 s"})
    ended = _run(get_sandbox(), limits, "stay", name=MARK)
    assert ended.timed_out and ended.reply.count(b"here") == 4
    assert MARK not in list(_process_names())


def test_processes_that_do_all_to_stay_are_gone_when_the_runner_is_killed() -> None:
    name = f"stay-{os.getpid()}"
    script = f"""
from participant_kit.execution.sandbox import get_sandbox, process
from participant_kit.execution.sandbox.probes import LIMITS, _run
process.create_cgroup = lambda limits: None
_run(get_sandbox(), LIMITS, "stay", name={name!r})
"""
    runner = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for(lambda: list(_process_names()).count(name) == 4)
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    wait_for(lambda: name not in list(_process_names()))


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_control_group_that_a_killed_runner_left_is_taken_away_whatever_made_it() -> None:
    from participant_kit.execution.sandbox.cgroup import ROOT, remove_stale

    ended = subprocess.Popen(["true"])
    ended.wait()
    folder = ROOT / "pids" / f"{PREFIX}{ended.pid}-0123456789abcdef0123456789abcdef"  # as runc names it after us
    with contextlib.suppress(OSError):
        folder.mkdir()
    if not folder.exists():
        pytest.skip("this machine lends no control group")
    remove_stale()
    assert not folder.exists()


def test_control_groups_that_come_and_go_meanwhile_are_passed_over(tmp_path: Path) -> None:
    from participant_kit.execution.sandbox.cgroup import remove_stale

    others = [tmp_path / f"{PREFIX}{os.getpid()}-{number}" for number in range(20)]
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            for folder in others:
                (folder / "leaf").mkdir(parents=True)
            for folder in others:
                (folder / "leaf").rmdir()
                folder.rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(300):
            remove_stale(tmp_path)
    finally:
        done.set()
        other.join()
