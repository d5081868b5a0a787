"""Both roles on one machine take turns, and what one has read is dropped before the other works."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from participant_kit.protocol.keys import Role
from participant_kit.secure_side import machine
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.machine import claim_machine, private_data_near, shared_roles, turn_of


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose turn came before, at each drop of the page cache."""
    seen: list[str] = []
    monkeypatch.setattr(machine, "drop_page_cache", lambda: seen.append(machine._file("turn").read_text()))
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A challenge's folder with nothing beside it: what other tests leave in theirs is not looked at."""
    (tmp_path / "site" / "kit").mkdir(parents=True)
    return tmp_path / "site" / "kit"


def take_turns(*roles: Role) -> None:
    for role in roles:
        with turn_of(role):
            pass


def test_between_two_roles_the_page_cache_is_dropped_and_between_jobs_of_one_it_stays(drops: list[str]) -> None:
    take_turns(Role.BLIND, Role.BLIND)
    assert drops == []
    take_turns(Role.REHEARSAL)
    assert drops == ["blind"]
    take_turns(Role.REHEARSAL, Role.BLIND)
    assert drops == ["blind", "rehearsal"]


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


@pytest.mark.usefixtures("drops")
def test_jobs_of_one_role_work_at_once_and_a_new_one_goes_in_after_the_other_role_that_waits() -> None:
    order, ends = list[str](), {name: threading.Event() for name in ("first", "second", "rehearsal", "late")}

    def work(name: str, role: Role) -> None:
        with turn_of(role):
            order.append(name)
            assert ends[name].wait(10)
            order.append(f"{name} ends")

    def start(name: str, role: Role) -> threading.Thread:
        thread = threading.Thread(target=work, args=(name, role))
        thread.start()
        time.sleep(0.4)
        return thread

    threads = [start("first", Role.BLIND), start("second", Role.BLIND)]
    assert order == ["first", "second"]
    threads += [start("rehearsal", Role.REHEARSAL), start("late", Role.BLIND)]
    ends["first"].set()
    time.sleep(0.4)
    assert order == ["first", "second", "first ends"], "all of the one role end before the other begins"
    for event in ends.values():
        event.set()
    for thread in threads:
        thread.join(10)
    assert order[3:] == ["second ends", "rehearsal", "rehearsal ends", "late", "late ends"]


def test_who_gives_up_waiting_gets_no_turn_and_keeps_nobody_from_one() -> None:
    given_up = threading.Event()
    given_up.set()
    with turn_of(Role.BLIND), turn_of(Role.REHEARSAL, given_up) as ours:
        assert not ours
    with turn_of(Role.REHEARSAL) as ours:
        assert ours


@pytest.mark.parametrize(("first", "second"), [(Role.BLIND, Role.REHEARSAL), (Role.REHEARSAL, Role.BLIND)])
def test_no_runner_starts_where_the_other_role_has_worked_but_in_a_demonstration(
    folder: Path, first: Role, second: Role
) -> None:
    claim_machine(first, folder)
    claim_machine(first, folder)
    with pytest.raises(SecureSideError, match=f"A {first.value} runner has worked on this machine"):
        claim_machine(second, folder)
    assert shared_roles() == [first.value], "a runner that was refused leaves no mark"
    claim_machine(second, folder, demonstration=True)
    assert shared_roles() == ["blind", "rehearsal"]


def test_a_blind_runner_of_another_user_counts_too(folder: Path) -> None:
    machine._file("blind", 4711).touch()
    with pytest.raises(SecureSideError, match="A blind runner has worked"):
        claim_machine(Role.REHEARSAL, folder)


@pytest.mark.parametrize("kit", ["heart", "heart/starter_kit", "heart/a/kit", "kit"])
def test_a_rehearsal_does_not_start_where_it_could_read_private_tables(tmp_path: Path, kit: str) -> None:
    challenge = tmp_path / "heart"
    (tmp_path / kit).mkdir(parents=True)
    (challenge / "private").mkdir(parents=True)
    claim_machine(Role.REHEARSAL, tmp_path / kit)  # a folder of that name is no challenge
    (challenge / "challenge.yaml").touch()
    assert private_data_near(tmp_path / kit) == challenge / "private"
    with pytest.raises(SecureSideError, match=r"could read the private tables in .*heart/private"):
        claim_machine(Role.REHEARSAL, tmp_path / kit)
    claim_machine(Role.BLIND, tmp_path / kit, demonstration=True)


def test_who_may_not_drop_the_page_cache_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_DROP_CACHES", tmp_path)  # a folder, which nobody may write to as to a file
    assert machine.drop_page_cache() is False
    monkeypatch.setattr(machine, "_DROP_CACHES", tmp_path / "drop_caches")
    assert machine.drop_page_cache() is True
    assert (tmp_path / "drop_caches").read_text() == "1"
