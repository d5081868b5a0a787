"""The states of a submission: the same words in every zone, page and message."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a submission is. ``docs/architecture.md`` draws the transitions."""

    QUEUED = "queued"
    """Waits for a runner."""
    REHEARSING = "rehearsing"
    """Runs on the sample."""
    RUNNING = "running"
    """Runs on the real data."""
    SCORING = "scoring"
    """Its predictions are being scored. Known on the secure side alone: the moment is the notebook's choice."""
    SCORED = "scored"
    """Final: scores were released."""
    FAILED = "failed"
    """Final: the notebook did not get to a score; the failure says where."""
    REFUSED = "refused"
    """Final: not run, because a rule forbids it; the failure says which."""
    CANCELLED = "cancelled"
    """Final: the participant took it back."""

    @property
    def is_final(self) -> bool:
        """Whether no transition leads out of it."""
        return self in FINAL


FINAL = frozenset({State.SCORED, State.FAILED, State.REFUSED, State.CANCELLED})
OPEN = tuple(state for state in State if state not in FINAL)
