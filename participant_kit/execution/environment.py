"""The environment of a challenge: a virtual environment made from its pinned requirements."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from participant_kit.execution.errors import ExecutionError

_COMPLETE = "complete"


@dataclass(frozen=True)
class Environment:
    """A virtual environment. ``digest`` (hex SHA-256) names its requirements and its Python version."""

    prefix: Path
    digest: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.prefix / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment_digest(requirements: bytes) -> str:
    """Names an environment: its requirements, this Python's version and this kind of machine."""
    version = f"{platform.python_implementation()} {platform.python_version()} {sys.platform} {platform.machine()}"
    return hashlib.sha256(version.encode() + b"\n" + requirements).hexdigest()


def ensure_environment(
    requirements: Path, *, cache: Path | None = None, progress: Callable[[str], None] | None = None
) -> Environment:
    """The environment for ``requirements``, made in ``cache`` unless it is there already.

    ``progress`` is told what is being done, a line at a time. Safe to call from several processes; one that
    was interrupted is made anew. Only wheels are installed, because a source distribution runs its own code.
    Raises :class:`~participant_kit.execution.errors.ExecutionError`.
    """
    cache = cache or user_cache_path("participant-kit") / "environments"
    try:
        digest = environment_digest(requirements.read_bytes())
    except OSError as error:
        raise ExecutionError(f"The requirements {requirements} cannot be read: {error.strerror}.") from None
    environment = Environment(cache / digest[:24], digest)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{digest[:24]}.lock"):
        if not (environment.prefix / _COMPLETE).exists():
            _make(environment, requirements, progress or (lambda line: None))
    return environment


def _make(environment: Environment, requirements: Path, progress: Callable[[str], None]) -> None:
    shutil.rmtree(environment.prefix, ignore_errors=True)
    progress("Creating a virtual environment")
    venv.create(environment.prefix, with_pip=True, symlinks=os.name != "nt")
    options = ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--progress-bar", "off"]
    install = [str(environment.python), "-m", "pip", "install", *options, "-r", str(requirements.resolve())]
    last: list[str] = []
    with subprocess.Popen(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            last = [*last[-20:], line.rstrip()]
            if line.startswith(("Collecting", "Downloading", "Installing")):
                progress(line.split(" (from")[0].strip())
    if process.returncode:
        errors = [line for line in last if line.startswith("ERROR")] or last[-1:]
        raise ExecutionError(
            f"The packages of {requirements.name} cannot be installed: {' '.join(errors)}",
            hint="Check the names and the pinned versions, and that this machine reaches a package index.",
        )
    progress("Compiling")
    subprocess.run([str(environment.python), "-m", "compileall", "-q", str(environment.prefix)], check=False)
    (environment.prefix / _COMPLETE).touch()
