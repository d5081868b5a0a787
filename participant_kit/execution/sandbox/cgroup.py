"""Control groups: the bound on memory, processes and CPU of a whole sandbox, where this machine lends us one.

Version 1 where the memory and pids controllers are ours to write (as root), version 2 where a subtree was
delegated to us (a systemd unit with ``Delegate=yes``, or root). Elsewhere there is none, and the resource
limits and the watch on memory in :mod:`~participant_kit.execution.sandbox.process` are the floor.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from participant_kit.challenge.card import Limits

ROOT = Path("/sys/fs/cgroup")
PREFIX = "pkit-"
_NAME = re.compile(rf"{PREFIX}(\d+)-")
_CPU_PERIOD = 100_000


@dataclass(frozen=True)
class Cgroup:
    """One group. ``folders`` is one per controller (version 1) or one (version 2)."""

    version: int
    folders: tuple[Path, ...]

    @property
    def join_files(self) -> list[Path]:
        """Files into which a process writes its own number to enter the group."""
        return [folder / "cgroup.procs" for folder in self.folders]

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the group for memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    fields = dict(line.split() for line in (folder / name).read_text().splitlines())
                    return int(fields.get("oom_kill", 0)) > 0
        return False

    @property
    def peak_memory(self) -> int | None:
        """The most bytes that the group has held at once, files that it used included; None if unknown."""
        for folder in self.folders:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    return int((folder / name).read_text())
        return None

    def remove(self) -> None:
        """Kill what is left in the group and take it away."""
        for folder in self.folders:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    for number in (folder / "cgroup.procs").read_text().split():
                        os.kill(int(number), 9)
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)


def create_cgroup(limits: Limits, root: Path = ROOT) -> Cgroup | None:
    """A new group with ``limits`` (the disk's size is added to the memory, where a tmpfs is charged), or None."""
    name = f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:12]}"
    memory = limits.memory + limits.disk
    try:
        return _create_v1(root, name, limits, memory) or _create_v2(root, name, limits, memory)
    except OSError:
        return None


def _own_paths() -> dict[str, str]:
    """This process's group by controller; version 2 under the empty name."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return {
        controller: path
        for line in lines
        for controller in line.split(":", 2)[1].split(",")
        for path in [line.split(":", 2)[2]]
    }


def _create_v1(root: Path, name: str, limits: Limits, memory: int) -> Cgroup | None:
    own = _own_paths()
    if not {"memory", "pids"} <= own.keys() or not (root / "memory" / "cgroup.procs").exists():
        return None
    settings = {
        "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory, "memory.swappiness": 0},
        "pids": {"pids.max": limits.processes},
        "cpu": {"cpu.cfs_period_us": _CPU_PERIOD, "cpu.cfs_quota_us": _CPU_PERIOD * limits.cpus},
    }
    folders = []
    try:
        for controller, values in settings.items():
            folder = root / controller / own.get(controller, "/").lstrip("/") / name
            folder.mkdir()
            folders.append(folder)
            for key, value in values.items():
                # swap accounting may be compiled out; the rest must hold
                if key in ("memory.memsw.limit_in_bytes", "memory.swappiness") and not (folder / key).exists():
                    continue
                (folder / key).write_text(str(value))
    except OSError:
        Cgroup(1, tuple(folders)).remove()
        raise
    return Cgroup(1, tuple(folders))


def _create_v2(root: Path, name: str, limits: Limits, memory: int) -> Cgroup | None:
    own = _own_paths().get("")
    if own is None or not (root / "cgroup.controllers").exists():
        return None
    parent = root / own.lstrip("/")
    if parent.name == "pkit-runner":  # we moved ourselves there, see below
        parent = parent.parent
    if not {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
        if parent != root:  # a group with processes cannot have children with controllers: step into a leaf of our own
            leaf = parent / "pkit-runner"
            leaf.mkdir(exist_ok=True)
            for number in (os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))):
                with contextlib.suppress(ProcessLookupError):
                    (leaf / "cgroup.procs").write_text(str(number))
        (parent / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    folder = parent / name
    folder.mkdir()
    group = Cgroup(2, (folder,))
    try:
        (folder / "memory.max").write_text(str(memory))
        if (folder / "memory.swap.max").exists():
            (folder / "memory.swap.max").write_text("0")
        (folder / "pids.max").write_text(str(limits.processes))
        (folder / "cpu.max").write_text(f"{_CPU_PERIOD * limits.cpus} {_CPU_PERIOD}")
    except OSError:
        group.remove()
        raise
    return group


def remove_stale(root: Path = ROOT) -> None:
    """Take away groups of runners that were killed: those whose process number, in the name, is gone."""
    for parent, names, _ in os.walk(root):  # it passes over what others take away meanwhile
        for name in names:
            match = _NAME.match(name)
            if match and not Path("/proc", match[1]).exists():
                Cgroup(1, (Path(parent, name),)).remove()
