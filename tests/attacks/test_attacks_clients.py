"""Who attacks from outside: notebooks that are none, kits, scoring programs, a gateway that lies, many accounts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from corpus import CLIENTS, NOTEBOOKS, PROGRAMS, Attack, alone, attacks
from world import World, ended, is_expected

Record = Callable[[str, object], None]
CLIENT = [attack for attack in attacks(CLIENTS) if not attack.strict]


def load(attack: Attack) -> ModuleType:
    spec = importlib.util.spec_from_file_location(attack.name, attack.path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("attack", CLIENT, ids=lambda one: one.name)
def test_nothing_gets_out_and_nothing_breaks(
    world: World, attack: Attack, tmp_path: Path, record_property: Record
) -> None:
    module = load(attack)
    if attack.outcomes == ["held"]:
        record_property("outcome", module.attack(world, tmp_path) or "held")
    else:
        submission = world.send(module.notebook(world))
        record_property("outcome", ended(submission))
        assert is_expected(ended(submission), attack.outcomes), ended(submission)
    assert world.found() == []
    assert all(part.poll() is None for part in world.parts.values()), "something of ours has died"


@pytest.fixture(scope="module")
def strict_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A scoring program of the organizer's own, a budget for one submission each, and a short wall time."""
    card = {"scoring: null": "scoring: scoring", "budget_bits: 99999 ": "budget_bits: 45 ", "30 s": "20 s"}
    house = World(tmp_path_factory.mktemp("strict"), card=card)
    house.lease = 20.0  # what takes both cores costs its runner no lease: it is the wall time that ends it
    folder = house.challenge.root / "scoring"
    folder.mkdir()
    (folder / "metadata.yaml").write_text("command: python3 score.py $input $output\n")
    (folder / "score.py").touch()
    try:
        house.open()
        yield house
    finally:
        house.close()


@pytest.mark.parametrize("attack", alone(attacks(PROGRAMS)), ids=lambda one: one.name)
def test_a_scoring_program_lets_out_scores_alone(strict_world: World, attack: Attack, record_property: Record) -> None:
    strict_world.come(attack.name)
    (strict_world.challenge.root / "scoring" / "score.py").write_bytes(attack.path.read_bytes())
    submission = strict_world.honest_run()
    record_property("outcome", ended(submission))
    assert strict_world.found() == []
    assert is_expected(ended(submission), attack.outcomes), ended(submission)
    assert submission.status.attempt == 1


@pytest.mark.parametrize("attack", [one for one in attacks(NOTEBOOKS) if one.strict], ids=lambda one: one.name)
def test_what_never_ends_is_ended(strict_world: World, attack: Attack, record_property: Record) -> None:
    record_property("outcome", strict_world.holds(attack))


@pytest.mark.parametrize("attack", [one for one in attacks(CLIENTS) if one.strict], ids=lambda one: one.name)
def test_many_accounts_get_the_sum_of_their_budgets(
    strict_world: World, attack: Attack, tmp_path: Path, record_property: Record
) -> None:
    record_property("outcome", load(attack).attack(strict_world, tmp_path))
    assert strict_world.found() == []
