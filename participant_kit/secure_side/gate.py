"""The release gate: the one function through which anything about the real data leaves.

It builds its message field by field from the card's alphabet and filters nothing: what has no field cannot
leave. The message is written to the egress log before it is handed to anybody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from participant_kit.challenge.alphabet import REASONS, STAGES, Field, alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.protocol.keys import SecretKeys
from participant_kit.protocol.receipts import Failure, Outcome, Receipt, sign_receipt
from participant_kit.protocol.sealing import Binding


@dataclass(frozen=True)
class Finding:
    """What the inside says about one run: scores, or where it failed. Hostile until the gate has read it."""

    scores: Mapping[str, Any] | None = None
    stage: str | None = None
    cell: int | None = None
    reason: str | None = None
    refused: bool = False


@dataclass(frozen=True)
class Fingerprints:
    """Hex SHA-256 of what was fixed before any run."""

    card: str
    data: str
    environment: str


@dataclass(frozen=True)
class Released:
    """A message that may be sent, because the egress log has it. Only the gate makes one."""

    submission: str
    envelope: dict[str, Any]


class ReleaseGate:
    """Builds, counts, signs and logs messages for one challenge.

    ``append`` writes a line of the egress log; ``spent`` tells the bits that have left to a participant in a
    phase; ``best`` tells the scores last released to them, which the Ladder mechanism compares with.
    """

    def __init__(
        self,
        card: Card,
        keys: SecretKeys,
        fingerprints: Fingerprints,
        version: str,
        *,
        append: Callable[[Binding, list[tuple[str, Any, float]], dict[str, Any]], None],
        spent: Callable[[Binding], float],
        best: Callable[[Binding], dict[str, float] | None],
    ) -> None:
        self._card, self._keys, self._fingerprints, self._version = card, keys, fingerprints, version
        self._append, self._spent, self._best = append, spent, best
        self._alphabet = alphabet_of(card)

    def affords(self, binding: Binding) -> bool:
        """Whether one more submission, at its dearest, stays within the participant's budget of the phase."""
        return self._spent(binding) + self._alphabet.bits <= self._card.release.budget_bits

    def release(self, binding: Binding, found: Finding, seconds: float) -> Released:
        """Let out what the card allows of ``found``, ``seconds`` after the claim.

        Raises :class:`~participant_kit.secure_side.errors.SecureSideError` when the log cannot be written;
        then nothing has left.
        """
        scores = None if found.refused or found.stage else self._scores(binding, found.scores)
        fields: list[tuple[str, Any, float]] = []
        failure = None
        state: Literal["scored", "failed", "refused"]
        if scores is not None:
            state = "scored"
            costs = {field.name: field.bits for field in self._alphabet.scores}
            fields += [(f"score:{name}", value, costs[f"score:{name}"]) for name, value in scores.items()]
        else:
            state = "refused" if found.refused else "failed"
            failure = self._failure(found)
            fields += [(field.name, getattr(failure, field.name), field.bits) for field in self._alphabet.failure]
        if found.refused:
            # Decided before the run from the card, the ledger and the sealed header: nothing of the data is in it.
            fields, tick = [(name, value, 0.0) for name, value, _ in fields], 0
            fields = [("state", state, 0.0), *fields]
        else:
            tick = min(math.ceil(seconds / self.tick_seconds), self._alphabet.tick.size - 1)
            fields = [("state", state, self._alphabet.state.bits), *fields, ("tick", tick, self._alphabet.tick.bits)]
        receipt = Receipt(
            challenge=binding.challenge,
            phase=binding.phase,
            participant=binding.participant,
            submission=binding.submission,
            notebook_sha256=binding.notebook_sha256,
            card_sha256=self._fingerprints.card,
            data_sha256=self._fingerprints.data,
            environment_sha256=self._fingerprints.environment,
            runner_version=self._version,
            bits=round(sum(bits for _, _, bits in fields), 6),
            outcome=Outcome(state=state, tick=tick, scores=scores, failure=failure),
        )
        envelope = sign_receipt(receipt, self._keys)
        self._append(binding, fields, envelope)
        return Released(binding.submission, envelope)

    @property
    def tick_field(self) -> Field:
        """What the completion tick costs."""
        return self._alphabet.tick

    @property
    def tick_seconds(self) -> float:
        """The length of a completion tick, in s. Results leave at its multiples after the claim."""
        return self._card.release.completion_tick.total_seconds()

    def _scores(self, binding: Binding, given: Mapping[str, Any] | None) -> dict[str, float] | None:
        """Every metric of the card, clipped and rounded; None when one is missing or is no finite number."""
        scores = {}
        for metric in self._card.metrics:
            value = (given or {}).get(metric.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                return None
            scores[metric.name] = metric.rounded(float(value))
        if self._card.release.leaderboard_mechanism == "ladder":
            best = self._best(binding)
            if best is not None and not self._climbs(scores, best):
                return best
        return scores

    def _climbs(self, scores: dict[str, float], best: dict[str, float]) -> bool:
        """Whether the primary score beats the best by a step (Blum and Hardt, ICML 2015, algorithm 1)."""
        primary = self._card.primary
        step = 10.0**-primary.decimals
        gain = scores[primary.name] - best[primary.name]
        return bool((gain if primary.higher_is_better else -gain) >= step * 0.999999)

    def _failure(self, found: Finding) -> Failure:
        stage = found.stage if found.stage in STAGES else "scoring"
        if self._card.release.failure_detail == "stage":
            return Failure(stage=stage)
        cell = found.cell if type(found.cell) is int and 0 < found.cell <= self._card.submission.max_cells else 0
        return Failure(stage=stage, cell=cell or None, reason=found.reason if found.reason in REASONS else "other")
