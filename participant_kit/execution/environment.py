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
from packaging.requirements import InvalidRequirement, Requirement
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
    was interrupted is made anew. Only wheels of named packages are installed: a source distribution runs its own
    code, and so does a folder, an archive or an address, which pip builds whatever it was told of wheels.
    Raises :class:`~participant_kit.execution.errors.ExecutionError`.
    """
    cache = cache or user_cache_path("participant-kit") / "environments"
    try:
        content = requirements.read_bytes()
    except OSError as error:
        raise ExecutionError(f"The requirements {requirements} cannot be read: {error.strerror}.") from None
    packages = _packages(content, requirements.name)
    digest = environment_digest(content)
    environment = Environment(cache / digest[:24], digest)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{digest[:24]}.lock"):
        if not (environment.prefix / _COMPLETE).exists():
            _make(environment, packages, progress or (lambda line: None))
    return environment


def _packages(content: bytes, file: str) -> list[str]:
    """The packages that a requirements file names, without any option to pip, path or address."""
    packages = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if text := line.partition("#")[0].strip():
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                requirement = None
            if requirement is None or requirement.url:
                raise ExecutionError(
                    f"Line {number} of {file} is no name of a package with its version: {text[:60]!r}.",
                    hint="Write one package a line, as in pandas==2.2.3; options, paths and addresses are not taken.",
                )
            packages.append(str(requirement))
    return packages


def _make(environment: Environment, packages: list[str], progress: Callable[[str], None]) -> None:
    shutil.rmtree(environment.prefix, ignore_errors=True)
    progress("Creating a virtual environment")
    venv.create(environment.prefix, with_pip=True, symlinks=os.name != "nt")
    options = ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--progress-bar", "off"]
    install = [str(environment.python), "-m", "pip", "install", *options, "--", *packages]
    last: list[str] = []
    with subprocess.Popen(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            last = [*last[-20:], line.rstrip()]
            if line.startswith(("Collecting", "Downloading", "Installing")):
                progress(line.split(" (from")[0].strip())
    if process.returncode:
        errors = [line for line in last if line.startswith("ERROR")] or last[-1:]
        raise ExecutionError(
            f"The packages of the challenge cannot be installed: {' '.join(errors)}",
            hint="Check the names and the pinned versions, and that this machine reaches a package index.",
        )
    progress("Compiling")
    subprocess.run([str(environment.python), "-m", "compileall", "-q", str(environment.prefix)], check=False)
    (environment.prefix / _COMPLETE).touch()
