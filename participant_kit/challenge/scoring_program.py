"""The organizer's own scoring program, by Codabench's convention: a folder with ``metadata.yaml``."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from participant_kit.challenge.errors import ChallengeError

APP = "/app"
"""Where the program, its input and its output stand in its sandbox."""

_VARIABLES = {
    "$input": f"{APP}/input",
    "$output": f"{APP}/output",
    "$program": f"{APP}/program",
    "$predictions": f"{APP}/input/res",
    "$hidden": f"{APP}/input/ref",
    "$shared": f"{APP}/shared",
    "$tmp": "/work/tmp",
}


def read_program(folder: Path) -> list[str]:
    """The command of a scoring program by Codabench's convention: ``command:`` in ``metadata.yaml``.

    Its variables (``$input``, ``$output``, ...) are replaced. Raises :class:`ChallengeError`.
    """
    for name in ("metadata.yaml", "metadata"):
        if (folder / name).is_file():
            try:
                command = yaml.safe_load((folder / name).read_text("utf-8"))["command"]
                words = shlex.split(command)
            except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError):
                break
            if not words or any(word in ("|", "&&", "||", ";", ">", "<") for word in words):
                break
            return [_replace(word) for word in words]
    raise ChallengeError(
        f"The scoring program {folder} has no usable command.",
        hint="Write one program and its arguments in metadata.yaml, as in: command: python3 score.py $input $output",
    )


def _replace(word: str) -> str:
    for name, path in _VARIABLES.items():
        word = word.replace(name, path)
    return word
