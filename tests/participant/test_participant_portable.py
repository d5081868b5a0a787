"""The participant's half runs where Linux does not."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import asyncio, multiprocessing, pkgutil, subprocess, sys, tempfile  # their POSIX halves are Python's own business
from importlib import import_module

LINUX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "spwd", "crypt")
for name in LINUX:
    sys.modules[name] = None
import os
for name in ("fork", "memfd_create", "pidfd_open", "setsid", "sched_getaffinity", "killpg"):
    if hasattr(os, name):
        delattr(os, name)

seen = []
for zone in ("challenge", "protocol", "participant"):
    package = import_module(f"participant_kit.{zone}")
    seen += [import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
for name in ("environment", "errors", "notebook", "sandbox", "sandbox.base"):
    seen.append(import_module(f"participant_kit.execution.{name}"))
import participant_kit.cli.participant
print(len(seen))
"""


def test_nothing_of_it_needs_what_only_linux_has_to_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_the_commands_are_there_before_anything_heavy_is_loaded() -> None:
    heavy = ("pandas", "requests", "nbformat", "keyring")
    program = f"import sys, participant_kit.cli.participant; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
