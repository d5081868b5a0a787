"""The release gate: the one function through which anything about the real data leaves.

It builds its message field by field from the card's alphabet and filters nothing: what has no field cannot leave. The
message is in the egress log before it is handed to anybody, and :mod:`.outlet` sends only what was handed out here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Never, Protocol, final
from weakref import WeakKeyDictionary

from participant_kit.challenge.alphabet import HELD_BACK, REASONS, STAGES, Field, alphabet_of
from participant_kit.challenge.card import Card, Figure
from participant_kit.protocol.keys import SecretKeys
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt, verify_receipt
from participant_kit.protocol.sealing import Binding

STARTED, HELD, RESULT, STOPPED = "started", "held", "result", "stopped"
"""Kinds of lines in the log: a run began; its message waits for the holder; it left; it ended without one."""
Fields = list[tuple[str, Any, float]]  # name, value as it leaves, cost in bits


@dataclass(frozen=True)
class Finding:
    """What the inside says about one run: scores, or where it failed. Hostile until the gate has read it."""

    scores: Mapping[str, Any] | None = None
    stage: str | None = None
    cell: int | None = None
    reason: str | None = None
    aside: Any = None  # for the mechanism alone


class Record(Protocol):
    """The egress log with its ledger, as the gate uses them."""

    def held(self) -> AbstractContextManager[None]:
        """Nobody else counts or writes meanwhile."""

    def append(self, kind: str, binding: Binding, fields: Fields, message: Any, reserved: float, memory: Any) -> None:
        """One line on the disk; when this returns, it is there."""

    def sent(self, submission: str, kind: str) -> tuple[Fields, dict[str, Any], Any] | None:
        """Fields, message and memory of the line of ``kind``, if there is one."""

    def is_open(self, binding: Binding) -> bool:
        """Whether this runner began a run of it that has not ended in the log."""

    def charged(self, binding: Binding) -> tuple[float, float, float]:
        """Bits spent and reserved: by the participant in the phase, the challenge, the data set."""

    def memory(self, binding: Binding) -> Any:
        """What the mechanism kept when it last answered this participant in this phase."""


class Mechanism(Protocol):
    """What the live leaderboard shows of a score. The gate clips, rounds and counts whatever it answers."""

    def show(self, found: Mapping[str, float], aside: Any, memory: Any) -> tuple[Mapping[str, float], Any]:
        """The numbers to show for ``found``, and what to keep (JSON) for the next time; ``memory`` is None first."""


@final
class Released:
    """A message that may be sent, because the egress log has it. Only the gate makes one; it cannot be changed."""

    __slots__ = ("__weakref__",)

    def __init__(self, _: Never) -> None:
        raise TypeError("Only the release gate makes what may be sent.")


_contents: WeakKeyDictionary[Released, tuple[str, bytes]] = WeakKeyDictionary()


def content_of(released: Released) -> tuple[str, bytes]:
    """The submission and the signed envelope (JSON) of ``released``. Raises ``TypeError`` for what no gate made."""
    if type(released) is not Released or released not in _contents:
        raise TypeError("This was not made by the release gate.")
    return _contents[released]


def _issue(submission: str, envelope: Mapping[str, Any]) -> Released:
    released = object.__new__(Released)
    _contents[released] = (submission, json.dumps(envelope).encode())
    return released


class ReleaseGate:
    """Builds, counts, signs and logs messages. Where the record cannot be written, its error says so: nothing left."""

    def __init__(
        self, card: Card, keys: SecretKeys, facts: Mapping[str, str], record: Record, mechanism: Mechanism
    ) -> None:
        self._card, self._keys, self._facts, self._record, self._mechanism = card, keys, facts, record, mechanism
        self._alphabet, self.tick_seconds = alphabet_of(card), card.release.completion_tick.total_seconds()
        self._scores: dict[str, Figure] = {metric.name: metric for metric in card.metrics}
        self._figures = {figure.name: figure for figure in card.release.figures}

    def start(self, binding: Binding) -> bool:
        """Reserve what one run can cost at its dearest. False, and no run, when it could exceed a budget."""
        rules, most = self._card.release, self._alphabet.bits
        limits = (rules.budget_bits, rules.challenge_budget_bits, rules.data_budget_bits)
        with self._record.held():
            if self._record.is_open(binding):  # a crash ended that run, or a gateway lends it anew
                self.stop(binding)
            if any(spent + most > limit for spent, limit in zip(self._record.charged(binding), limits, strict=True)):
                return False
            self._record.append(STARTED, binding, [], {"budgets": limits}, most, None)
        return True

    def stop(self, binding: Binding) -> None:
        """End a run without a message. That tells at most that it was not done yet: what its tick would have told."""
        self._record.append(STOPPED, binding, [("tick", "not yet", self._alphabet.tick.bits)], {}, 0.0, None)

    def refuse(self, binding: Binding, reason: str) -> Released:
        """Not run, as decided from the card, the ledger and the sealed header: nothing of the data is in it."""
        outcome = Outcome(state="refused", tick=0, failure=Failure(stage="sandbox", reason=reason))
        with self._record.held():
            return self.again(binding) or self._end(binding, outcome, [("reason", reason, 0.0)], RESULT, None)

    def again(self, binding: Binding) -> Released | None:
        """What was released for this submission before: it has one result for ever."""
        with self._record.held():
            before = self._record.sent(binding.submission, RESULT)
        if before:
            verify_receipt(before[1], self._keys.known)  # the log is a file, and files can be changed
        return _issue(binding.submission, before[1]) if before else None

    def release(self, binding: Binding, found: Finding, seconds: float) -> Released | None:
        """Let out what the card allows of ``found``, ``seconds`` after the claim; None when it waits for a review."""
        with self._record.held():
            if again := self.again(binding):
                return again
            tick = min(max(math.ceil(seconds / self.tick_seconds), 1), self._alphabet.tick.size - 1)
            shown, memory = ({}, None) if found.stage else self._numbers(binding, found)
            if shown:
                scores, figures = ({name: shown[name] for name in names} for names in (self._scores, self._figures))
                outcome = Outcome(state="scored", tick=tick, scores=scores, figures=figures or None)
                ending = _fields(self._alphabet.scores, list(shown.values()))
            else:
                outcome = Outcome(state="failed", tick=tick, failure=(failure := self._failure(found)))
                ending = [(field.name, getattr(failure, field.name), field.bits) for field in self._alphabet.failure]
            kind = HELD if self._card.release.review else RESULT
            released = self._end(binding, outcome, ending, kind, memory)
            return None if kind == HELD else released

    def decide(self, binding: Binding, reason: str | None) -> Released | None:
        """After the holder's review: what waits, signed with the keys of now, or (``reason``) that it was held back."""
        with self._record.held():
            again, waiting = self.again(binding), self._record.sent(binding.submission, HELD)
            if again or waiting is None:
                return again
            receipt = verify_receipt(waiting[1], self._keys.known)
            fields, envelope, memory = waiting[0], sign_receipt(receipt, self._keys), waiting[2]
            if reason is None:
                self._record.append(RESULT, binding, fields, envelope, 0.0, memory)
                return _issue(binding.submission, envelope)
            word = reason if reason in HELD_BACK else HELD_BACK[0]
            outcome = Outcome(state="refused", tick=receipt.outcome.tick, failure=Failure(stage="sandbox", reason=word))
            return self._end(binding, outcome, _fields(self._alphabet.refusal, [word]), RESULT, None)

    def _end(self, binding: Binding, outcome: Outcome, ending: Fields, kind: str, memory: Any) -> Released:
        """Sign and log ``outcome``; then it may be sent. What never ran has the tick 0, and tells nothing."""
        priced, values = (self._alphabet.state, self._alphabet.tick), (outcome.state, outcome.tick)
        state, tick = _fields(priced, values, outcome.tick > 0)
        fields = [state, *ending, tick]
        bits = round(sum(bits for _, _, bits in fields), 6)
        content = {**binding.model_dump(exclude={"reply_to"}), **self._facts, "bits": bits, "outcome": outcome}
        envelope = sign_receipt(Receipt.model_validate(content), self._keys)
        self._record.append(kind, binding, fields, envelope, self._alphabet.bits if kind == HELD else 0.0, memory)
        return _issue(binding.submission, envelope)

    def _numbers(self, binding: Binding, found: Finding) -> tuple[dict[str, float], Any]:
        """The card's numbers as the mechanism shows them, and what it keeps; none, unless each is a finite number."""
        numbers, given = self._scores | self._figures, dict[str, float]()
        for name, number in numbers.items():
            value: Any = (found.scores or {}).get(name)
            if type(value) not in (int, float) or not abs(value) < 1e308:  # nor NaN, nor what no float can hold
                return {}, None
            given[name] = min(max(float(value), number.range[0]), number.range[1])
        shown, memory = self._mechanism.show(given, found.aside, self._record.memory(binding))
        return {name: number.rounded(shown[name]) for name, number in numbers.items()}, memory

    def _failure(self, found: Finding) -> Failure:
        stage = found.stage if found.stage in STAGES else "scoring"
        if self._card.release.failure_detail == "stage":
            return Failure(stage=stage)
        cell = found.cell if type(found.cell) is int and 0 < found.cell <= self._card.submission.max_cells else 0
        return Failure(stage=stage, cell=cell or None, reason=found.reason if found.reason in REASONS else "other")


def _fields(priced: Sequence[Field], values: Sequence[Any], counts: bool = True) -> Fields:
    return [(field.name, value, field.bits * counts) for field, value in zip(priced, values, strict=True)]
