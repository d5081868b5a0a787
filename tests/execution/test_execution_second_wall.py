"""Landlock, tried where the first wall is open: a folder that is mounted and should not be."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from participant_kit.execution.sandbox import Command, Sandbox, bubblewrap, get_sandbox, oci, template, view
from participant_kit.execution.sandbox.confine import landlock_version
from participant_kit.execution.sandbox.probes import LIMITS

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock"),
]

READ = """
import os, subprocess, sys
for way in (lambda: open("/leak/secret").read(), lambda: os.listdir("/leak"),
            lambda: subprocess.run(["cat", "/leak/secret"], capture_output=True, check=True).stdout.decode(),
            lambda: open("/leak/new", "w").write("x") and "written"):
    try:
        print("got", way())
    except (OSError, subprocess.CalledProcessError) as error:
        print(type(error).__name__)
"""


@pytest.fixture(params=["bubblewrap", "template", "oci"])
def leaking(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox whose wall of mounts has a hole: a folder of this machine, writable, at ``/leak``."""
    folder = tmp_path / "leak"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "secret").write_text("secret")
    options, outer, config = bubblewrap.options, template._options, oci._config
    source = "/leak" if request.param == "template" else str(folder)  # the hole is in both of its sandboxes

    def bound(command: Command, *files: Any) -> list[str]:
        return ["--bind", source, "/leak", *options(command, *files)]

    def outside(command: Command, *files: Any) -> list[str]:
        return ["--bind", str(folder), "/leak", *outer(command, *files)]

    def mounted(root: Path, mounts: list[dict[str, Any]], *rest: Any, **more: Any) -> dict[str, Any]:
        (root / "leak").mkdir()
        mount = {"destination": "/leak", "type": "bind", "source": str(folder), "options": ["bind", "rw"]}
        return config(root, [*mounts, mount], *rest, **more)

    monkeypatch.setattr(bubblewrap, "options", bound)
    monkeypatch.setattr(template, "_options", outside)
    monkeypatch.setattr(oci, "_config", mounted)
    return get_sandbox(request.param, **({"program": "runc"} if request.param == "oci" else {}))


def lines(sandbox: Sandbox, tmp_path: Path) -> list[str]:
    script = tmp_path / "read.py"
    script.write_text(READ)
    ended = sandbox.run(view.script("/usr/bin/python3", script, (), LIMITS), b"", max_reply=1000, max_log=1000)
    return ended.reply.decode().splitlines()


def test_landlock_alone_stops_what_a_mount_too_many_shows(leaking: Sandbox, tmp_path: Path) -> None:
    assert lines(leaking, tmp_path) == ["PermissionError", "PermissionError", "CalledProcessError", "PermissionError"]


def test_without_landlock_the_hole_is_real(leaking: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "policy", lambda command: {key: ["/"] for key in ("list", "read", "write", "share")})
    assert lines(leaking, tmp_path) == ["got secret", "got ['secret']", "got secret", "got written"]


@pytest.mark.parametrize(
    "action",
    [
        'os.rename("/work/a/x", "/work/b/x")',
        'os.link("/work/a/x", "/dev/shm/x") if False else open("/dev/shm/x", "w").write("x")',
        'os.mkfifo("/work/fifo")',
        'socket.socket(socket.AF_UNIX).bind("/work/socket")',
        'open("/dev/null", "w").write("x")',
        'multiprocessing.get_context("spawn").Lock()',
        'subprocess.run(["ls", "/usr"], check=True, stdout=subprocess.DEVNULL)',
        "os.kill(os.fork() or time.sleep(9), 9)",
    ],
)
def test_what_notebooks_need_is_allowed(action: str, tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    setup = 'os.mkdir("/work/a"); os.mkdir("/work/b"); open("/work/a/x", "w").close()'
    script.write_text(f"import multiprocessing, os, socket, subprocess, time\n{setup}\n{action}\nprint('done')\n")
    command = view.script("/usr/bin/python3", script, (), LIMITS)
    ended = get_sandbox().run(command, b"", max_reply=1000, max_log=2000)
    assert ended.reply == b"done\n", ended.log.decode()


@pytest.mark.skipif(landlock_version() < 6, reason="this kernel's Landlock has no scopes")
@pytest.mark.parametrize(("confined", "said"), [(True, "PermissionError"), (False, "connected")])
def test_landlock_alone_keeps_a_run_from_an_abstract_socket_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, confined: bool, said: str
) -> None:
    """The network namespace, which is the first wall here, is left out."""
    options = bubblewrap.options

    def with_network(command: Command, *files: Any) -> list[str]:
        return ["--unshare-ipc", "--unshare-pid", "--unshare-uts", *options(command, *files)[1:]]

    monkeypatch.setattr(bubblewrap, "options", with_network)
    if not confined:
        monkeypatch.setattr(view, "argv", lambda command: list(command.argv))
    name = f"\0outside-{os.getpid()}"
    script = tmp_path / "connect.py"
    script.write_text(f"""
import socket
try:
    socket.socket(socket.AF_UNIX).connect({name!r})
    print("connected")
except OSError as error:
    print(type(error).__name__)
""")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        ended = get_sandbox().run(view.script("/usr/bin/python3", script, (), LIMITS), b"", max_reply=99, max_log=999)
    assert ended.reply.decode().strip() == said, ended
