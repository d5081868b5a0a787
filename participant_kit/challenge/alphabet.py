"""What can leave the secure side, and what it costs in bits. Both sides read the same numbers from the card.

Every field of a release is drawn from a finite alphabet that the card fixes before the run; it costs the
log2 of that alphabet's size. Nothing else can leave, because the release gate builds its message from these
fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from participant_kit.challenge.card import Card

HELD_BACK = ("held_back", "looks_like_data", "breaks_a_rule")
"""Why a data holder who reviews holds a release back; the closed list of words for it."""

FINAL_STATES = ("scored", "failed", "refused")

STAGES = ("notebook", "kernel", "timeout", "memory", "disk", "output", "scoring", "sandbox")
"""Where a blind run can fail."""

REASONS = (
    # exceptions of Python and of the packages people use
    "ArithmeticError", "AssertionError", "AttributeError", "EOFError", "FileExistsError", "FileNotFoundError",
    "FloatingPointError", "ImportError", "IndentationError", "IndexError", "IntCastingNaNError", "IsADirectoryError",
    "KeyError", "LinAlgError", "LookupError", "MemoryError", "MergeError", "ModuleNotFoundError", "NameError",
    "NotADirectoryError", "NotFittedError", "NotImplementedError", "OSError", "OutOfBoundsDatetime", "OverflowError",
    "ParserError", "PermissionError", "RecursionError", "RuntimeError", "StopIteration", "SyntaxError", "SystemExit",
    "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError", "ValueError",
    "ZeroDivisionError",
    # what can be wrong with predictions
    "missing_output", "not_a_file", "too_large", "unreadable", "wrong_columns", "wrong_type", "not_finite",
    "missing_rows", "unknown_rows", "duplicate_rows", "too_many_rows", "metric_undefined",
    # what can be wrong with a notebook before it runs, and with the budget
    "unreadable_notebook", "no_parameters_cell", "other_kernel", "too_many_cells", "not_for_this_runner",
    "budget_spent", "phase_unknown", "runner_lost", *HELD_BACK, "other",
)  # fmt: skip
"""The closed list of reasons. Any other exception leaves as ``other``."""


@dataclass(frozen=True)
class Field:
    """One field that may leave, with the number of values it can take."""

    name: str
    size: int

    @property
    def bits(self) -> float:
        """log2 of the alphabet's size."""
        return math.log2(self.size)


@dataclass(frozen=True)
class Alphabet:
    """Every field that a card lets leave for one submission."""

    state: Field
    tick: Field
    scores: tuple[Field, ...]
    failure: tuple[Field, ...]
    refusal: tuple[Field, ...] = ()

    @property
    def bits(self) -> float:
        """The most that one submission can reveal: state, tick, and the dearest of scores, failure and refusal.

        What each ending costs is the length of a code word: state first, then what that state has. So the
        messages of any number of submissions that cost B bits together are one of at most 2^B (Kraft).
        """
        branches = (self.scores, self.failure, self.refusal)
        return self.state.bits + self.tick.bits + max(sum(field.bits for field in branch) for branch in branches)


def alphabet_of(card: Card) -> Alphabet:
    """The alphabet that ``card`` fixes for each of its submissions."""
    failure = [Field("stage", len(STAGES))]
    if card.release.failure_detail == "cell-and-class":
        failure += [Field("cell", card.submission.max_cells + 1), Field("reason", len(REASONS))]
    return Alphabet(
        state=Field("state", len(FINAL_STATES)),
        tick=Field("tick", tick_count(card)),
        scores=(
            *(Field(f"score:{metric.name}", metric.levels) for metric in card.metrics),
            *(Field(f"figure:{figure.name}", figure.levels) for figure in card.release.figures),
        ),
        failure=tuple(failure),
        refusal=(Field("reason", len(HELD_BACK)),) if card.release.review else (),
    )


SCORING_TIME = 300.0
"""Seconds after the notebook's wall time in which scoring must end; ticks are counted to there."""


def time_limit(card: Card) -> float:
    """Seconds in which a submission has ended: notebook and scoring, for each task, and where it has one, ingestion."""
    wall = card.limits.wall_time.total_seconds()
    if not card.tasks:
        return wall + SCORING_TIME
    of_task = {task.name: wall * (2 if task.ingestion else 1) + SCORING_TIME for task in card.tasks}
    return max(sum(of_task[task.name] for task in card.tasks_of(phase.name)) for phase in card.phases)


def tick_count(card: Card) -> int:
    """How many different completion ticks a release can show."""
    return math.ceil(time_limit(card) / card.release.completion_tick.total_seconds()) + 1
