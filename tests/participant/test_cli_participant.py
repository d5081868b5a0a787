"""The participant's commands, as they are typed."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from small_gateway import CELLS, SLUG, TOKEN, SmallGateway, write_notebook
from typer.testing import CliRunner

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli import console
from participant_kit.cli.participant import add_commands, receipt
from participant_kit.execution.environment import Environment
from participant_kit.participant import Client, Submission
from participant_kit.participant.credentials import load_token
from participant_kit.participant.records import forget, sent_from_here
from participant_kit.protocol.merkle import prove_file, tree_root
from participant_kit.protocol.messages import RehearsalReport
from participant_kit.protocol.receipts import Failure

app = typer.Typer()
add_commands(app)
app.add_typer(receipt)


@pytest.fixture(autouse=True)
def text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command starts as in a process of its own."""
    monkeypatch.setitem(console._mode, "json", False)
    monkeypatch.setattr(console.out, "_width", 200)
    monkeypatch.setattr(console.err, "_width", 200)


def pkit(*words: str | Path, code: int = 0, given: str = "") -> Result:
    console._mode["json"] = False
    result = CliRunner().invoke(app, [str(word) for word in words], input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def pkit_json(*words: str | Path, code: int = 0) -> Any:
    return json.loads(pkit(*words, "--json", code=code).stdout)


@pytest.fixture
def logged_in(gateway: SmallGateway, kit: ChallengeFolder, monkeypatch: pytest.MonkeyPatch) -> ChallengeFolder:
    """In the folder of the kit, with a token."""
    pkit("login", gateway.address, "--token-file", "-", given=TOKEN + "\n")
    monkeypatch.chdir(kit.root)
    return kit


@pytest.fixture
def submission(logged_in: ChallengeFolder, gateway: SmallGateway, notebook: Path) -> Submission:
    return Client().submit(notebook)


def test_a_token_is_kept_once_the_gateway_knows_it_and_is_never_printed(gateway: SmallGateway) -> None:
    result = pkit("login", gateway.address, given=TOKEN)
    assert "as ada (participant)" in result.output
    assert TOKEN not in result.output
    assert load_token(gateway.address) == TOKEN


def test_a_token_that_the_gateway_does_not_know_is_not_kept(gateway: SmallGateway) -> None:
    with pytest.raises(KitError, match="not known"):
        pkit("login", gateway.address, given="wrong")
    assert load_token(gateway.address) is None


def test_a_challenge_is_joined_by_its_address(gateway: SmallGateway, tmp_path: Path) -> None:
    done = pkit_json("join", f"{gateway.address}/{SLUG}", "--folder", tmp_path / "k", "--no-kernel")
    assert done["kit_sha256"] == gateway.info.kit_sha256
    assert ChallengeFolder(tmp_path / "k").card.slug == SLUG


def test_check_shows_warnings_and_fails_on_errors(kit: ChallengeFolder) -> None:
    path = write_notebook(kit.root / "a.ipynb", *CELLS, ("", "!ls"))
    assert [finding["cell"] for finding in pkit_json("check", path)["findings"]] == [3]
    assert "1 warnings" in pkit("check", path).output
    path = write_notebook(kit.root / "b.ipynb", *CELLS, ("", "!pip install x"))
    with pytest.raises(FindingsError) as raised:
        pkit("check", path)
    assert [finding.cell for finding in raised.value.findings] == [3]


def test_rehearse_passes_or_shows_the_traceback(kit: ChallengeFolder, notebook: Path, environment: Environment) -> None:
    assert "Passed" in pkit("rehearse", notebook).output
    path = write_notebook(kit.root / "a.ipynb", CELLS[0], ("", "1 / 0"))
    output = pkit("rehearse", path, code=1).output
    assert "ZeroDivisionError" in output
    assert "In cell 2" in output
    assert pkit_json("rehearse", path, code=1)["reason"] == "ZeroDivisionError"


def test_submit_tells_the_cost_in_bits_and_what_is_left(logged_in: ChallengeFolder, notebook: Path) -> None:
    output = pkit("submit", notebook).output
    assert "bits about the data" in output
    assert "9 of 10 today" in output
    assert "pkit watch" in output


def test_submit_refuses_a_notebook_with_errors_unless_told_otherwise(
    logged_in: ChallengeFolder, gateway: SmallGateway
) -> None:
    path = write_notebook(logged_in.root / "bad.ipynb", *CELLS, ("", "x ="))
    with pytest.raises(FindingsError):
        pkit("submit", path)
    assert not gateway.statuses
    assert pkit_json("submit", path, "--no-check")["state"] == "queued"


def test_submit_and_wait_ends_well_only_with_scores(
    logged_in: ChallengeFolder, gateway: SmallGateway, notebook: Path
) -> None:
    def finish_soon(end: Any) -> None:
        known = set(gateway.statuses)

        def finish() -> None:
            while not (new := set(gateway.statuses) - known):
                threading.Event().wait(0.02)
            end(new.pop())

        threading.Thread(target=finish, daemon=True).start()

    finish_soon(lambda identifier: gateway.score(identifier, 0.75))
    done = pkit_json("submit", notebook, "--wait")
    assert (done["scores"], done["verified"]) == ({"roc_auc_score": 0.75}, True)
    report = RehearsalReport(stage="notebook", cell=2, reason="KeyError", log="a long log")
    finish_soon(lambda identifier: gateway.fail_rehearsal(identifier, report))
    output = pkit("submit", notebook, "--wait", code=1).output
    assert "a long log" in output
    assert "A column, level or key does not exist" in output


def test_interrupting_the_wait_says_that_the_submission_goes_on(
    submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Submission, "wait", interrupt)
    assert f"pkit watch {submission.id}" in pkit("watch", submission.id, code=130).output


def test_status_lists_all_or_shows_one(submission: Submission, gateway: SmallGateway) -> None:
    assert [own["id"] for own in pkit_json("status")] == [submission.id]
    assert submission.id in pkit("status").output
    report = RehearsalReport(stage="notebook", cell=2, reason="KeyError", log="a long log")
    gateway.fail_rehearsal(submission.id, report)
    assert "--log" in pkit("status", submission.id[-6:]).output
    assert "a long log" in pkit("status", submission.id, "--log").output
    assert "a long log" not in pkit("status", submission.id).output


def test_scores_are_shown_when_there_are_any(submission: Submission, gateway: SmallGateway) -> None:
    pkit("scores", submission.id, code=1)
    gateway.score(submission.id, 0.8125)
    assert "0.8125" in pkit("scores", submission.id).output
    assert "scored" in pkit("watch", submission.id).output


def test_the_leaderboard_marks_your_own_row(logged_in: ChallengeFolder) -> None:
    output = pkit("leaderboard").output
    assert "ada (you)" in output
    assert "bob (you)" not in output
    assert len(pkit_json("leaderboard", SLUG)["rows"]) == 2


def test_a_leaderboard_needs_no_kit(gateway: SmallGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "bob" in pkit("leaderboard", f"{gateway.address}/{SLUG}").output


def test_cancel_takes_a_submission_back(submission: Submission) -> None:
    assert pkit_json("cancel", submission.id)["state"] == "cancelled"


def test_explain_knows_submissions_and_words(submission: Submission, gateway: SmallGateway) -> None:
    assert "missing or infinite" in pkit("explain", "not_finite").output
    gateway.fail_rehearsal(submission.id, RehearsalReport(stage="timeout"))
    assert pkit_json("explain", submission.id)["explanation"].startswith("The notebook took longer")


def test_a_failure_on_the_real_data_is_explained_with_the_cell_from_here(
    submission: Submission, gateway: SmallGateway
) -> None:
    gateway.fail(submission.id, Failure(stage="notebook", cell=2, reason="ValueError"))
    said = pkit("explain", submission.id).output
    assert "In cell 2" in said
    assert 'test["prediction"] = test["x"]' in said
    assert "A missing value in a column that has none in the sample." in said
    assert "number; 0 to 1; never missing" in said
    assert set(pkit_json("explain", submission.id)["cell"]["columns"]) == {"id", "x"}


def test_a_failure_of_a_submission_from_elsewhere_is_explained_without_its_cell(
    submission: Submission, gateway: SmallGateway
) -> None:
    gateway.fail(submission.id, Failure(stage="notebook", cell=2, reason="ValueError"))
    forget(sent_from_here(submission.id)[0])
    result = pkit("explain", submission.id)
    assert "In cell 2" in result.output
    assert "is not on this machine" in result.output + result.stderr
    assert pkit_json("explain", submission.id)["cell"] is None


def test_a_receipt_is_verified_from_a_file_without_a_network(
    submission: Submission, gateway: SmallGateway, kit: ChallengeFolder, tmp_path: Path
) -> None:
    gateway.score(submission.id, 0.7)
    file = tmp_path / "receipt.json"
    assert "Receipt, verified" in pkit("receipt", "verify", submission.id, "--save", file).output
    asked = len(gateway.requests)
    verified = pkit_json("receipt", "verify", file, "--keys", kit.keys_path)
    assert verified["outcome"]["scores"] == {"roc_auc_score": 0.7}
    assert len(gateway.requests) == asked
    envelope = json.loads(file.read_text())
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    file.write_text(json.dumps(envelope))
    with pytest.raises(KitError, match="not signed"):
        pkit("receipt", "verify", file)


def test_a_receipt_names_its_data_and_the_holder_can_prove_one_file(
    submission: Submission, gateway: SmallGateway, tmp_path: Path
) -> None:
    digests = {
        f"final/{name}.parquet": letter * 64 for letter, name in zip("abc", ("labels", "test", "train"), strict=True)
    }
    gateway.score(submission.id, 0.7, data_root=tree_root(digests))
    proof = tmp_path / "proof.json"
    proof.write_text(prove_file(digests, "final/labels.parquet").model_dump_json())
    assert tree_root(digests) in pkit("receipt", "verify", submission.id, "--proof", proof).output
    newer = digests | {"final/labels.parquet": "e" * 64}
    proof.write_text(prove_file(newer, "final/labels.parquet").model_dump_json())
    with pytest.raises(KitError, match=r"final/labels\.parquet, as it is in the proof, is not among the data"):
        pkit("receipt", "verify", submission.id, "--proof", proof)


def test_the_challenges_of_a_gateway_are_listed(gateway: SmallGateway) -> None:
    assert [info["card"]["slug"] for info in pkit_json("list", gateway.address)] == [SLUG]
    assert SLUG in pkit("list", gateway.address).output


@pytest.mark.parametrize(
    "command", [*app.registered_commands, *receipt.registered_commands], ids=lambda c: c.callback.__name__
)
def test_every_command_has_help_with_an_example_and_speaks_json(command: Any) -> None:
    assert "Example: pkit " in command.callback.__doc__
    assert "json" in command.callback.__annotations__
