"""What is sent to a Codabench server: a zip with the notebook, or with the files of a folder."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from participant_kit.participant.errors import ParticipantError
from participant_kit.participant.prepare import prepare_notebook

NOTEBOOK = "notebook.ipynb"
METADATA = b"description: A notebook, which the ingestion program executes.\n"
"""``metadata`` without a command: the worker leaves the notebook to the ingestion program, and copies it nowhere."""
MAX_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """``content`` is the zip, ``sha256`` its digest, ``notebook`` what is in it of a notebook."""

    content: bytes
    sha256: str
    notebook: bytes | None


def pack(path: Path) -> Packed:
    """The notebook at ``path`` without its outputs, the files of a folder, or a zip as it is.

    Raises :class:`ParticipantError`. Equal files give equal bytes.
    """
    if path.is_dir():
        return _packed(_zip(_files_of(path)))
    if path.suffix == ".zip" and path.is_file():
        content = path.read_bytes()
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise ParticipantError(f"{path.name} is no zip.", hint="Give a notebook, a folder or a zip.", code="pack")
        return _packed(content)
    notebook = prepare_notebook(path).notebook
    return _packed(_zip({NOTEBOOK: notebook, "metadata": METADATA}), notebook)


def _packed(content: bytes, notebook: bytes | None = None) -> Packed:
    return Packed(content, hashlib.sha256(content).hexdigest(), notebook)


def _files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.stat().st_size for path in paths)
    if not paths or size > MAX_BYTES:
        found = f"{size >> 20} MiB" if paths else "no file"
        raise ParticipantError(
            f"{folder} holds {found}.",
            hint=f"Put the files that are to be scored there, at most {MAX_BYTES >> 20} MiB.",
            code="pack",
        )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
