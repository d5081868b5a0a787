# tries: twenty people who know one another each spend their whole budget
# success: more leaves than the sum of their budgets, or than the ledger says
# wall: the runner's own ledger, by participant and phase, asked before each run
# expect: held
# house: strict
from __future__ import annotations

from collections import Counter
from pathlib import Path

from world import World

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.participant import Client

PEOPLE = 20
CARRY = "raise (ValueError, KeyError, TypeError, OSError)[canary.encode()[{}] % 4]"


def attack(world: World, folder: Path) -> str:
    card = world.challenge.card
    cost, budget = alphabet_of(card).bits, card.release.budget_bits
    assert cost <= budget < 2 * cost, "each may submit once; what is left does not pay for a second time"
    start = len(world.egress())
    friends = [Client(world.address, world.token(f"friend-{i}", "participant")) for i in range(PEOPLE)]
    # a quarter of them carry two bits each; the others, whose notebooks end before a kernel is up, spend as much
    carrying = [world.write(world.prelude, CARRY.format(i)) for i in range(PEOPLE // 4)]
    idle = world.write("1", kernelspec={"name": "ir", "language": "R", "display_name": "R"})
    first = [friend.submit(path) for friend, path in zip(friends, carrying + [idle] * PEOPLE, strict=False)]
    again = world.write("1 / 0")
    second = [friend.submit(again) for friend in friends]
    for submission in first + second:
        submission.wait(90)
    assert Counter(one.state.value for one in first) == {"failed": PEOPLE}
    assert all(one.receipt().bits + cost > budget for one in first)
    assert Counter(one.state.value for one in second) == {"refused": PEOPLE}
    reasons = [one.failure.reason for one in first[: len(carrying)] if one.failure]
    sent = world.words["training data"].encode()
    assert reasons == [("ValueError", "KeyError", "TypeError", "OSError")[byte % 4] for byte in sent[: len(reasons)]]
    by_person: Counter[str] = Counter()
    for line in world.egress()[start:]:
        by_person[line.participant] += line.bits  # type: ignore[assignment]
    assert len(by_person) == PEOPLE and max(by_person.values()) <= budget
    return f"{2 * len(reasons)} bits came out; {sum(by_person.values()):.0f} were counted"
