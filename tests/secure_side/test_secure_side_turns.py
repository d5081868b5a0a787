"""Several submissions at once end as they would one after the other. A real log and gate; runs are played."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import make_card

from participant_kit.challenge.alphabet import alphabet_of
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.sealing import Binding
from participant_kit.secure_side.egress import LOG, EgressLog, read_egress
from participant_kit.secure_side.gate import Finding, ReleaseGate
from participant_kit.secure_side.leaderboard import make_mechanism
from participant_kit.secure_side.ledger import RESULT, Ledger
from participant_kit.secure_side.record import ChallengeRecord
from participant_kit.secure_side.turns import Turns

LADDER = {"leaderboard_mechanism: rounded": "leaderboard_mechanism: ladder"}
FACTS = {"card_sha256": "c" * 64, "data_root": "d" * 64, "environment_sha256": "e" * 64, "runner_version": "1"}


class Lease:
    def __init__(self) -> None:
        self.ended = threading.Event()

    @property
    def is_over(self) -> bool:
        return self.ended.is_set()


class Site:
    """A runner's log, gate and line. ``key`` is its own; several share ``state``."""

    def __init__(self, state: Path, **card: str) -> None:
        self.keys, self.card = SecretKeys.generate(Role.BLIND), make_card(**card)
        self.log = EgressLog(state / LOG, self.keys)
        self.record = ChallengeRecord(self.log, "survey")
        self.gate = ReleaseGate(self.card, self.keys, FACTS, self.record, make_mechanism(self.card))
        self.turns = Turns(self.card, self.record, remembers=bool(card.get(next(iter(LADDER)))))

    def begin(self, binding: Binding, lease: Lease) -> str | None:
        """Begin as the blind role does: why it waits, "budget_spent", or None."""
        with self.record.held():
            if why := self.turns.wait_for(binding, lease):  # type: ignore[arg-type]
                return why
            return None if self.gate.start(binding) else "budget_spent"

    def end(self, binding: Binding, score: float) -> None:
        scores = {"roc_auc_score": score, "brier_score_loss": 0.2}
        assert self.gate.release(binding, Finding(scores=scores), 0.1)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, **LADDER)
    yield made
    made.log.close()


def binding(number: int | str, participant: str = "ada", **other: str) -> Binding:
    said: dict[str, Any] = {"challenge": "small", "phase": "development", "notebook_sha256": "0" * 64} | other
    return Binding(**said, participant=participant, submission=f"s-{number}", reply_to="")


def test_of_one_participant_one_runs_at_a_time_in_the_order_of_the_claims(site: Site) -> None:
    leases = [Lease() for _ in range(4)]
    assert site.begin(binding(0), leases[0]) is None
    assert [bool(site.begin(binding(number), leases[number])) for number in (1, 2, 3)] == [True] * 3
    site.end(binding(0), 0.8)
    assert site.begin(binding(2), leases[2]), "the first in the line comes first"
    assert site.begin(binding(1), leases[1]) is None
    site.end(binding(1), 0.9)
    leases[2].ended.set()
    assert site.begin(binding(3), leases[3]) is None, "who has left the line keeps nobody waiting"


def test_other_participants_and_phases_do_not_wait(site: Site) -> None:
    assert site.begin(binding(0), Lease()) is None
    assert site.begin(binding(1, "ben"), Lease()) is None
    assert site.begin(binding(2, phase="final"), Lease()) is None


def test_where_nothing_is_remembered_nobody_waits_for_their_own(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert [site.begin(binding(number), Lease()) for number in range(3)] == [None] * 3
    site.log.close()


def test_another_runner_s_run_is_waited_for_as_long_as_that_runner_is_there(tmp_path: Path) -> None:
    one, other = (Site(tmp_path, **LADDER) for _ in range(2))
    lease = Lease()
    assert one.begin(binding(0), Lease()) is None
    assert other.begin(binding(1), lease)
    one.log.close()
    assert other.begin(binding(1), lease) is None, "what a runner that is no more began, it will not end"
    other.log.close()


def test_the_one_who_waits_goes_on_when_the_other_has_ended(site: Site) -> None:
    lease, came = Lease(), threading.Event()
    site.begin(binding(0), Lease())
    assert site.begin(binding(1), lease)
    waits = threading.Thread(target=lambda: site.turns.come(binding(1), lease) and came.set())  # type: ignore[arg-type]
    waits.start()
    assert not came.wait(0.7)
    site.end(binding(0), 0.8)
    assert came.wait(10)
    waits.join()


@pytest.mark.parametrize(("cheap", "then"), [(True, None), (False, "budget_spent")])
def test_who_may_fit_once_the_others_are_settled_waits_for_that(tmp_path: Path, cheap: bool, then: str | None) -> None:
    site = Site(tmp_path, **{"release: {": f"release: {{budget_bits: {3 * alphabet_of(make_card()).bits - 1}, "})
    lease = Lease()
    assert [site.begin(binding(number), Lease()) for number in (0, 1)] == [None, None]
    assert site.begin(binding(2), lease) == "others reserve the bits that it could cost"
    site.end(binding(0), 0.8)
    assert site.begin(binding(2), lease) == "others reserve the bits that it could cost"
    if cheap:
        assert site.gate.release(binding(1), Finding(stage="notebook"), 0.1)
    else:
        site.end(binding(1), 0.8)
    assert site.begin(binding(2), lease) == then
    site.log.close()


@pytest.mark.parametrize("runners", [1, 2])
def test_whoever_hammers_the_ledger_no_budget_is_passed_and_every_reservation_ends(
    tmp_path: Path, runners: int
) -> None:
    """Four threads at each of the runners, a participant each, and a budget of the challenge for ten runs at most."""
    limit = round(10.5 * alphabet_of(make_card()).bits, 6)
    card = {"release: {": f"release: {{challenge_budget_bits: {limit}, data_budget_bits: {limit}, "}
    sites = [Site(tmp_path / "state", **card) for _ in range(runners)]
    outcomes = list[str | None]()

    def work(site: Site, participant: str) -> None:
        for number in range(6):
            one, lease = binding(f"{participant}-{number}", participant), Lease()
            while (why := site.begin(one, lease)) not in (None, "budget_spent"):
                assert site.turns.come(one, lease)  # type: ignore[arg-type]
            outcomes.append(why)
            if why is None:
                site.end(one, 0.5 + number / 100)

    threads = [
        threading.Thread(target=work, args=(site, f"p-{index}-{number}"))
        for index, site in enumerate(sites)
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lines, ledger = read_egress(tmp_path / "state" / LOG), Ledger()
    for line in lines:
        ledger.enter(line)
        assert all(balance.charged <= limit + 1e-6 for balance in ledger.balances.values())
    assert len(outcomes) == len(threads) * 6 and "budget_spent" in outcomes
    assert outcomes.count(None) == sum(line.kind == RESULT for line in lines) >= 10
    assert not ledger.open
    for site in sites:
        site.log.close()
