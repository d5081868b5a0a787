"""Runs inside a sandbox and tries to get out. Imports the standard library alone, and confine.py if that is there."""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

NEW_NAMESPACES = {
    "time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
    "pid": 0x20000000, "network": 0x40000000,
}  # fmt: skip
FAMILIES = {
    "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40, "xdp": 44, "can": 29, "key": 15, "tipc": 30,
}  # fmt: skip
TERMINAL = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "TIOCSTI with high bits": 0x100005412, "TIOCGPTN": 0x80045430}
DEVICES = {"null", "zero", "full", "random", "urandom", "tty"}
VARIABLES = {"HOME", "LANG", "LOKY_MAX_CPU_COUNT", "PATH", "PWD", "TMPDIR", "TZ"}
PROC = {"cpuinfo", "filesystems", "loadavg", "meminfo", "mounts", "net", "self", "stat", "thread-self", "uptime"}
SETTINGS = (
    "/proc/sys/kernel/core_pattern",  # a program that the kernel starts, as root and outside, when a process crashes
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/drop_caches",
    "/proc/sysrq-trigger",
    "/proc/self/oom_score_adj",
    "/proc/self/comm",
    "/sys/fs/cgroup/release_agent",
)
STATIC = ("loadavg", "meminfo", "stat", "uptime")
"""Files of ``/proc`` that tell of load, and may not change however this machine is loaded."""

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15

Seen = tuple[bool | None, str]
"""Whether the wall held, None where this kernel has no such thing; and what was seen."""

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Answer the question on standard input with what was seen, as JSON."""
    (length,) = struct.unpack(">Q", sys.stdin.buffer.read(8))
    question = json.loads(sys.stdin.buffer.read(length))
    if question["try"] == "memory":
        block = bytearray(1 << 30)
        for offset in range(0, len(block), 4096):
            block[offset] = 1
        time.sleep(1)  # where memory is watched, it is a few tenths of a second late
        sys.stdout.write("allocated")
    elif question["try"] == "stay":
        _stay(question["name"])
    else:
        sys.stdout.write(json.dumps(look_around(question)))
    sys.stdout.flush()
    os._exit(0)


def look_around(outside: dict[str, Any]) -> dict[str, Seen]:
    """Every probe by name; ``outside`` tells where a secret file, a port and a process wait, and call numbers."""
    probes: dict[str, Callable[[], Seen]] = {
        "network": lambda: _network(outside["port"]),
        "socket families": _families,
        "files outside": lambda: _files(Path(outside["secret"])),
        "landlock": lambda: _landlock(outside),
        "processes outside": _processes,
        "read-only system": _system,
        "host kernel settings": _settings,
        "environment": _environment,
        "descriptors": _descriptors,
        "devices": _devices,
        "terminal": _terminal,
        "user and capabilities": _rights,
        "system calls": lambda: _system_calls(outside["calls"]),
        "other architectures": _other_architectures,
        "namespaces": lambda: _namespaces(outside["calls"]),
        "kernel interfaces": _kernel,
        "host name": lambda: (socket.gethostname() == "sandbox", socket.gethostname()),
        "clocks": lambda: _clocks(outside["boottime"]),
        "load": _load,
        "disk": _disk,
        "processes": _fork,
    }
    return {name: probe() for name, probe in probes.items()}


def _network(port: int) -> Seen:
    names = [name for _, name in socket.if_nameindex()] if _can(socket.if_nameindex) else ["lo"]
    for address in (("127.0.0.1", port), ("192.0.2.1", 80), ("2001:db8::1", 80)):
        try:
            socket.create_connection(address, timeout=0.2).close()
        except OSError:
            continue
        return False, f"connected to {address[0]}"
    return names == ["lo"], f"interfaces: {', '.join(names)}"


def _families() -> Seen:
    opened = [
        name
        for name, family in FAMILIES.items()
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW)
        if _can(partial(socket.socket, family, kind))
    ]
    return not opened, f"opened: {', '.join(opened)}" if opened else "only unix, inet and inet6 are known"


def _files(secret: Path) -> Seen:
    for path in (secret, Path("/etc/shadow"), Path("/var/log"), Path("/run"), Path("/home")):
        if path.exists():
            return False, f"{path} is there"
    return True, "none in sight"


def _landlock(outside: dict[str, Any]) -> Seen:
    """What the mounts would allow, and the second wall does not: reading the names in ``/``."""
    version = int(_libc.syscall(444, None, ctypes.c_size_t(0), 1))
    if version < 1:
        if os.uname().release == outside["release"] and outside["landlock"]:
            return False, f"this kernel has version {outside['landlock']}, and it is out of reach inside"
        return None, f"Landlock ({os.strerror(ctypes.get_errno())})"
    if _can(lambda: list(Path("/").iterdir())):
        return False, "listed /"
    return True, f"version {version}: denied what the mounts show"


def _processes() -> Seen:
    """Our parent is out of sight, and nobody is in sight but us and who holds our namespaces."""
    numbers = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
    apart = os.getppid() == 0 and numbers <= {1, os.getpid()}
    return apart, f"{len(numbers)} in sight, this one is number {os.getpid()}"


def _system() -> Seen:
    for folder in ("/", "/usr", "/usr/lib", "/etc", "/dev", "/proc/sys/kernel"):
        if _can(partial(Path(folder, "probe").write_text, "x")):
            return False, f"wrote in {folder}"
    return True, "nothing to write to but the work folder and shared memory"


def _settings() -> Seen:
    """Opened for writing, and never written: what got out would be a change of this machine."""
    opened = [path for path in SETTINGS if _can(partial(_open_to_write, path))]
    return not opened, f"opened: {', '.join(opened)}" if opened else f"{len(SETTINGS)} tried, none opens for writing"


def _environment() -> Seen:
    more = {
        name
        for name in os.environ
        if name not in VARIABLES and not name.startswith(("PYTHON", "OMP_", "OPENBLAS_", "MKL_"))
    }
    return not more, f"unexpected: {', '.join(sorted(more))}" if more else "only the sandbox's own variables"


def _descriptors() -> Seen:
    """Nothing of the runner's is open here but the three streams, and those are pipes or /dev/null."""
    more = []
    for number in range(256):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if number > 2 or not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            more.append(f"{number} ({Path(f'/proc/self/fd/{number}').readlink()})")
    return not more, f"open: {', '.join(more)}" if more else "three pipes"


def _devices() -> Seen:
    found = {
        str(path.relative_to("/dev"))
        for path in Path("/dev").rglob("*")
        if stat.S_ISCHR(mode := path.lstat().st_mode) or stat.S_ISBLK(mode)
    }
    if _can(partial(os.open, "/dev/ptmx", os.O_RDWR)):
        found.add("ptmx")
    more = ", ".join(sorted(found - DEVICES))
    made = _can(partial(os.mknod, "/work/probe", stat.S_IFCHR | 0o600, os.makedev(1, 5)))
    return not more and not made, f"unexpected: {more}" if more else "made one" if made else ", ".join(sorted(found))


def _terminal() -> Seen:
    reached = [name for name, request in TERMINAL.items() if _errno(_number("ioctl"), 0, request, 0) != errno.ENOSYS]
    return not reached, f"reached: {', '.join(reached)}" if reached else "TIOCSTI and TIOCLINUX are not implemented"


def _rights() -> Seen:
    status = _status()
    none = all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    detail = f"uid {os.getuid()}, capabilities {status['CapBnd']}, no new privileges: {status['NoNewPrivs']}"
    return none and status["NoNewPrivs"] == "1", detail


def _system_calls(numbers: dict[str, int]) -> Seen:
    """Each call with arguments that an open one would complain about in another way, or take."""
    mode = _status()["Seccomp"]
    reached = [name for name, number in numbers.items() if _errno(number, 0, 0, 0, 0, 0, 0) != errno.ENOSYS]
    detail = f"reached: {', '.join(reached)}" if reached else f"{len(numbers)} tried, none is implemented"
    return mode == "2" and not reached, detail if mode == "2" else "no filter"


def _other_architectures() -> Seen:
    """getpid through the 32-bit entry and through x32: a filter for one architecture alone would not see them."""
    if platform.machine() != "x86_64":
        return None, f"a second architecture ({platform.machine()})"
    code = {"int 0x80": b"\xb8\x14\0\0\0\xcd\x80\xc3", "x32": b"\xb8\x27\0\0\x40\x0f\x05\xc3"}
    alive = [name for name, instructions in code.items() if _runs(instructions)]
    return not alive, f"answered: {', '.join(alive)}" if alive else "int 0x80 and x32 end the process, or fail"


def _runs(instructions: bytes) -> bool:
    """Whether machine code that returns its process's number does so."""
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(instructions)
        function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        os._exit(function() == os.getpid())
    return os.waitpid(child, 0)[1] == 1 << 8


def _namespaces(numbers: dict[str, int]) -> Seen:
    made = []
    for name, flag in NEW_NAMESPACES.items():
        if _errno(numbers["unshare"], flag) != errno.ENOSYS:
            made.append(f"unshare {name}")
        if flag > 0xFF and _errno(_number("clone"), flag | signal.SIGCHLD, 0, 0, 0, 0) != errno.ENOSYS:
            made.append(f"clone {name}")
    arguments = ctypes.create_string_buffer(struct.pack("8Q", NEW_NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
    if _errno(numbers["clone3"], ctypes.byref(arguments), 64) != errno.ENOSYS:
        made.append("clone3")
    return (
        not made,
        f"reached: {', '.join(made)}" if made else f"{len(NEW_NAMESPACES)} kinds, by unshare, clone, clone3",
    )


def _kernel() -> Seen:
    readable = []
    for path in Path("/proc").iterdir():
        if path.name in PROC or path.name.isdigit():
            continue
        if path.is_dir() and _can(partial(_one_entry, path)):
            readable.append(f"{path}/")
        elif path.is_file() and _can(partial(_one_byte, path)):
            readable.append(str(path))
    readable += [folder for folder in ("/sys", "/proc/sys/kernel", "/boot", "/lib/modules") if Path(folder).exists()]
    return not readable, f"readable: {', '.join(readable)}" if readable else "/proc is masked, there is no /sys"


def _clocks(boottime: float) -> Seen:
    """Whether the time since the start of this machine, as it was outside just now, is told to nobody here."""
    here = time.clock_gettime(time.CLOCK_BOOTTIME)
    if abs(here - boottime) < 30 and abs(here - 1000) > 30:
        return None, "a time namespace of its own: the time since this machine's start is seen"
    return abs(here - 1000) < 30, f"up for {here:.0f} s, as every sandbox"


def _load() -> Seen:
    before = [Path("/proc", name).read_bytes() for name in STATIC]
    block, until = bytearray(32 << 20), time.monotonic() + 0.1
    while time.monotonic() < until:
        block[:: 1 << 12] = bytes(len(block) >> 12)
    changed = [name for name, old in zip(STATIC, before, strict=True) if Path("/proc", name).read_bytes() != old]
    return (
        not changed,
        f"changed with the load: {', '.join(changed)}" if changed else f"{', '.join(STATIC)} stand still",
    )


def _disk() -> Seen:
    written = 0
    try:
        with Path("/work/probe").open("wb", buffering=0) as file:
            for _ in range(64):
                written += file.write(bytes(1 << 20))
    except OSError as error:
        Path("/work/probe").unlink()
        return True, f"{os.strerror(error.errno or 0)} after {written >> 20} MiB"
    return False, f"wrote {written >> 20} MiB"


def _fork() -> Seen:
    children = []
    try:
        for _ in range(200):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    except OSError as error:
        return True, f"{os.strerror(error.errno or 0)} after {len(children)}"
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    return False, f"started {len(children)}"


def _stay(name: str) -> None:
    """Do all that could make a process outlive its sandbox, in this one and in a grandchild of it, and wait."""
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
    _libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    sys.stdout.write("here\n")
    sys.stdout.flush()
    time.sleep(60)


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _number(name: str) -> int:
    """The number of a call that is allowed in part, by architecture."""
    return {"x86_64": {"ioctl": 16, "clone": 56}}.get(platform.machine(), {"ioctl": 29, "clone": 220})[name]


def _errno(number: int, *arguments: Any) -> int:
    """How a system call, made by a child, fails; 0 when it does not, -1 when it ends the child."""
    wide = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    child = os.fork()
    if child == 0:
        os._exit(ctypes.get_errno() if _libc.syscall(ctypes.c_long(number), *wide) < 0 else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _can(action: Callable[[], object]) -> bool:
    try:
        action()
    except (OSError, ValueError):
        return False
    return True


def _open_to_write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY))


def _one_byte(path: Path) -> None:
    with path.open("rb") as file:
        if not file.read(1):
            raise OSError(errno.ENODATA, "empty")


def _one_entry(path: Path) -> None:
    entries: Iterator[Path] = path.iterdir()
    if next(entries, None) is None:
        raise OSError(errno.ENODATA, "empty")


if __name__ == "__main__":
    main()
