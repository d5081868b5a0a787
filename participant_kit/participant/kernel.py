"""The Jupyter kernel of a challenge: its pinned packages, as they are on the secure side."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment, ensure_environment, environment_digest
from participant_kit.participant.home import cannot_write
from participant_kit.participant.kit import Tell, read_link, write_link

_SHIM = Path(__file__).with_name("kernel_shim")
"""The folder of the module that is ``participant_kit`` in such a kernel."""


def kernel_name(kit: ChallengeFolder) -> str:
    """What Jupyter calls the kernel of ``kit``."""
    return f"pkit-{kit.card.slug}"


def create_kernel(kit: ChallengeFolder, *, tell: Tell | None = None) -> str:
    """Make the environment of ``kit`` and a kernel of it among the user's kernels; returns the kernel's name.

    Raises :class:`~participant_kit.execution.errors.ExecutionError` when packages cannot be installed, and
    :class:`~participant_kit.participant.errors.ParticipantError` when the kernel cannot be written.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    environment = environment_of(kit, tell=tell)
    name = kernel_name(kit)
    spec = {
        "argv": [
            *(str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"),
            # not PYTHONPATH: programs that the notebook starts would find the stand-in in place of the package
            f"--IPKernelApp.code_to_run=__import__('sys').path.append({str(_SHIM)!r})",
        ],
        "env": {"PKIT_PYTHON": sys.executable},
        "display_name": f"{kit.card.title} (participant-kit)",
        "language": "python",
        "metadata": {"debugger": True},
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "kernel.json").write_text(json.dumps(spec, indent=1), "utf-8")
            KernelSpecManager().install_kernel_spec(folder, kernel_name=name, user=True)
    except OSError as error:
        raise cannot_write(Path(error.filename or name), error) from None
    return name


def environment_of(kit: ChallengeFolder, *, tell: Tell | None = None) -> Environment:
    """The environment of ``kit``, made when it is not there, and noted beside the kit."""
    environment = ensure_environment(kit.requirements_path, progress=tell)
    if (link := read_link(kit)) and link.environment != environment.prefix:
        update = {"environment": environment.prefix, "environment_digest": environment.digest}
        write_link(kit, link.model_copy(update=update))
    return environment


def known_environment(kit: ChallengeFolder) -> Environment | None:
    """The environment of ``kit`` if it was made before and its requirements are still the same."""
    link = read_link(kit)
    if link is None or link.environment is None or not link.environment_digest:
        return None
    environment = Environment(link.environment, link.environment_digest)
    unchanged = environment_digest(kit.requirements_path.read_bytes()) == environment.digest
    return environment if unchanged and environment.python.exists() else None
