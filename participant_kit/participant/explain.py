"""Why a submission ended without a score, in sentences, with the next step."""

from __future__ import annotations

from dataclasses import dataclass

from participant_kit.protocol.receipts import Failure


@dataclass(frozen=True)
class Explanation:
    """``sentence`` says what happened, ``next_step`` what to do."""

    sentence: str
    next_step: str


_REHEARSE = "Rehearse the notebook: that shows the whole traceback on the sample."
_REAL = "Handle what the real data may hold and the sample does not: missing values, rare levels, other sizes."
IN_THE_LOG = "It failed on the sample; the log has the whole traceback."
_AGAIN = "It was not your notebook. Submit it again."
_HOLDER = "It was not your notebook. Tell the organizer, with the submission's identifier."
_TEST = "Predict every row of test.parquet, once, under its identifier."

STAGES: dict[str, Explanation] = {
    "notebook": Explanation("A cell of the notebook raised an exception.", f"{_REAL} {_REHEARSE}"),
    "kernel": Explanation("The kernel died, or never started.", f"Use less memory and no native crash. {_REHEARSE}"),
    "timeout": Explanation(
        "The notebook took longer than the card allows.", "Train a smaller model, or on fewer rows."
    ),
    "memory": Explanation(
        "The notebook used more memory than the card allows.", "Read fewer columns, or work in parts."
    ),
    "disk": Explanation(
        "The notebook wrote more than the card allows.",
        "Write the predictions alone; keep the rest in memory.",
    ),
    "output": Explanation("The notebook ran, but its predictions cannot be scored.", _REHEARSE),
    "scoring": Explanation("The predictions were accepted, but scoring them failed.", _HOLDER),
    "sandbox": Explanation("The sandbox could not be made on the secure side.", _AGAIN),
}
"""One explanation for each of :data:`participant_kit.challenge.alphabet.STAGES`."""


def _data(sentence: str) -> Explanation:
    return Explanation(sentence, _REAL)


def _code(sentence: str, next_step: str = _REHEARSE) -> Explanation:
    return Explanation(sentence, next_step)


REASONS: dict[str, Explanation] = {
    "ArithmeticError": _data("A calculation has no result."),
    "AssertionError": _data("An assertion of the notebook, or of a package, did not hold."),
    "AttributeError": _code("Something was asked for an attribute that it does not have."),
    "EOFError": _code("The notebook asked for input, and nobody is there to give it."),
    "FileExistsError": _code("The notebook makes a file or folder that is there already."),
    "FileNotFoundError": _code(
        "The notebook opens a file that does not exist there.", "Read below data_dir and write below output_dir alone."
    ),
    "FloatingPointError": _data("A calculation with numbers of floating point failed."),
    "ImportError": _code("A module has no such name.", "Check the pinned versions in requirements.txt."),
    "IndentationError": _code("A cell is not indented as Python wants it.", "Check the notebook: that names the line."),
    "IndexError": _data("A position does not exist in a list, array or table."),
    "IntCastingNaNError": _data("A missing value was turned into an integer."),
    "IsADirectoryError": _code("The notebook opens a folder as if it were a file."),
    "KeyError": _data("A column, level or key does not exist."),
    "LinAlgError": _data("A matrix could not be inverted or decomposed."),
    "LookupError": _data("A key, position or encoding does not exist."),
    "MemoryError": _code("An array was larger than the memory there is.", "Read fewer columns, or work in parts."),
    "MergeError": _data("Two tables could not be merged as asked."),
    "ModuleNotFoundError": _code(
        "The notebook imports a package that the environment lacks.",
        "Check the notebook: that names the package.",
    ),
    "NameError": _code("A name was used before it was assigned.", "Restart the kernel and run all cells in order."),
    "NotADirectoryError": _code("The notebook uses a file as if it were a folder."),
    "NotFittedError": _code("A model was used before it was fitted."),
    "NotImplementedError": _code("A package does not do what it was asked for."),
    "OSError": _code(
        "The operating system refused something: a full disk, a file, a process.", STAGES["disk"].next_step
    ),
    "OutOfBoundsDatetime": _data("A date is too early or too late for pandas."),
    "OverflowError": _data("A number became too large."),
    "ParserError": _data("Text could not be read as a table or a date."),
    "PermissionError": _code(
        "The notebook writes where it may not.",
        "Write below output_dir, or into a temporary file of the tempfile module.",
    ),
    "RecursionError": _code("A function called itself without end."),
    "RuntimeError": _code("A package gave up in the middle of its work."),
    "StopIteration": _data("Something was taken from what was empty."),
    "SyntaxError": _code("A cell is no valid Python.", "Check the notebook: that names the line."),
    "SystemExit": _code("The notebook ended itself.", "Take out exit() and sys.exit()."),
    "TimeoutError": _code("The notebook waited too long for something.", "Nothing outside answers there: no network."),
    "TypeError": _code("A value had a type that a function does not take."),
    "UnboundLocalError": _code("A function used a name before it assigned it."),
    "UnicodeDecodeError": _data("Bytes could not be read as text."),
    "UnicodeEncodeError": _data("Text could not be written as bytes."),
    "ValueError": _data("A value was of the right type, and still not acceptable, such as a missing one for a model."),
    "ZeroDivisionError": _data("Something was divided by zero."),
    "missing_output": _code(
        "The predictions were not in output_dir.", "Write them to Path(output_dir) / the card's output name."
    ),
    "not_a_file": _code("A folder or a link stands in place of the predictions.", "Write a plain file."),
    "too_large": _code("The file of predictions is too large.", "Write the columns of the card, and nothing else."),
    "unreadable": _code(
        "The predictions are neither valid CSV nor Parquet.", "Write them with pandas: to_csv(..., index=False)."
    ),
    "wrong_columns": _code(
        "The predictions have other columns than the card names.", "Pass index=False, and name them as the card does."
    ),
    "wrong_type": _code("A column of the predictions holds values of another type.", "Convert it before you write it."),
    "not_finite": _data("The predictions hold missing or infinite values."),
    "missing_rows": _code("Rows of the test table have no prediction.", _TEST),
    "unknown_rows": _code("Predictions were given for rows that the test table does not have.", _TEST),
    "duplicate_rows": _code("Rows were predicted more than once.", _TEST),
    "too_many_rows": _code("There are far more predictions than rows.", _TEST),
    "metric_undefined": _code(
        "A metric is not defined on these predictions.",
        "Check their range: probabilities lie from 0 to 1 and are not all equal.",
    ),
    "unreadable_notebook": _code(
        "What arrived is no valid notebook.", "Open it in JupyterLab, save it and submit it again."
    ),
    "no_parameters_cell": _code("No cell is tagged 'parameters'.", "Take that cell over from the starter notebook."),
    "other_kernel": _code(
        "The notebook is for another language than Python.", "Choose the challenge's kernel in JupyterLab."
    ),
    "too_many_cells": _code("The notebook has more cells than the card allows.", "Join cells."),
    "not_for_this_runner": _code(
        "The notebook was sealed to other keys, for another card, or for another submission.",
        "Join the challenge again to get the present kit, then submit again.",
    ),
    "budget_spent": _code(
        "One more run could reveal more about the data than the card allows you in this phase, or all of you together.",
        "There is no more to ask in this phase.",
    ),
    "held_back": _code("The data holder looked at what would leave, and held it back.", _HOLDER),
    "looks_like_data": _code("The data holder held it back, because it looks like data.", _HOLDER),
    "breaks_a_rule": _code("The data holder held it back, because it breaks a rule of the challenge.", _HOLDER),
    "phase_unknown": _code("The secure side has no such phase.", _HOLDER),
    "runner_lost": _code("The secure side's machine was lost while it ran, more than once.", _AGAIN),
    "other": _code("An exception that is not on the list of those that may be named."),
}
"""One explanation for each of :data:`participant_kit.challenge.alphabet.REASONS`."""


def sentences(failure: Failure, *, on_sample: bool = False) -> Explanation:
    """What ``failure`` means, in the words of this module alone: the page translates them.

    The reason says more than the stage, except where it says nothing. What failed ``on_sample`` has a log, and is
    no matter of what the real data holds.
    """
    stage = STAGES.get(failure.stage) or Explanation(f"It ended at the stage {failure.stage!r}.", _REHEARSE)
    silent = failure.reason == "other" and failure.stage != "notebook"
    said = stage if silent else REASONS.get(failure.reason or "") or stage
    if on_sample and (_REAL in said.next_step or _REHEARSE in said.next_step):
        return Explanation(said.sentence, IN_THE_LOG)
    return said


def explain(failure: Failure, *, on_sample: bool = False) -> Explanation:
    """What ``failure`` means, with its cell and the class of the exception; see :func:`sentences`."""
    said = sentences(failure, on_sample=on_sample)
    where = f"In cell {failure.cell}: " if failure.cell else ""
    named = f" ({failure.reason})" if failure.reason in REASONS and failure.reason[:1].isupper() else ""
    return Explanation(f"{where}{said.sentence.rstrip('.')}{named}.", said.next_step)
