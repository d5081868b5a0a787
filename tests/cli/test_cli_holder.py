"""What the data holder sees of the egress log and the ledger, and what they decide."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import CARD
from typer.testing import CliRunner, Result

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli import console
from participant_kit.cli.main import app
from participant_kit.protocol.identifiers import new_identifier
from participant_kit.protocol.keys import (
    KeyRing,
    Role,
    SecretKeys,
    read_key_ring,
    read_secret_keys,
    write_secret_keys,
)
from participant_kit.protocol.merkle import parse_inclusion
from participant_kit.secure_side.egress import LOG, EgressLog, LoggedField
from participant_kit.secure_side.keys import runner_keys
from participant_kit.secure_side.review import decision_on

KEYS = SecretKeys.generate(Role.BLIND)
WAITING = new_identifier()


def holder(*words: str) -> Result:
    console._mode["json"] = False  # one process, many commands
    return CliRunner().invoke(app, ["holder", *words])


def asked(*words: str) -> Any:
    done = holder(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    log = EgressLog(tmp_path / "state" / LOG, KEYS)

    def write(kind: str, participant: str, submission: str, bits: float = 0, **more: Any) -> None:
        fields = [LoggedField(name="state", value="=HYPERLINK(1)", bits=bits)] if bits else []
        named = {"challenge": "small", "phase": "development", "participant": participant, "submission": submission}
        log.append(kind=kind, fields=fields, dataset="survey", **{"message": {}, **named, **more})

    for who in ("ada", "-bob"):
        write("started", who, f"s-{who}", reserved=30, message={"budgets": [100, 1000, 5000]})
        write("result", who, f"s-{who}", 10)
    write("started", "ada", WAITING, reserved=30, message={"budgets": [100, 1000, 5000]})
    write("held", "ada", WAITING, 12, reserved=30)
    log.close()
    return tmp_path / "state"


@pytest.mark.parametrize("command", ["egress", "ledger"])
def test_a_log_that_is_not_there_is_not_shown_as_an_empty_one(tmp_path: Path, command: str) -> None:
    done = holder(command, "--state", str(tmp_path))
    assert isinstance(done.exception, KitError)
    assert "There is no egress log" in done.exception.message


@pytest.mark.parametrize(
    ("filters", "sequences"),
    [
        ([], [1, 2, 3, 4, 5, 6]),
        (["--participant=-bob"], [3, 4]),
        (["--kind", "result"], [2, 4]),
        (["--challenge", "other"], []),
        (["--phase", "development", "--participant", "ada", "--kind", "held"], [6]),
        (["--since", "2999-01-01"], []),
        (["--until", "2999-01-01"], [1, 2, 3, 4, 5, 6]),
        (["--until", "2000-01-01"], []),
    ],
    ids=str,
)
def test_the_egress_log_is_listed_and_filtered(state: Path, filters: list[str], sequences: list[int]) -> None:
    assert [line["sequence"] for line in asked("egress", "--state", str(state), *filters)] == sequences


def test_a_person_sees_fields_and_bits(state: Path) -> None:
    shown = holder("egress", "--state", str(state)).stdout
    assert "HYPERLINK" in shown and "10.00" in shown


def test_the_log_is_verified_against_the_runners_keys(state: Path, tmp_path: Path) -> None:
    ring = tmp_path / "keys.json"
    ring.write_text(KeyRing(runners=[KEYS.public]).model_dump_json())
    assert asked("egress", "--state", str(state), "--verify", "--keys", str(ring))["lines"] == 6
    ring.write_text(KeyRing(runners=[SecretKeys.generate(Role.BLIND).public]).model_dump_json())
    done = holder("egress", "--state", str(state), "--verify", "--keys", str(ring))
    assert isinstance(done.exception, KitError) and "not signed by a known runner" in done.exception.message


def test_a_tail_that_was_cut_off_is_named(state: Path) -> None:
    path = state / LOG
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
    done = holder("egress", "--state", str(state), "--verify")
    assert isinstance(done.exception, KitError)
    assert "cut off after line 4: 2 lines are missing, up to 6" in done.exception.message


def test_a_table_for_a_spreadsheet_starts_no_formula(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "egress.csv"
    assert asked("egress", "--state", str(state), "--csv", str(file))["lines"] == 6
    rows = list(csv.DictReader(file.open()))
    assert [row["value"] for row in rows if row["kind"] == "result"] == ["'=HYPERLINK(1)"] * 2
    assert {row["participant"] for row in rows} == {"ada", "'-bob"}
    assert isinstance(holder("egress", "--state", str(state), "--csv", str(file)).exception, KitError)


def test_the_ledger_shows_each_budget_and_what_is_left(state: Path) -> None:
    rows = {(row["scope"], row["participant"]): row for row in asked("ledger", "--state", str(state))}
    assert {scope: (row["spent"], row["reserved"], row["left"]) for scope, row in rows.items()} == {
        ("participant", "ada"): (10, 30, 60),
        ("participant", "-bob"): (10, 0, 90),
        ("challenge", ""): (20, 30, 950),
        ("dataset", ""): (20, 30, 4950),
    }
    assert "dataset survey" in holder("ledger", "--state", str(state)).stdout


def test_what_waits_is_shown_and_decided_once(state: Path) -> None:
    (line,) = asked("review", "--state", str(state))
    assert (line["submission"], line["fields"][0]["bits"]) == (WAITING, 12)
    assert asked("approve", WAITING, "--state", str(state))["approved"]
    decision = decision_on(state, WAITING)
    assert decision and decision.reason is None
    assert asked("review", "--state", str(state)) == []
    assert isinstance(holder("refuse", WAITING, "--state", str(state)).exception, KitError)


def test_a_reason_that_is_on_no_list_does_not_leave(state: Path) -> None:
    done = holder("refuse", WAITING, "--reason", "row 4711", "--state", str(state))
    assert isinstance(done.exception, KitError) and "no reason that may leave" in done.exception.message
    assert asked("refuse", WAITING, "--reason", "looks_like_data", "--state", str(state)) == {
        "submission": WAITING,
        "approved": False,
    }
    decision = decision_on(state, WAITING)
    assert decision and decision.reason == "looks_like_data"


@pytest.mark.parametrize("name", ["../egress", "s-ada", new_identifier()], ids=["a path", "no identifier", "unknown"])
def test_only_what_waits_can_be_decided_on(state: Path, name: str) -> None:
    assert isinstance(holder("approve", name, "--state", str(state)).exception, KitError)


@pytest.fixture
def challenge(tmp_path: Path) -> Path:
    folder = ChallengeFolder(tmp_path / "challenge")
    for name in ("train", "test", "labels"):
        path = folder.private_dir("development") / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    folder.card_path.write_bytes(CARD)
    return folder.root


def test_the_fingerprint_of_the_data_changes_with_each_file_and_one_file_can_be_proved(challenge: Path) -> None:
    before = asked("fingerprint", "--challenge", str(challenge))
    assert before["files"]["development/test.parquet"] == hashlib.sha256(b"test").hexdigest()
    proof = asked("fingerprint", "--challenge", str(challenge), "--prove", "development/test.parquet")
    assert parse_inclusion(json.dumps(proof).encode()).root() == before["root"]
    assert before["files"]["development/labels.parquet"] not in json.dumps(proof), "a hash of it alone"
    (challenge / "private" / "development" / "labels.parquet").write_bytes(b"corrected")
    after = asked("fingerprint", "--challenge", str(challenge))
    assert before["root"] != after["root"]
    assert after["root"] in holder("fingerprint", "--challenge", str(challenge)).stdout


class Keys:
    """A challenge whose blind runner has a key in ``blind.key``."""

    def __init__(self, challenge: Path) -> None:
        self.challenge, self.folder = ChallengeFolder(challenge), challenge.parent / "secure"
        self.do("keys", self.file("blind"))

    def file(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def do(self, *words: str) -> Any:
        return asked(*words, "--challenge", str(self.challenge.root))

    def fail(self, *words: str) -> str:
        before = self.challenge.keys_path.read_bytes()
        done = holder(*words, "--challenge", str(self.challenge.root))
        assert isinstance(done.exception, KitError), done.output
        assert self.challenge.keys_path.read_bytes() == before
        return str(done.exception)

    def states(self) -> list[str]:
        return [one["state"] for one in self.do("list-keys")]

    def signing(self, name: str) -> str:
        return read_secret_keys(Path(self.file(name))).public.signing

    def runner(self, *names: str) -> SecretKeys:
        return runner_keys([Path(self.file(name)) for name in names], self.challenge)


@pytest.fixture
def keys(challenge: Path) -> Keys:
    return Keys(challenge)


def test_a_new_key_is_listed_and_its_secret_half_is_its_owner_s_alone(keys: Keys) -> None:
    (made,) = keys.do("list-keys")
    assert (made["signing"], made["role"], made["state"]) == (keys.signing("blind"), "blind", "in use")
    assert Path(keys.file("blind")).stat().st_mode & 0o777 == 0o600
    shown = holder("list-keys", "--challenge", str(keys.challenge.root)).stdout
    assert made["signing"][:16] in shown and "in use" in shown


def test_a_rotation_puts_a_new_key_beside_the_old_one_which_then_ends(keys: Keys) -> None:
    done = keys.do("rotate-keys", keys.file("blind"), keys.file("next"), "--overlap", "7 days")
    days = datetime.fromisoformat(done["old"]["until"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < days < timedelta(days=7.1)
    first, second = keys.states()
    assert first.startswith("in use until") and second == "in use"
    assert Path(keys.file("next")).stat().st_mode & 0o777 == 0o600
    runner = keys.runner("blind", "next")
    assert runner.public.signing == keys.signing("next"), "the newest"
    assert len(runner.signers) == len(runner.held) == len(read_key_ring(keys.challenge.keys_path).recipients) == 2
    assert [one.signing for one in runner_keys([keys.folder], keys.challenge).signers] == [
        one.signing for one in runner.signers
    ], "a folder of key files does as well"


def test_without_an_overlap_the_old_key_ends_at_once_and_still_opens_what_was_sealed_before(keys: Keys) -> None:
    keys.do("rotate-keys", keys.file("blind"), keys.file("next"), "--overlap", "0 s")
    assert keys.states()[0].startswith("ended")
    runner = keys.runner("blind", "next")
    assert (len(runner.held), len(runner.signers)) == (2, 1)
    with pytest.raises(KitError, match=r"at their end.*rotate-keys"):
        keys.runner("blind")
    assert "not in use" in keys.fail("rotate-keys", keys.file("blind"), keys.file("third"))
    assert not Path(keys.file("third")).exists()


def test_the_default_overlap_is_thirty_days_and_the_next_steps_are_said(keys: Keys) -> None:
    where = ("--challenge", str(keys.challenge.root))
    said = " ".join(holder("rotate-keys", keys.file("blind"), keys.file("next"), *where).stdout.split())
    assert f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}" in said
    assert "Publish the kit again" in said and "Start the runner again" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["blind", "blind"], "exists already"),
        (["blind", "inside"], "inside the challenge folder"),
        (["missing", "next"], "No key file"),
        (["stranger", "next"], "not in use"),
        (["blind", "next", "--overlap", "soon"], "duration with its unit"),
    ],
    ids=lambda words: str(words),
)
def test_a_rotation_that_cannot_be_is_refused_and_changes_nothing(keys: Keys, words: list[str], said: str) -> None:
    write_secret_keys(Path(keys.file("stranger")), SecretKeys.generate(Role.BLIND))
    files = {"inside": str(keys.challenge.root / "next.key")}
    names = [files.get(word) or keys.file(word) for word in words[:2]]
    assert said in keys.fail("rotate-keys", *names, *words[2:])
    assert not Path(keys.file("next")).exists()


def test_a_revoked_key_is_out_of_use_for_ever_and_everywhere(keys: Keys) -> None:
    keys.do("rotate-keys", keys.file("blind"), keys.file("next"))
    old = keys.signing("blind")
    said = keys.do("revoke-key", old[:8], "--by", keys.file("next"), "--reason", "disk stolen")
    assert (said["key"], said["by"], said["reason"]) == (old, keys.signing("next"), "disk stolen")
    assert keys.states()[0].startswith("revoked") and keys.states()[0].endswith("disk stolen")
    assert len(read_key_ring(keys.challenge.keys_path).recipients) == 1
    with pytest.raises(KitError, match="disk stolen"):
        keys.runner("blind", "next")
    assert "was done before" in keys.fail("revoke-key", old, "--by", keys.file("next"))
    assert "may not revoke" in keys.fail("revoke-key", keys.signing("next"), "--by", keys.file("blind"))


def test_the_last_key_can_revoke_itself_and_then_new_ones_are_needed(keys: Keys) -> None:
    key, by = keys.signing("blind"), ("--by", keys.file("blind"))
    said = holder("revoke-key", key, *by, "--challenge", str(keys.challenge.root)).stdout
    assert "No key of a blind runner is left" in said
    with pytest.raises(KitError, match="No key of a blind runner"):
        _ = read_key_ring(keys.challenge.keys_path).recipients


def test_a_folder_without_a_key_file_is_told(keys: Keys) -> None:
    with pytest.raises(KitError, match=r"holds no file \*\.key"):
        runner_keys([keys.challenge.root], keys.challenge)


@pytest.mark.parametrize("name", ["", "0123456", "z" * 64, "."])
def test_a_key_is_named_by_enough_of_its_letters(keys: Keys, name: str) -> None:
    assert "list-keys" in keys.fail("revoke-key", name, "--by", keys.file("blind"))


def test_a_rehearsal_key_revokes_nothing_but_itself(keys: Keys) -> None:
    keys.do("keys", keys.file("rehearsal"), "--role", "rehearsal")
    by = ("--by", keys.file("rehearsal"))
    assert "may not revoke" in keys.fail("revoke-key", keys.signing("blind"), *by)
    keys.do("revoke-key", keys.signing("rehearsal"), *by)
    assert [state.split()[0] for state in keys.states()] == ["in", "revoked"]
