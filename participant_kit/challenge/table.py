"""Tables of a challenge: the same file names, columns, dtypes and levels on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyarrow import parquet

from participant_kit.challenge.codebook import DTYPES, Codebook, Column, Since
from participant_kit.challenge.csv_file import read_csv
from participant_kit.challenge.errors import ChallengeError
from participant_kit.challenge.finding import Finding
from participant_kit.challenge.memory import check_memory


def dtype_of(column: Column) -> Any:
    """The pandas dtype in which every table of a challenge holds ``column``."""
    if column.type == "category":
        return pd.CategoricalDtype(column.level_names)
    return DTYPES[column.type]


def _has_dtype(values: pd.Series[Any], column: Column) -> bool:
    """Whether ``values`` have the dtype of ``column``, the levels in its order: the second one is the positive."""
    if column.type == "category" and isinstance(values.dtype, pd.CategoricalDtype):
        return not values.dtype.ordered and list(values.dtype.categories) == column.level_names
    return bool(values.dtype == dtype_of(column))


def read_table(path: Path, memory: int | None = None) -> pd.DataFrame:
    """Read a CSV or Parquet file. ``memory``, in bytes, is what is available, unless given.

    Raises :class:`ChallengeError` when it is neither, or when memory would run out; no message quotes a value.
    """
    try:
        if path.suffix == ".parquet":
            check_memory(path.name, _parquet_size(path), memory)
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return read_csv(path, memory)
    except ChallengeError:
        raise
    except FileNotFoundError:
        raise ChallengeError(f"There is no table at {path}.") from None
    except OSError as error:
        raise ChallengeError(f"{path.name} cannot be read: {error.strerror or 'it is no whole file'}.") from None
    except Exception as error:
        raise ChallengeError(
            f"{path.name} cannot be read as {path.suffix[1:]} ({type(error).__name__}).", hint="Write it again."
        ) from None
    raise ChallengeError(f"{path.name} is no table.", hint="Give a file that ends in .csv or .parquet.")


def _parquet_size(path: Path) -> int:
    """About how many bytes the table takes in memory, from its metadata alone.

    Values of fixed width count by their width. Texts count as they are stored, but at least 32 bytes each: a
    dictionary stores the same one once.
    """
    metadata = parquet.read_metadata(path)
    size = 0
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            is_text = chunk.physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
            size += max(chunk.total_uncompressed_size, 32 * chunk.num_values) if is_text else 8 * chunk.num_values
    return size


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write ``frame`` to ``path`` as Parquet, without an index, the parent folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def conform(frame: pd.DataFrame, codebook: Codebook, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """``frame`` with the codebook's columns (or ``columns`` of them), in its order and dtypes.

    Raises :class:`ChallengeError` naming the column whose values do not fit its type.
    """
    result = {}
    for name in columns or list(codebook.columns):
        if name not in frame:
            raise ChallengeError(f"The table has no column {name!r}, which the codebook describes.")
        column, values = codebook.columns[name], frame[name]
        try:
            if column.type == "category" and not _has_dtype(values, column):
                if pd.api.types.is_float_dtype(values):
                    values = values.convert_dtypes()  # integers that stand beside missing values
                values = values.map(str, na_action="ignore").astype("string")
                if count := int((values.notna() & ~values.isin(column.level_names)).sum()):
                    raise ChallengeError(
                        f"Column {name!r} holds {count} values that are none of its levels.",
                        hint="Correct the column, or its levels in the codebook.",
                    )
            result[name] = values.astype(dtype_of(column))
        except (TypeError, ValueError):  # whose text quotes a value
            raise ChallengeError(
                f"Column {name!r} holds values that do not fit type {column.type}.",
                hint="Correct the column, or its type in the codebook.",
            ) from None
    return pd.DataFrame(result)


def structural(frame: pd.DataFrame, missing_when: Mapping[str, Sequence[object]]) -> npt.NDArray[np.bool_]:
    """The rows of ``frame``, shape (rows,), in which ``missing_when`` says that there is no value."""
    rows = np.zeros(len(frame), dtype=bool)
    for other, levels in missing_when.items():
        rows |= frame[other].astype("string").isin([str(level) for level in levels]).to_numpy(dtype=bool)
    return rows


def days_between(first: pd.Series[Any], then: pd.Series[Any]) -> pd.Series[Any]:
    """Whole days from the dates ``first`` to the dates ``then``, shape (rows,), as Int64; missing where one is."""
    dates = (pd.to_datetime(values, errors="coerce", utc=True).dt.floor("D") for values in (then, first))
    return next(dates).sub(next(dates)).dt.days.astype("Int64")


def check_table(
    frame: pd.DataFrame, codebook: Codebook, columns: Sequence[str], *, file: str, identifier: str
) -> Iterator[Finding]:
    """Every way in which ``frame`` differs from the codebook. ``columns`` is what it should hold, in order.

    Findings name columns and counts, and never a value of the table.
    """
    if list(frame.columns) != list(columns):
        missing = [name for name in columns if name not in frame]
        extra = [str(name) for name in frame.columns if name not in columns]
        found = f"without {missing}" if missing else f"with {extra}" if extra else "in another order"
        yield Finding(file, f"the columns {', '.join(columns)}", found, "columns")
    for name in columns:
        if name in frame:
            yield from _check_column(frame, name, codebook, file)
    if identifier in frame and (repeated := int(frame[identifier].duplicated().sum())):
        yield Finding(file, "each identifier once", f"{repeated} repeated", identifier)


def _check_column(frame: pd.DataFrame, name: str, codebook: Codebook, file: str) -> Iterator[Finding]:
    column, values = codebook.columns[name], frame[name]
    if not _has_dtype(values, column):
        shown = "category with other levels" if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype
        expected = f"dtype {dtype_of(column)}" if column.type != "category" else f"a category of {column.level_names}"
        yield Finding(file, expected, f"dtype {shown}", name)
        return
    if not column.nullable and (missing := int(values.isna().sum())):
        yield Finding(file, "no missing value (or nullable: true in the codebook)", f"{missing} missing", name)
    if column.minimum is not None:
        low, high = (pd.Timestamp(x) if column.type == "date" else x for x in (column.minimum, column.maximum))
        if outside := int(((values < low) | (values > high)).fillna(False).sum()):
            yield Finding(file, f"values from {column.minimum} to {column.maximum}", f"{outside} outside", name)
    if column.step > 1 and (between := int((((values - column.minimum) % column.step) != 0).fillna(False).sum())):
        yield Finding(file, f"values from {column.span}", f"{between} between the steps", name)
    if since := column.since:
        yield from _check_days(frame, name, since, codebook, file)
    for other, levels in column.missing_when.items():
        if other in frame and (count := int((structural(frame, {other: levels}) & values.notna()).sum())):
            yield Finding(file, f"a missing value where {other} is one of {levels}", f"{count} present", name)


def _check_days(frame: pd.DataFrame, name: str, since: Since, codebook: Codebook, file: str) -> Iterator[Finding]:
    if since.column in frame and _has_dtype(frame[since.column], codebook.columns[since.column]):
        days = days_between(frame[since.column], frame[name])
        if outside := int(((days < since.minimum) | (days > since.maximum)).fillna(False).sum()):
            expected = f"{since.minimum} to {since.maximum} days after {since.column}"
            yield Finding(file, expected, f"{outside} outside", name)
