"""Unpacking a zip that somebody else made: nothing outside the folder, no link, no bomb."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from participant_kit.challenge.finding import Finding, FindingsError

MAX_ZIP = 1 << 30
"""Bytes of a zip. What is larger is unpacked by hand, and imported as a folder."""
MAX_BYTES = 4 << 30
"""Bytes of all that is in it, counted as they come, whatever the zip says of itself."""
MAX_FILES = 100_000
MAX_RATIO = 1000
"""How many times its own size a zip above ``SMALL`` may unpack to."""
SMALL = 16 << 20

LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave behind."""


def is_litter(path: PurePosixPath) -> bool:
    """Whether a file manager left this behind."""
    return any(part in LITTER or part.startswith("._") for part in path.parts)


def unpack(archive: Path, folder: Path, name: str) -> int:
    """Unpack the zip ``archive`` into the new ``folder``; ``name`` is used in findings. Returns the litter left out.

    Raises :class:`FindingsError` with every path in it that is refused.
    """
    if (size := archive.stat().st_size) > MAX_ZIP:
        expected = f"at most {MAX_ZIP >> 20} MiB; unpack it, and import the folder"
        raise FindingsError([Finding(name, expected, f"a zip of {size >> 20} MiB")])
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_FILES:
                raise FindingsError([Finding(name, f"at most {MAX_FILES} files", f"{len(entries)}")])
            wanted = [entry for entry in entries if not is_litter(PurePosixPath(entry.filename))]
            if findings := [finding for entry in wanted if (finding := _refused(entry, name))]:
                raise FindingsError(findings)
            left = min(MAX_BYTES, max(SMALL, size * MAX_RATIO))
            for entry in wanted:
                left = _extract(opened, entry, folder, left, name)
            return len(entries) - len(wanted)
    except FindingsError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        found = "one that needs a password" if "password" in str(error) else "something else"
        raise FindingsError([Finding(name, "a zip", found)]) from None


def _refused(entry: zipfile.ZipInfo, name: str) -> Finding | None:
    path = PurePosixPath(entry.filename)
    shown = repr(entry.filename[:80])
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename.partition("/")[0]:
        return Finding(name, "paths that stay within it", shown)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Finding(name, "files and folders alone", f"{shown}, a {'link' if kind == stat.S_IFLNK else 'device'}")
    return None


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, left: int, name: str) -> int:
    target = folder.joinpath(*PurePosixPath(entry.filename).parts)
    try:
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            return left
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(entry) as source, target.open("xb") as sink:
            while chunk := source.read(1 << 20):
                if (left := left - len(chunk)) < 0:
                    raise FindingsError([Finding(name, "a zip that unpacks to less", "one that never ends (a bomb)")])
                sink.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise FindingsError([Finding(name, "each path once", repr(entry.filename[:80]) + " twice")]) from None
    return left


def copy_tree(source: Path, target: Path, name: str) -> int:
    """Copy the folder ``source`` to the new ``target``, as :func:`unpack` does, which see."""
    target.mkdir(parents=True)
    litter = 0
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if is_litter(PurePosixPath(*relative.parts)):
            litter += path.is_file()
        elif path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise FindingsError([Finding(f"{name}/{relative.as_posix()}", "files and folders alone", "a link")])
        elif path.is_dir():
            (target / relative).mkdir(exist_ok=True)
        else:
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)
    return litter
