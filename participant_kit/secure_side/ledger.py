"""The ledger: bits about the data that have left, or may leave of what runs now, added up line by line.

Three sums: a participant's in a phase, a challenge's, a data set's over its whole life. A run reserves what it
can cost at its dearest when it begins; its end replaces that by what it did cost. Entering a line and asking for
a sum take the same time however long the log is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from participant_kit.secure_side.egress import EgressLine

SCOPES = ("participant", "challenge", "dataset")
STARTED, HELD, RESULT = "started", "held", "result"


@dataclass(frozen=True, order=True)
class Account:
    """Whose sum it is. What does not apply is empty."""

    scope: Literal["participant", "challenge", "dataset"]
    challenge: str = ""
    phase: str = ""
    participant: str = ""
    dataset: str = ""


def accounts_of(challenge: str, phase: str, participant: str, dataset: str) -> tuple[Account, Account, Account]:
    """The three accounts that a submission is charged to, in the order of :data:`SCOPES`."""
    return (
        Account("participant", challenge, phase, participant),
        Account("challenge", challenge),
        Account("dataset", dataset=dataset),
    )


@dataclass
class Balance:
    """Bits: spent for ever, reserved for what runs or waits, and the budget of the card that ran last."""

    spent: float = 0.0
    reserved: float = 0.0
    budget: float | None = None

    @property
    def charged(self) -> float:
        """What counts against the budget."""
        return self.spent + self.reserved


@dataclass
class Ledger:
    """Sums over the lines entered so far, and the lines that later ones depend on."""

    balances: defaultdict[Account, Balance] = field(default_factory=lambda: defaultdict(Balance))
    lines: dict[tuple[str, str], EgressLine] = field(default_factory=dict)
    """The last line of a submission and kind."""
    open: dict[tuple[str, str], EgressLine] = field(default_factory=dict)
    """By submission and key of the runner: what was started there and has not ended."""
    memories: dict[Account, Any] = field(default_factory=dict)

    def enter(self, line: EgressLine) -> None:
        """Add one line."""
        accounts = accounts_of(line.challenge, line.phase, line.participant, line.dataset)
        before = self.open.pop((line.submission, line.key), None)
        if line.reserved:
            self.open[line.submission, line.key] = line
        reserved = line.reserved - (before.reserved if before else 0.0)
        for account in accounts:
            balance = self.balances[account]
            balance.spent += line.bits
            balance.reserved = max(balance.reserved + reserved, 0.0)
        if line.kind == STARTED:
            for account, budget in zip(accounts, line.message["budgets"], strict=True):
                self.balances[account].budget = budget
        if line.kind == RESULT and line.memory is not None:
            self.memories[accounts[0]] = line.memory
        self.lines[line.submission, line.kind] = line

    @classmethod
    def of(cls, lines: Iterable[EgressLine]) -> Ledger:
        """The ledger of ``lines``."""
        ledger = cls()
        for line in lines:
            ledger.enter(line)
        return ledger

    @property
    def waiting(self) -> list[EgressLine]:
        """What the data holder has not decided on, oldest first."""
        return [line for line in self.open.values() if line.kind == HELD]
