"""Reading CSV: what cannot be read says what was found, and what is too large is refused before it is read."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pandas as pd

from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.memory import check_memory

_HEAD = 1 << 20
"""Bytes from the beginning by which the whole is judged."""
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_GROWTH = 4
"""Memory for each byte of a file whose first rows cannot be read alone."""


def read_csv(path: Path, memory: int | None = None) -> pd.DataFrame:
    """Read comma-separated UTF-8 with a line of names. ``memory``, in bytes, is what is available, unless given.

    Raises :class:`ChallengeError` for anything else, and OSError.
    """
    head = _head(path)
    try:
        _check_header(path.name, head.decode("utf-8-sig"))
        check_memory(path.name, _size(path, head), memory)
        return pd.read_csv(path, low_memory=False)
    except UnicodeDecodeError as error:
        wide, byte = head[:2] in (b"\xff\xfe", b"\xfe\xff"), error.object[error.start]
        found, encoding = ("UTF-16", "utf-16") if wide else (f"not UTF-8 (it holds the byte {byte:#04x})", "cp1252")
        hint = f"Save it as UTF-8, or as Parquet: {_convert(path, f'encoding={encoding!r}')}"
        raise _refusal(path.name, f"its text is {found}", hint) from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise _refusal(
            path.name, str(error).strip().removesuffix("."), "Give each row as many values as names."
        ) from None


def _head(path: Path) -> bytes:
    """The first rows of the file: at most a MiB, up to the end of a line."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    end = head.rfind(b"\n") + 1
    return head[:end] if len(head) == _HEAD and end else head


def _check_header(name: str, text: str) -> None:
    lines, first = (line for line in csv.reader(io.StringIO(text, newline="")) if line), []
    try:
        names = next(lines, [])
    except csv.Error as error:
        raise _refusal(name, str(error), "Give comma-separated values.") from None
    with contextlib.suppress(csv.Error):  # a very long text in the first row
        first = next(lines, [])
    if not names:
        raise _refusal(name, "it is empty", "Give a table with a line of names and a row for each case.")
    for separator, called in _SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            option = f"sep={separator!r}" + (", decimal=','" if separator == ";" else "")
            raise _refusal(
                name,
                f"its columns are separated by {called}",
                f"Save it with commas, or as Parquet: {_convert(Path(name), option)}",
            )
    if len(first) > len(names):  # which pandas would take for a column of row numbers
        raise _refusal(name, "its rows have more values than its first line has names", "Name every column.")
    if all(map(_is_number, names)):  # which may be of the first person, so no message quotes them
        raise _refusal(name, "its first line holds numbers in place of names", "Put the columns' names there.")
    if repeated := sorted({column for column in names if names.count(column) > 1 and column}):
        raise _refusal(name, f"it has these columns twice: {', '.join(repeated)}", "Rename one of each.")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _size(path: Path, head: bytes) -> int:
    """About how many bytes the table takes in memory, as its first rows do."""
    size = path.stat().st_size
    try:
        rows = pd.read_csv(io.BytesIO(head), low_memory=False)
    except ValueError:  # a row that goes on after the first MiB; what is wrong with it the whole will tell
        return _GROWTH * size
    return int(rows.memory_usage(deep=True).sum() * size / max(len(head), 1))


def _convert(path: Path, option: str) -> str:
    return f"pandas.read_csv({path.name!r}, {option}).to_parquet({path.stem + '.parquet'!r})"


def _refusal(name: str, found: str, hint: str) -> ChallengeError:
    return ChallengeError(f"{name} cannot be read as csv: {found}.", hint=hint)
