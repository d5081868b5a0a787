"""Which submissions wait for others, so that several at once end as they would one after the other.

Where the leaderboard's mechanism remembers, what it shows a participant depends on what it showed them before: their
submissions in a phase run one at a time, in the order in which they were claimed. And what a run may cost at its
dearest is reserved while it runs: who would fit once that is settled is not refused for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.challenge.card import Card
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.egress import EgressLine
from participant_kit.secure_side.lease import HeldLease
from participant_kit.secure_side.ledger import Account, accounts_of
from participant_kit.secure_side.record import ChallengeRecord


class Turns:
    """The line of those who wait in this runner. ``remembers`` says whether the card's mechanism does."""

    def __init__(self, card: Card, record: ChallengeRecord, *, remembers: bool) -> None:
        self._record, self._remembers = record, remembers
        self._most, rules = alphabet_of(card).bits, card.release
        self._limits = (rules.budget_bits, rules.challenge_budget_bits, rules.data_budget_bits)
        self._line: list[tuple[Binding, HeldLease]] = []

    def wait_for(self, binding: Binding, lease: HeldLease) -> str | None:
        """Why ``binding`` waits, with a place in the line; None when it may begin, as long as the record is held."""
        why = self._why(binding)
        placed = any(lease is other for _, other in self._line)
        if why and not placed:
            self._line.append((binding, lease))
        elif why is None and placed:
            self._line = [(one, other) for one, other in self._line if other is not lease]
        return why

    def come(self, binding: Binding, lease: HeldLease) -> bool:
        """Wait until ``binding`` may begin; False when ``lease`` ends first."""
        while True:
            with self._record.held():
                if self._why(binding) is None:
                    return True
            if lease.ended.wait(0.5):
                return False

    def _why(self, binding: Binding) -> str | None:
        others = self._record.others(binding)
        self._line = [(one, lease) for one, lease in self._line if not lease.is_over]
        line = [one for one, _ in self._line]
        before = takewhile(lambda one: one.submission != binding.submission, line)
        ahead: list[Binding | EgressLine] = [*others, *before]
        if self._remembers and any(_same_person(binding, other) for other in ahead):
            return "another one of the same participant comes first"
        charged, reserved = self._record.charged(binding), self._reserved(binding, others)
        sums = list(zip(charged, reserved, self._limits, strict=True))
        fits_now = all(bits + self._most <= limit for bits, _, limit in sums)
        if not fits_now and all(bits - held + self._most <= limit for bits, held, limit in sums):
            return "others reserve the bits that it could cost"
        return None

    def _reserved(self, binding: Binding, others: Iterable[EgressLine]) -> list[float]:
        return [
            sum(line.reserved for line in others if account in _accounts(line))
            for account in self._record.accounts(binding)
        ]


def _accounts(line: EgressLine) -> tuple[Account, Account, Account]:
    return accounts_of(line.challenge, line.phase, line.participant, line.dataset)


def _same_person(binding: Binding, other: Binding | EgressLine) -> bool:
    return all(getattr(binding, key) == getattr(other, key) for key in ("challenge", "phase", "participant"))
