# tries: twenty people who know one another each spend their whole budget
# success: more leaves than the sum of their budgets, or than the ledger says
# wall: the runner's own ledger, by participant and phase, asked before each run
# expect: held
# world: small budget
from __future__ import annotations

from pathlib import Path

from world import World

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.participant import Client


def attack(world: World, folder: Path) -> None:
    card = world.challenge.card
    cost, budget = alphabet_of(card).bits, card.release.budget_bits
    assert cost <= budget < 2 * cost, "each may submit once; what is left does not pay for a second time"
    start = len(world.egress())
    path = world.write("1 / 0")
    for number in range(20):
        client = Client(world.address, world.token(f"friend-{number}", "participant"))
        first = client.submit(path).wait(90)
        second = client.submit(world.write("1 / 0")).wait(90)
        assert (first.state.value, second.state.value) == (
            "failed",
            "refused" if first.receipt().bits + cost > budget else "failed",
        )
    lines = world.egress()[start:]
    by_person: dict[str, float] = {}
    for line in lines:
        by_person[line.participant] = by_person.get(line.participant, 0) + line.bits
    assert len(by_person) == 20 and max(by_person.values()) <= budget
    assert sum(by_person.values()) <= 20 * budget
