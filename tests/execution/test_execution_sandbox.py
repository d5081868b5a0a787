"""The wall: every probe from inside stays inside, for every kind of sandbox and every kind of user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from participant_kit.challenge.card import Limits
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import get_sandbox, sandbox_names
from participant_kit.execution.sandbox.base import Command
from participant_kit.execution.sandbox.bubblewrap import Bubblewrap
from participant_kit.execution.sandbox.cgroup import create_cgroup
from participant_kit.execution.sandbox.probes import LIMITS, probe_sandbox
from participant_kit.execution.sandbox.seccomp import ALLOWED, compile_filter

pytestmark = pytest.mark.sandbox

PROBES = {
    "network", "files outside", "processes outside", "read-only system", "environment", "devices",
    "user and capabilities", "system calls", "user namespaces", "kernel interfaces", "host name", "disk",
    "processes", "memory", "time",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), [("bubblewrap", {}), ("oci", {"program": "runc"})])
def test_every_probe_is_held(kind: str, options: dict[str, str]) -> None:
    probes = {probe.name: probe for probe in probe_sandbox(get_sandbox(kind, **options))}
    assert probes.keys() == PROBES
    assert not [probe for probe in probes.values() if not probe.held]


def test_without_a_control_group_an_ordinary_user_is_held_and_root_is_told_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participant_kit.execution.sandbox.process.create_cgroup", lambda limits: None)
    not_held = [probe for probe in probe_sandbox(get_sandbox()) if not probe.held]
    # the kernel does not count the processes of root, so there the runner must not start without the group
    assert bool(not_held) == (os.getuid() == 0)


def test_a_wall_that_is_open_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from participant_kit.execution.sandbox import bubblewrap

    closed = bubblewrap._options

    def opened(command: Command, *files: int) -> list[str]:
        options = closed(command, *files)
        options[0:1] = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--ro-bind", "/tmp", "/tmp"]
        options[(link := options.index("/work/tmp") - 1) : link + 3] = []
        return options

    monkeypatch.setattr(bubblewrap, "_options", opened)
    held = {probe.name: probe.held for probe in probe_sandbox(get_sandbox())}
    assert not held["network"]
    assert not held["files outside"]
    assert held["devices"]


def test_two_kinds_are_registered_and_an_unknown_one_says_which_are() -> None:
    assert sandbox_names() == ["bubblewrap", "oci"]
    with pytest.raises(ExecutionError, match="bubblewrap, oci"):
        get_sandbox("chroot")


def test_a_missing_program_says_how_to_install_it() -> None:
    with pytest.raises(ExecutionError, match="apt-get install bubblewrap"):
        Bubblewrap("bwrap-that-is-not-there")


@pytest.mark.parametrize(
    "forbidden", ["ptrace", "bpf", "mount", "unshare", "setns", "io_uring_setup", "keyctl", "clone3"]
)
def test_dangerous_calls_are_on_no_list(forbidden: str) -> None:
    assert forbidden not in ALLOWED
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
