"""The organizer's own programs, by Codabench's convention: a folder with ``metadata.yaml``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

import yaml

from participant_kit.challenge.errors import ChallengeError

APP = "/app"
"""Where the program, its input and its output stand in its sandbox."""

Kind = Literal["scoring", "ingestion"]

_OF_A_SHELL = "|&;<>"
_VARIABLES = {
    "$output": f"{APP}/output",
    "$program": f"{APP}/program",
    "$ingestion_program": f"{APP}/program",
    "$hidden": f"{APP}/input/ref",
    "$shared": f"{APP}/shared",
    "$submission_program": f"{APP}/ingested_program",
    "$tmp": f"{APP}/output",
}
_OF_KIND: dict[Kind, dict[str, str]] = {
    "scoring": {"$input": f"{APP}/input", "$predictions": f"{APP}/input/res"},
    "ingestion": {"$input": f"{APP}/input_data", "$predictions": f"{APP}/output"},
}


def read_program(folder: Path, kind: Kind = "scoring") -> list[str]:
    """The command of a program by Codabench's convention: ``command:`` in ``metadata.yaml``, or in ``metadata``.

    Its variables (``$input``, ``$output``, ...) are replaced. Raises :class:`ChallengeError`.
    """
    for name in ("metadata.yaml", "metadata"):
        if (folder / name).is_file():
            try:
                command = yaml.safe_load((folder / name).read_text("utf-8"))["command"]
                words = _split(command)
            except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
                break
            if not words or any(word and set(word) <= set(_OF_A_SHELL) for word in words):
                break
            return [_replace(word, kind) for word in words]
    raise ChallengeError(
        f"The {kind} program {folder} has no usable command.",
        hint="Write one program and its arguments in metadata.yaml, as in: command: python3 score.py $input $output",
    )


def _split(command: str) -> list[str]:
    """The words of a command, and those between them that only a shell would understand."""
    words = shlex.shlex(command, posix=True, punctuation_chars=_OF_A_SHELL)
    words.whitespace_split, words.commenters = True, ""
    return list(words)


def _replace(word: str, kind: Kind) -> str:
    for name, path in {**_OF_KIND[kind], **_VARIABLES}.items():
        word = word.replace(name, path)
    return word
