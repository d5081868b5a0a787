"""A sandbox by any OCI runtime that is given by its command: crun, runc, or runsc where a site has gVisor.

The bundle (OCI runtime specification 1.0) is written for each run and removed after it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any, ClassVar

from participant_kit.challenge.card import Limits
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.sandbox import view
from participant_kit.execution.sandbox.base import WORK_DIR, Command, Ended, Handover
from participant_kit.execution.sandbox.cgroup import PREFIX
from participant_kit.execution.sandbox.process import cgroup_for, inner_limits, run_process
from participant_kit.execution.sandbox.seccomp import oci_profile

_NO_CGROUP_MANAGER = {"crun": ["--cgroup-manager=disabled"], "runsc": ["--ignore-cgroups"]}
"""The runtime's process is in our control group already; those that can are told to leave that alone. runc makes a
group of its own, so there a notebook that runs out of memory shows as a dead kernel."""


class OCIRuntime:
    """Containers by ``program``, a runtime with the command line of runc."""

    name: ClassVar[str] = "oci"
    contained: ClassVar[bool] = True

    def __init__(self, program: str = "crun") -> None:
        found = shutil.which(program)
        if found is None:
            raise ExecutionError(
                f"The OCI runtime {program} is not installed.", hint=f"Run: sudo apt-get install {program}"
            )
        self._program = found

    def run(
        self,
        command: Command,
        request: bytes | Handover,
        *,
        max_reply: int,
        max_log: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Ended:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.run`."""
        container = f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex}"  # a name by which a later runner finds what is stale
        with tempfile.TemporaryDirectory(prefix="pkit-oci-") as folder, cgroup_for(command.limits) as group:
            bundle, state = Path(folder), Path(folder, "state")
            _write_bundle(bundle, command, grouped=bool(group))
            runtime = [self._program, "--root", str(state), *_NO_CGROUP_MANAGER.get(Path(self._program).name, [])]
            try:
                return run_process(
                    # should this process be killed, the runtime is too, and the guest ends when its input does
                    ["setpriv", "--pdeathsig", "KILL", *runtime, "run", "--bundle", str(bundle), container],
                    request,
                    command.limits,
                    group,
                    max_reply=max_reply,
                    max_log=max_log,
                    cancelled=cancelled,
                )
            finally:
                subprocess.run([*runtime, "delete", "--force", container], capture_output=True, check=False)

    def close(self) -> None:
        """See :meth:`participant_kit.execution.sandbox.base.Sandbox.close`."""


def _write_bundle(bundle: Path, command: Command, *, grouped: bool) -> None:
    root = bundle / "rootfs"
    mounts = [_bind(path, str(path)) for path in view.system_folders()]
    for number, (path, content) in enumerate(view.files(command.limits).items()):
        (bundle / f"file{number}").write_bytes(content)
        mounts.append(_bind(bundle / f"file{number}", path))
    mounts += [_bind(mount.source, mount.target, shared=mount.shared) for mount in view.mounts(command)]
    for mount in mounts:
        if not mount["destination"].startswith("/proc/"):
            _make_target(root, mount["destination"], Path(mount["source"]).is_dir())
    for name in ("proc", "dev", "work"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, target in {**view.system_links(), "/tmp": f"{WORK_DIR}/tmp", **command.links}.items():  # noqa: S108 - a path inside
        link = root / name.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    (bundle / "config.json").write_text(json.dumps(_config(root, mounts, command, grouped=grouped)))
    for folder in (bundle, root):
        folder.chmod(0o755)


def _make_target(root: Path, target: str, is_folder: bool) -> None:
    path = root / target.lstrip("/")
    if is_folder:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _bind(source: Path, target: str, *, shared: bool = False) -> dict[str, Any]:
    options = ["rbind", "rw" if shared else "ro", "nosuid", "nodev"]
    return {"destination": target, "type": "bind", "source": str(source), "options": options}


def _tmpfs(target: str, size: int, *options: str) -> dict[str, Any]:
    mode = [f"size={size}", "mode=755", "nosuid", "nodev", *options]
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": mode}


def _config(root: Path, mounts: list[dict[str, Any]], command: Command, *, grouped: bool) -> dict[str, Any]:
    # runc wants a root inside; it is this process's user outside, and without one capability
    uid = [{"containerID": 0, "hostID": os.getuid(), "size": 1}]
    gid = [{"containerID": 0, "hostID": os.getgid(), "size": 1}]
    special = [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=64k", "ro"],
        },
        _tmpfs(view.SHARED_MEMORY_DIR, view.SHARED_MEMORY),
        _tmpfs(WORK_DIR, command.limits.disk),
    ]
    return {
        "ociVersion": "1.0.2",
        "hostname": "sandbox",
        "root": {"path": str(root), "readonly": True},
        "mounts": [*special, *mounts],
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": [*inner_limits(command.limits, grouped=grouped), *view.argv(command)],
            "env": [f"{name}={value}" for name, value in command.environment.items()],
            "cwd": WORK_DIR,
            "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            "noNewPrivileges": True,
        },
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "user", "cgroup")],
            "uidMappings": uid,
            "gidMappings": gid,
            "maskedPaths": [str(path) for path in view.masked()],
            "seccomp": oci_profile(),
            **({"resources": _resources(command.limits)} if grouped else {}),
        },
    }


def _resources(limits: Limits) -> dict[str, Any]:
    """For runtimes that make a control group of their own inside or beside ours."""
    memory, period = limits.memory + limits.disk, 100_000
    return {
        "memory": {"limit": memory, "swap": memory},
        "pids": {"limit": limits.processes},
        "cpu": {"quota": period * limits.cpus, "period": period},
    }
