"""Help with a cell that failed on real data, from what the participant has: notebook, codebook, sample."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat

from participant_kit.challenge.codebook import Column
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.code import CodeCell, code_cells
from participant_kit.participant.records import sent_from_here
from participant_kit.protocol.receipts import Failure

if TYPE_CHECKING:
    import pandas as pd

_UNSEEN = "A level that the sample does not have, in a dictionary, an index or an encoder made from other rows."
_MISSING = "A missing value in a column that has none in the sample."
_EMPTY = "A selection or a group that has rows in the sample, and none there."
_LARGER = "More rows than the sample has: an array of rows by rows, or a column for each level, grows with them."
_CONSTANT = "Two columns that say the same, or one that is constant in a part of the data."

USUAL: dict[str, tuple[str, ...]] = {
    "ArithmeticError": (_EMPTY, _MISSING),
    "AssertionError": ("Something that holds on the sample alone: a count of rows, a range, no missing values.",),
    "AttributeError": ("None, where the sample always had a match or a value.", _MISSING),
    "FloatingPointError": (_EMPTY, _MISSING),
    "IndexError": (_EMPTY,),
    "IntCastingNaNError": (_MISSING,),
    "KeyError": (_UNSEEN, "A column made from levels, as by get_dummies: other levels make other columns."),
    "LinAlgError": (_CONSTANT, _MISSING),
    "LookupError": (_UNSEEN,),
    "MemoryError": (_LARGER,),
    "MergeError": ("Keys that are unique in the sample, and not there.",),
    "OutOfBoundsDatetime": ("A date at the edge of its range in the codebook.",),
    "OverflowError": ("A value at the edge of its range in the codebook.",),
    "ParserError": ("A text that is written otherwise than those of the sample.", _MISSING),
    "StopIteration": (_EMPTY,),
    "TypeError": (_MISSING, "A column whose type changes with what is in it, such as integers with missing values."),
    "UnicodeDecodeError": ("A text with letters that the sample does not have.",),
    "UnicodeEncodeError": ("A text with letters that the sample does not have.",),
    "ValueError": (_MISSING, _UNSEEN, "A group with a single row, where a split or a fold needs more."),
    "ZeroDivisionError": (_EMPTY,),
    "kernel": (_LARGER,),
    "memory": (_LARGER,),
    "not_finite": (_MISSING,),
    "timeout": (_LARGER,),
}
"""What real data has and a sample lacks, by reason or stage; of the others the cause is in the code."""


@dataclass(frozen=True)
class CellHelp:
    """The cell's ``source``, empty when no cell is named; the ``usual`` reasons; what is known of each column used.

    ``here`` says whether the columns are those of this cell; else they are those of all before it.
    """

    source: str
    usual: tuple[str, ...]
    columns: Mapping[str, str]
    here: bool = True


def cell_help(submission: str, failure: Failure) -> CellHelp:
    """Help with ``failure`` of a submission. Raises :class:`ParticipantError` when it is not from this machine."""
    record, path = sent_from_here(submission)
    kit = ChallengeFolder(record.kit)
    known = {} if kit.card.tasks else kit.codebook.columns
    cells = code_cells(nbformat.read(path, as_version=4))
    usual = USUAL.get(failure.reason or "") or USUAL.get(failure.stage) or ()
    cell = next((cell for cell in cells if cell.number == failure.cell), None)
    if cell is None:
        return CellHelp("", usual, {})
    used = _used([cell], known)
    here = bool(used) or not usual
    if not here:
        used = _used([other for other in cells if other.number < cell.number], known)
    sample = _sample(kit) if used else []
    return CellHelp(cell.source, usual, {name: _line(name, known[name], sample) for name in used}, here)


def _used(cells: list[CodeCell], known: Mapping[str, Column]) -> list[str]:
    """The columns whose names stand in ``cells``, as a string or an attribute, in the codebook's order."""
    nodes = [node for cell in cells if cell.tree for node in ast.walk(cell.tree)]
    named = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return [name for name in known if name in named]


def _sample(kit: ChallengeFolder) -> list[pd.DataFrame]:
    import pandas

    return [pandas.read_parquet(path) for path in sorted(kit.sample_dir.glob("*.parquet"))]


def _line(name: str, column: Column, sample: list[pd.DataFrame]) -> str:
    """What the codebook allows in a column, and what of it the sample does not show."""
    said: list[str] = [column.type]
    if column.minimum is not None:
        said.append(column.span)
    if column.levels:
        said.append("one of " + ", ".join(column.level_names[:12]) + (", …" if len(column.levels) > 12 else ""))
    said.append("may be missing" if column.nullable else "never missing")
    return "; ".join((*said, *_lacks(name, column, sample)))


def _lacks(name: str, column: Column, sample: list[pd.DataFrame]) -> list[str]:
    values = [table[name] for table in sample if name in table]
    if not values:
        return []
    unseen = sorted(set(column.level_names) - {str(value) for some in values for value in some.dropna().unique()})
    missing = any(some.isna().any() for some in values)
    lacks = ["the sample has no missing value"] if column.nullable and not missing else []
    return [*lacks, f"the sample never has {', '.join(unseen[:12])}"] if unseen else lacks
