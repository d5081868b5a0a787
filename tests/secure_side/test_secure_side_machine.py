"""Both roles on one machine take turns, and what one has read is dropped before the other works."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from participant_kit.protocol.keys import Role
from participant_kit.secure_side import machine
from participant_kit.secure_side.machine import shared_roles, turn_of


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The roles that had worked here at each drop of the page cache."""
    seen: list[list[str]] = []
    monkeypatch.setattr(machine, "drop_page_cache", lambda: seen.append(shared_roles()))
    return seen


def take_turns(*roles: Role) -> None:
    for role in roles:
        with turn_of(role):
            pass


def test_between_two_roles_the_page_cache_is_dropped_and_between_jobs_of_one_it_stays(drops: list[list[str]]) -> None:
    take_turns(Role.BLIND, Role.BLIND)
    assert drops == []
    take_turns(Role.REHEARSAL)
    assert drops == [["blind"]]
    take_turns(Role.REHEARSAL, Role.BLIND)
    assert drops == [["blind"], ["blind", "rehearsal"]]


@pytest.mark.usefixtures("drops")
def test_who_has_worked_here_is_known() -> None:
    assert shared_roles() == []
    take_turns(Role.BLIND, Role.BLIND)
    assert shared_roles() == ["blind"]
    take_turns(Role.REHEARSAL)
    assert shared_roles() == ["blind", "rehearsal"]


@pytest.mark.usefixtures("drops")
def test_a_role_waits_for_the_turn_of_the_other_to_end() -> None:
    began = threading.Event()

    def rehearse() -> None:
        with turn_of(Role.REHEARSAL):
            began.set()

    other = threading.Thread(target=rehearse)
    with turn_of(Role.BLIND):
        other.start()
        assert not began.wait(0.3)
    other.join(10)
    assert began.is_set()


def test_who_may_not_drop_the_page_cache_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_DROP_CACHES", tmp_path)  # a folder, which nobody may write to as to a file
    assert machine.drop_page_cache() is False
    monkeypatch.setattr(machine, "_DROP_CACHES", tmp_path / "drop_caches")
    assert machine.drop_page_cache() is True
    assert (tmp_path / "drop_caches").read_text() == "1"
