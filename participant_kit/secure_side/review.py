"""The airlock: what the data holder decides on a message that waits, in a file beside the egress log.

The holder's commands write it and the runner reads it, so neither waits for the other, and a restart forgets nothing.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from participant_kit.challenge.alphabet import HELD_BACK
from participant_kit.protocol.identifiers import is_identifier
from participant_kit.secure_side.egress import LOG, EgressLine, read_egress
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.ledger import Ledger

REVIEW = "review"


class Decision(BaseModel):
    """``reason`` is why it is held back, of :data:`HELD_BACK`; None lets it go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str | None = None


def _path(state: Path, submission: str) -> Path:
    if not is_identifier(submission):
        raise SecureSideError(f"{submission!r} is no identifier of a submission.", hint="See: pkit holder review")
    return state / REVIEW / f"{submission}.json"


def waiting(state: Path) -> list[EgressLine]:
    """Messages that wait for a decision, oldest first; those decided on and not yet sent are not among them."""
    return undecided(state, Ledger.of(read_egress(state / LOG)))


def undecided(state: Path, ledger: Ledger) -> list[EgressLine]:
    """The same, of a ``ledger`` that was read before."""
    return [line for line in ledger.waiting if not _path(state, line.submission).exists()]


def decide(state: Path, submission: str, reason: str | None = None) -> EgressLine:
    """Let the message of ``submission`` go, or hold it back for ``reason``. Raises :class:`SecureSideError`."""
    if reason is not None and reason not in HELD_BACK:
        raise SecureSideError(f"{reason!r} is no reason that may leave.", hint=f"One of: {', '.join(HELD_BACK)}.")
    path = _path(state, submission)
    line = next((line for line in waiting(state) if line.submission == submission), None)
    if line is None:
        raise SecureSideError(f"Nothing of {submission} waits for a review.", hint="See: pkit holder review")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(Decision(reason=reason).model_dump_json())
    new.replace(path)
    return line


def decision_on(state: Path, submission: str) -> Decision | None:
    """What was decided, if anything yet."""
    try:
        return Decision.model_validate_json(_path(state, submission).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise SecureSideError(
            f"The decision on {submission} cannot be read.", hint="Remove it, and decide anew."
        ) from None


def forget(state: Path, submission: str) -> None:
    """Remove a decision that was carried out; the log has it."""
    _path(state, submission).unlink(missing_ok=True)
