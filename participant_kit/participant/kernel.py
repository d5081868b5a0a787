"""The Jupyter kernel of a challenge: its pinned packages, as they are on the secure side."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import Environment, ensure_environment, environment_digest
from participant_kit.participant.home import cannot_write
from participant_kit.participant.kit import Tell, read_link, write_link


def create_kernel(kit: ChallengeFolder, *, tell: Tell | None = None) -> str:
    """Make the environment of ``kit`` and a kernel of it among the user's kernels; returns the kernel's name.

    Raises :class:`~participant_kit.execution.errors.ExecutionError` when packages cannot be installed, and
    :class:`~participant_kit.participant.errors.ParticipantError` when the kernel cannot be written.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    environment = environment_of(kit, tell=tell)
    name = f"pkit-{kit.card.slug}"
    spec = {
        "argv": [str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
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
