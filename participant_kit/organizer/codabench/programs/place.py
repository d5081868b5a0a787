"""Where the data of an exported task lies on Codabench's worker. Runs there; standard library, and pyrage to unseal.

The bundle holds no row. ``input_data`` names a folder of the worker's own ``/app/data``, which is mounted in every
container; ``reference_data``, which only the scoring container has, names it too and holds the key of the labels
there, because what a participant submits can read ``/app/data`` as well. Without these names the data itself is in
the two folders: it was uploaded, and is named by its key on the server.

As a program, ``place.py COMMAND...`` puts the data where the convention has it, and becomes the command.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

APP = Path("/app")
PLACE = ".participant-kit.json"
SEALED = "reference.age"


def input_folder() -> Path:
    """The folder with a task's input."""
    named = APP / "input_data" / PLACE
    return APP / "data" / json.loads(named.read_text())["folder"] / "input" if named.exists() else named.parent


def reference_folder(within: Path | None = None) -> Path:
    """The folder with a task's reference data, unsealed into a new one, made in ``within``."""
    named = APP / "input" / "ref" / PLACE
    if not named.exists():
        return named.parent
    import pyrage

    place = json.loads(named.read_text())
    sealed = (APP / "data" / place["folder"] / SEALED).read_bytes()
    opened = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(place["key"])])
    folder = Path(tempfile.mkdtemp(prefix=".reference-", dir=within))
    with tarfile.open(fileobj=io.BytesIO(opened)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main(command: list[str]) -> None:
    """Put input and reference data where programs look for them, then become ``command``."""
    if (APP / "input_data" / PLACE).exists():
        for source in input_folder().iterdir():
            target = APP / "input_data" / source.name
            if not target.is_symlink():
                target.symlink_to(source)
    shown = APP / "input" / "ref"
    if (shown / PLACE).exists():
        unsealed = reference_folder(shown)
        for source in unsealed.iterdir():
            if not (shown / source.name).exists():  # a program beside this one may have been first
                source.rename(shown / source.name)
        shutil.rmtree(unsealed)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
