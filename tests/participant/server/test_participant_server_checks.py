"""The check is done once for who looks and then sends, and again as soon as it could find something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_world import Person, Requests
from support import SOLUTION

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.participant.server import checks

HELPED = ("import helper", SOLUTION)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of notebooks, one for each time that one was checked."""
    names: list[str] = []
    check = checks.check_notebook

    def counting(path: Path, kit: ChallengeFolder) -> object:
        names.append(path.name)
        return check(path, kit)

    monkeypatch.setattr(checks, "check_notebook", counting)
    return names


async def test_what_was_just_looked_at_is_not_checked_again(ask: Requests, ada: Person, checked: list[str]) -> None:
    path = ada.write(name="once.ipynb")
    assert (await ask.post("preview", path=path))["findings"] == []
    await ask.post("submissions", path=path)
    assert checked == ["once.ipynb"]


async def test_errors_refuse_also_when_they_are_known(ask: Requests, ada: Person, checked: list[str]) -> None:
    path = ada.write("import os.", SOLUTION, name="wrong.ipynb")
    found = (await ask.post("preview", path=path))["findings"]
    for _ in range(2):
        assert (await ask.post("submissions", path=path, override=True, status=422))["findings"] == found
    assert checked == ["wrong.ipynb"]
    assert ada.stored() == []


@pytest.mark.parametrize("changed", ["notebook", "beside", "card", "requirements"])
async def test_it_is_checked_again_after_a_change(ask: Requests, ada: Person, checked: list[str], changed: str) -> None:
    path = ada.write(*HELPED, name="changed.ipynb")
    before = (await ask.post("preview", path=path))["findings"]
    match changed:
        case "notebook":
            ada.write(name="changed.ipynb")
        case "beside":
            (ada.kit.notebooks_dir / "helper.py").write_text("")
        case "card":
            ada.kit.card_path.write_text(ada.kit.card_path.read_text() + "\n")
        case "requirements":
            ada.kit.requirements_path.write_text(ada.kit.requirements_path.read_text() + "\nhelper==1\n")
    after = (await ask.post("preview", path=path))["findings"]
    assert checked == ["changed.ipynb"] * 2
    assert (after == before) == (changed == "card")


async def test_a_notebook_that_cannot_be_read_is_a_finding(ask: Requests, ada: Person) -> None:
    (finding,) = (await ask.post("preview", path=f"{Path(ada.write()).parent}/absent.ipynb"))["findings"]
    assert finding["level"] == "error"
