"""The egress log as the release gate of one challenge uses it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.egress import EgressLine, EgressLog, LoggedField
from participant_kit.secure_side.gate import Fields
from participant_kit.secure_side.ledger import HELD, Account, accounts_of


class ChallengeRecord:
    """Implements :class:`~participant_kit.secure_side.gate.Record`. ``dataset`` names the data set's account."""

    def __init__(self, log: EgressLog, dataset: str) -> None:
        self._log, self._dataset = log, dataset

    def held(self) -> AbstractContextManager[None]:
        """See :meth:`EgressLog.held`."""
        return self._log.held()

    def append(self, kind: str, binding: Binding, fields: Fields, message: Any, reserved: float, memory: Any) -> None:
        """See :meth:`EgressLog.append`."""
        self._log.append(
            kind=kind,
            challenge=binding.challenge,
            phase=binding.phase,
            participant=binding.participant,
            submission=binding.submission,
            dataset=self._dataset,
            fields=[LoggedField(name=name, value=value, bits=bits) for name, value, bits in fields],
            message=dict(message),
            reserved=reserved,
            memory=memory,
        )

    def sent(self, submission: str, kind: str) -> tuple[Fields, dict[str, Any], Any] | None:
        """Fields, message and memory of the line of ``kind``."""
        line = self._log.ledger.lines.get((submission, kind))
        return ([(f.name, f.value, f.bits) for f in line.fields], line.message, line.memory) if line else None

    def is_open(self, binding: Binding) -> bool:
        """Whether this runner's run of it has not ended."""
        return self._log.began(binding.submission) is not None

    def is_waiting(self, binding: Binding) -> bool:
        """Whether a message of it waits for the holder's review."""
        line = self._log.began(binding.submission)
        return line is not None and line.kind == HELD

    def unfinished(self) -> set[str]:
        """Submissions that some runner began and has not ended."""
        with self._log.held():
            return {submission for submission, _ in self._log.ledger.open}

    def others(self, binding: Binding) -> list[EgressLine]:
        """What runs or waits of other submissions, and will end: not what a runner began that is no more."""
        with self._log.held():
            return [
                line
                for line in self._log.ledger.open.values()
                if line.submission != binding.submission and (line.kind == HELD or self._log.is_written_by(line.key))
            ]

    def charged(self, binding: Binding) -> tuple[float, float, float]:
        """Bits spent and reserved, in the order of :data:`~participant_kit.secure_side.ledger.SCOPES`."""
        participant, challenge, dataset = (self._log.ledger.balances[a].charged for a in self.accounts(binding))
        return participant, challenge, dataset

    def memory(self, binding: Binding) -> Any:
        """What the mechanism kept last."""
        return self._log.ledger.memories.get(self.accounts(binding)[0])

    def abandoned(self, challenge: str) -> list[Binding]:
        """What this runner began before it was started anew, and cannot end."""
        mine = [line for (_, key), line in self._log.ledger.open.items() if key in self._log.keys]
        return [_binding(line) for line in mine if line.challenge == challenge and line.kind != HELD]

    def accounts(self, binding: Binding) -> tuple[Account, Account, Account]:
        """Those that it is charged to."""
        return accounts_of(binding.challenge, binding.phase, binding.participant, self._dataset)


def _binding(line: EgressLine) -> Binding:
    return Binding(
        challenge=line.challenge,
        phase=line.phase,
        participant=line.participant,
        submission=line.submission,
        reply_to="",
    )
