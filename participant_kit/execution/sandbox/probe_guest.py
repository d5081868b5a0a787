"""Runs inside a sandbox and tries to get out. Imports the standard library alone."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
DEVICES = {
    "console",
    "core",
    "fd",
    "full",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
    "tty",
    "urandom",
    "zero",
}
VARIABLES = {"HOME", "LANG", "LOKY_MAX_CPU_COUNT", "PATH", "PWD", "TMPDIR", "TZ"}

Seen = tuple[bool, str]


def main() -> None:
    """Answer the question on standard input with what was seen, as JSON."""
    (length,) = struct.unpack(">Q", sys.stdin.buffer.read(8))
    question = sys.stdin.buffer.read(length).decode()
    if question == "memory":
        block = bytearray(1 << 30)
        for offset in range(0, len(block), 4096):
            block[offset] = 1
        time.sleep(1)  # where memory is watched, it is a few tenths of a second late
        sys.stdout.write("allocated")
    elif question == "sleep":
        time.sleep(60)
    else:
        sys.stdout.write(json.dumps(look_around(json.loads(question))))
    sys.stdout.flush()
    os._exit(0)


def look_around(outside: dict[str, Any]) -> dict[str, Seen]:
    """Every probe by name; ``outside`` tells where a secret file, a port and a process wait."""
    probes: dict[str, Callable[[], Seen]] = {
        "network": lambda: _network(outside["port"]),
        "files outside": lambda: _files(Path(outside["secret"])),
        "processes outside": lambda: _processes(outside["pid"]),
        "read-only system": _system,
        "environment": _environment,
        "devices": _devices,
        "user and capabilities": _rights,
        "system calls": _system_calls,
        "user namespaces": _namespaces,
        "kernel interfaces": _kernel,
        "host name": lambda: (socket.gethostname() == "sandbox", socket.gethostname()),
        "disk": _disk,
        "processes": _fork,
    }
    return {name: probe() for name, probe in probes.items()}


def _network(port: int) -> Seen:
    names = [name for _, name in socket.if_nameindex()] if _can(socket.if_nameindex) else ["lo"]
    for address in (("127.0.0.1", port), ("192.0.2.1", 80)):
        try:
            socket.create_connection(address, timeout=0.2).close()
        except OSError:
            continue
        return False, f"connected to {address[0]}"
    for family in (socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK):
        if _can(partial(socket.socket, family, socket.SOCK_RAW)):
            return False, f"opened a socket of family {family.name}"
    return names == ["lo"], f"interfaces: {', '.join(names)}"


def _files(secret: Path) -> Seen:
    for path in (secret, Path("/etc/shadow"), Path("/var/log"), Path("/run")):
        if path.exists():
            return False, f"{path} is there"
    return True, "none in sight"


def _processes(pid: int) -> Seen:
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return os.getpid() == 1 and pid not in numbers[1:], f"{len(numbers)} in sight, this one is number {os.getpid()}"


def _system() -> Seen:
    for folder in ("/", "/usr", "/usr/lib", "/etc", "/dev", "/proc/sys/kernel"):
        if _can(partial(Path(folder, "probe").write_text, "x")):
            return False, f"wrote in {folder}"
    return True, "nothing to write to but the work folder"


def _environment() -> Seen:
    more = {
        name
        for name in os.environ
        if name not in VARIABLES and not name.startswith(("PYTHON", "OMP_", "OPENBLAS_", "MKL_"))
    }
    return not more, f"unexpected: {', '.join(sorted(more))}" if more else "only the sandbox's own variables"


def _devices() -> Seen:
    more = {path.name for path in Path("/dev").iterdir()} - DEVICES
    return not more, f"unexpected: {', '.join(sorted(more))}" if more else "null, zero, full, random, urandom, tty"


def _rights() -> Seen:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    none = all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    return none and status[
        "NoNewPrivs"
    ] == "1", f"uid {os.getuid()}, capabilities {status['CapEff']}, no new privileges: {status['NoNewPrivs']}"


def _system_calls() -> Seen:
    mode = next(
        line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Seccomp:")
    )
    libc = ctypes.CDLL(None, use_errno=True)
    open_calls = []
    for name, arguments in (
        ("ptrace", (0, 0, 0, 0)),
        ("mount", (b"none", b"/work", b"tmpfs", 0, None)),
        ("setns", (0, 0)),
        ("keyctl", (0, 0, 0, 0, 0)),
        ("process_vm_readv", (os.getpid(), None, 0, None, 0, 0)),
    ):
        ctypes.set_errno(0)
        function = getattr(libc, name, None)
        if function is not None and (function(*arguments) >= 0 or ctypes.get_errno() != errno.ENOSYS):
            open_calls.append(name)
    return mode == "2" and not open_calls, f"filter mode {mode}, open: {', '.join(open_calls) or 'none of those tried'}"


def _namespaces() -> Seen:
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(CLONE_NEWUSER) != 0, os.strerror(ctypes.get_errno())


def _kernel() -> Seen:
    readable = []
    for name in (
        "kallsyms",
        "config.gz",
        "interrupts",
        "vmallocinfo",
        "kcore",
        "keys",
        "modules",
        "timer_list",
        "kmsg",
    ):
        path = Path("/proc", name)
        if path.exists() and _can(partial(_read_one_byte, path)):
            readable.append(name)
    if Path("/sys").exists():
        readable.append("/sys")
    return not readable, f"readable: {', '.join(readable)}" if readable else "masked"


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


def _can(action: Callable[[], object]) -> bool:
    try:
        action()
    except (OSError, ValueError):
        return False
    return True


def _read_one_byte(path: Path) -> None:
    with path.open("rb") as file:
        if not file.read(1):
            raise OSError(errno.ENODATA, "empty")


if __name__ == "__main__":
    main()
