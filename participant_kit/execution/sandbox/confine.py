"""The first program inside a sandbox: puts up a second wall with Landlock, then runs a script behind it.

It is mounted as a single file and started as ``python -I -S confine.py POLICY SCRIPT``, before anything of the
environment or of a participant; all that the script starts stands behind the same wall. The policy is a JSON object:
``list`` names folders whose names may be listed, ``read`` paths that may be read and executed, ``write`` those that
may be changed as well, ``share`` those where another run reads what is written: no link can be made there, which would
lead it to what it alone may read. Everything else answers "permission denied", also where a mount would show it.
Between the inside and the outside no signal and no abstract unix socket passes. TCP is left to the network namespace:
Landlock tells ports apart, and no addresses.

Constants are those of ``linux/landlock.h``, up to version 7 of the interface.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import site
import stat
import struct
import sys

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
MAKE_CHAR, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in (6, 11, 12, 13, 14, 15))
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version knows; later ones know as many as the last."""

_READ = EXECUTE | READ_FILE | READ_DIR
_WRITE = ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)
_SHARE = _WRITE & ~MAKE_SYM
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_SCOPES = 3  # abstract unix sockets, signals
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_SET_DUMPABLE, _SET_NO_NEW_PRIVS = 4, 38

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Confine this process, then be the script."""
    policy, script = json.loads(sys.argv[1]), sys.argv[2]
    # what the script starts may not look into this process, nor write there (/proc/1/mem, /proc/1/fd)
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    restrict(policy["list"], policy["read"], policy["write"], policy["share"])
    sys.argv[:] = sys.argv[2:]
    site.main()
    with open(script, "rb") as file:  # noqa: PTH123 - neither pathlib nor runpy: this adds to the start of each sandbox
        code = compile(file.read(), script, "exec")
    exec(code, {"__name__": "__main__", "__file__": script, "__builtins__": __builtins__})  # noqa: S102


def landlock_version() -> int:
    """The version of this kernel's Landlock; 0 where it has none or has it turned off."""
    version = int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1))
    if version < 0 and ctypes.get_errno() not in (errno.ENOSYS, errno.EOPNOTSUPP):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "landlock_create_ruleset")
    return max(0, version)


def restrict(listed: list[str], read: list[str], write: list[str], shared: list[str]) -> None:
    """Leave this process, and all that it starts, the rights above; does nothing where the kernel has no Landlock.

    Raises ``OSError`` when the kernel has it and the wall cannot be put up.
    """
    version = landlock_version()
    if not version:
        return
    handled = (1 << _RIGHTS[min(version, 5)]) - 1
    scopes = (0, _SCOPES) if version >= 6 else ()
    attributes = struct.pack(f"={1 + len(scopes)}Q", handled, *scopes)
    ruleset = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    for paths, rights in ((listed, READ_DIR), (read, _READ), (write, _WRITE), (shared, _SHARE)):
        for path in paths:
            _allow(ruleset, path, handled & rights)
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "no_new_privs")
    _call(_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _OF_FILES
    _call(_ADD, ruleset, 1, struct.pack("=Qi", rights, descriptor), 0)
    os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "landlock")
    return result


if __name__ == "__main__":
    main()
