"""The wall: every probe from inside stays inside, for every kind of sandbox and every kind of user."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from participant_kit.challenge.card import Limits
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import bubblewrap, get_sandbox, sandbox_names, view
from participant_kit.execution.sandbox.base import Command
from participant_kit.execution.sandbox.bubblewrap import Bubblewrap
from participant_kit.execution.sandbox.cgroup import create_cgroup
from participant_kit.execution.sandbox.probes import CALLS, LIMITS, NOT_AVAILABLE, OUT, WALLS, probe_sandbox
from participant_kit.execution.sandbox.seccomp import ALLOWED, compile_filter

pytestmark = pytest.mark.sandbox

ALLOW_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
"""A filter of one instruction that lets every system call through."""

KINDS = [("bubblewrap", {}), ("template", {}), ("oci", {"program": "runc"})]


def outcomes(kind: str = "bubblewrap", **options: str) -> dict[str, str]:
    return {probe.wall: probe.outcome for probe in probe_sandbox(get_sandbox(kind, **options))}


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_every_wall_is_probed_and_holds(kind: str, options: dict[str, str]) -> None:
    probes = list(probe_sandbox(get_sandbox(kind, **options)))
    assert [probe.wall for probe in probes] == list(WALLS)
    assert not [probe for probe in probes if probe.outcome == OUT]


def test_without_a_control_group_an_ordinary_user_is_held_and_root_is_told_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.execution.sandbox.process.create_cgroup", lambda limits: None)
    seen = outcomes()
    # the kernel does not count the processes of root, so there the runner must not start without the group
    assert (OUT in seen.values()) == (os.getuid() == 0)
    assert seen["cgroup"] == NOT_AVAILABLE


def test_a_wall_of_mounts_or_namespaces_that_is_open_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = bubblewrap.options

    def opened(command: Command, *files: Any) -> list[str]:
        options = closed(command, *files)
        options[0:1] = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--ro-bind", "/tmp", "/tmp"]
        options[(link := options.index("/work/tmp") - 1) : link + 3] = []
        options[(name := options.index("--hostname")) : name + 2] = []
        masked = options.index("/proc/version")
        options[masked - 2 : masked + 1] = []
        variable = options.index("--setenv")
        options[variable:variable] = ["--setenv", "PKIT_TOKEN", "secret", "--dev-bind", "/dev/ptmx", "/dev/ptmx"]
        return options

    monkeypatch.setattr(bubblewrap, "options", opened)
    open_ = {wall for wall, outcome in outcomes().items() if outcome == OUT}
    assert open_ == {"network", "files outside", "host name", "kernel interfaces", "environment", "devices"}


def test_a_filter_that_is_open_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "compile_filter", lambda: ALLOW_ALL)
    open_ = {wall for wall, outcome in outcomes().items() if outcome == OUT}
    assert {"socket families", "terminal", "system calls", "other architectures", "namespaces"} <= open_
    assert not open_ & {"network", "files outside", "landlock", "process tree", "user and capabilities"}


def test_clocks_and_files_of_this_machine_are_seen_when_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.execution.sandbox.process.own_clocks", list)
    monkeypatch.setattr("participant_kit.execution.sandbox.view.files", lambda limits: {"/etc/passwd": b""})
    seen = outcomes()
    assert (seen["clocks"], seen["load"]) == (NOT_AVAILABLE, OUT)


def test_a_missing_second_wall_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.execution.sandbox.view.argv", lambda command: list(command.argv))
    assert {wall for wall, outcome in outcomes().items() if outcome == OUT} == {"landlock"}


def test_kernel_settings_that_open_for_writing_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = bubblewrap.options

    def opened(command: Command, *files: Any) -> list[str]:
        options = closed(command, *files)
        places = range(len(options))
        options[(found := next(i for i in places if options[i : i + 2] == ["--remount-ro", "/proc"])) : found + 2] = []
        return options

    monkeypatch.setattr(bubblewrap, "options", opened)
    monkeypatch.setattr("participant_kit.execution.sandbox.view.argv", lambda command: list(command.argv))
    assert {wall for wall, outcome in outcomes().items() if outcome == OUT} == {"landlock", "host kernel settings"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a second architecture")
def test_a_call_of_another_architecture_ends_the_process_and_not_its_thread_alone(tmp_path: Path) -> None:
    script = tmp_path / "call.py"
    script.write_text(
        "import ctypes, mmap, threading\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "page.write(bytes.fromhex('b8 14 00 00 00 cd 80 c3'))\n"  # getpid by int 0x80
        "call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
        "thread = threading.Thread(target=call)\n"
        "print('before', flush=True)\n"
        "thread.start()\n"
        "thread.join(5)\n"
        "print('after', flush=True)\n"
    )
    ended = get_sandbox().run(view.script("/usr/bin/python3", script, (), LIMITS), b"", max_reply=100)
    assert ended.reply == b"before\n"


def test_three_kinds_are_registered_and_an_unknown_one_says_which_are() -> None:
    assert sandbox_names() == ["bubblewrap", "oci", "template"]
    with pytest.raises(ExecutionError, match="bubblewrap, oci"):
        get_sandbox("chroot")


def test_a_missing_program_says_how_to_install_it() -> None:
    with pytest.raises(ExecutionError, match="apt-get install bubblewrap"):
        Bubblewrap("bwrap-that-is-not-there")


def test_no_call_that_a_probe_makes_is_allowed() -> None:
    assert not set(CALLS) & set(ALLOWED)
    assert len(compile_filter()) > 1000


def test_a_control_group_is_gone_after_its_run() -> None:
    group = create_cgroup(LIMITS)
    if group is None:
        pytest.skip("this machine lends no control group")
    assert all(path.exists() for path in group.join_files)
    group.remove()
    assert not any(folder.exists() for folder in group.folders)


def test_killing_the_runner_kills_everything_in_the_sandbox(tmp_path: Path) -> None:
    marker = f"marker-{os.getpid()}"
    script = f"""
from participant_kit.execution.sandbox import get_sandbox, Command
from participant_kit.execution.sandbox.probes import LIMITS
shell = "(setsid sleep 1234 &) ; sleep 1234 # {marker}"
get_sandbox().run(Command(("/bin/sh", "-c", shell), (), LIMITS), b"", max_reply=10)
"""
    runner = subprocess.Popen([sys.executable, "-c", script])
    assert wait_until(lambda: running(marker))
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    assert wait_until(lambda: not running(marker) and not running("sleep\x001234"))


def test_more_than_the_bound_is_not_taken_as_a_reply() -> None:
    limits = Limits.model_validate({**LIMITS.model_dump(mode="json"), "wall_time": "20 s"})
    ended = get_sandbox().run(Command(("/usr/bin/yes",), (), limits), b"", max_reply=1000)
    assert ended.reply_too_large and ended.reply == b""


def running(text: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                return True
        except OSError:
            continue
    return False


def wait_until(condition: object, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False
