"""The egress log: every line on disk before it leaves, chained, one writer, right after a crash."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from participant_kit.protocol.keys import KeyRing, Role, SecretKeys, held_together
from participant_kit.secure_side.egress import GENESIS, HEAD, EgressLog, Head, LoggedField, read_egress
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.ledger import Account, Ledger
from participant_kit.secure_side.record import ChallengeRecord

KEYS, OTHER = SecretKeys.generate(Role.BLIND), SecretKeys.generate(Role.BLIND)


def write(
    log: EgressLog, submission: str, bits: float = 2.0, participant: str = "ada", *, kind: str = "result", **more: Any
) -> None:
    message = {"budgets": more.pop("budgets")} if "budgets" in more else {"sent": submission}
    log.append(
        kind=kind,
        challenge="small",
        phase="development",
        participant=participant,
        submission=submission,
        fields=[LoggedField(name="state", value="scored", bits=bits)],
        message=message,
        **more,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = EgressLog(tmp_path / "egress.jsonl", KEYS)
    for number in range(3):
        write(log, f"s-{number}")
    write(log, "s-3", participant="bob")
    log.close()
    return tmp_path / "egress.jsonl"


def test_lines_are_read_back_and_bits_add_up_by_participant(path: Path) -> None:
    log = EgressLog(path, KEYS)
    assert [line.submission for line in read_egress(path)] == ["s-0", "s-1", "s-2", "s-3"]
    balances = log.ledger.balances
    assert balances[Account("participant", "small", "development", "ada")].spent == 6
    assert balances[Account("participant", "small", "final", "ada")].spent == 0
    assert balances[Account("challenge", "small")].spent == 8
    assert log.ledger.lines["s-1", "result"].message == {"sent": "s-1"}
    log.close()


def test_only_the_owner_can_read_the_log(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_edited_line_is_found(path: Path, number: int) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace('"bits":2.0', '"bits":0.0')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(SecureSideError, match=f"Line {number} "):
        read_egress(path)


def test_a_missing_line_is_found(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(SecureSideError, match="Line 2 "):
        EgressLog(path, KEYS)


def test_a_line_that_a_crash_tore_was_never_sent_and_is_set_aside(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"sequence": 5, "time": "2026-')
    log = EgressLog(path, KEYS)
    write(log, "s-5")
    log.close()
    assert [line.submission for line in read_egress(path)] == ["s-0", "s-1", "s-2", "s-3", "s-5"]
    assert "2026-" in path.with_suffix(".torn").read_text()


def test_two_runners_with_the_same_keys_cannot_write_one_log(path: Path) -> None:
    log = EgressLog(path, KEYS)
    script = (
        "from pathlib import Path; from participant_kit.secure_side.egress import EgressLog; "
        "from participant_kit.protocol.keys import SecretKeys; "
        f"EgressLog(Path({str(path)!r}), SecretKeys.model_validate_json({KEYS.model_dump_json()!r}))"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "Another runner with the same keys writes" in other.stderr
    log.close()


def test_a_full_disk_releases_nothing_and_leaves_the_log_whole(path: Path) -> None:
    log = EgressLog(path, KEYS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        with pytest.raises(SecureSideError, match="nothing is released"):
            write(log, "s-4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert log.count == 4
    write(log, "s-4")
    log.close()
    assert json.loads(path.read_text().splitlines()[-1])["submission"] == "s-4"
    assert len(read_egress(path)) == 5


def test_runners_of_several_challenges_share_a_log_and_see_one_another_s_bits(path: Path) -> None:
    log, other = EgressLog(path, KEYS), EgressLog(path, OTHER)
    dataset = Account("dataset", dataset="survey")
    for number in range(5):
        write(log, f"a-{number}", dataset="survey")
        write(other, f"b-{number}", bits=3, dataset="survey")
    with log.held():
        assert log.ledger.balances[dataset].spent == 25
    log.close()
    other.close()
    assert len(read_egress(path, [KEYS.public.signing, OTHER.public.signing])) == 14


def test_what_one_runner_wrote_is_never_sent_twice_by_another(path: Path) -> None:
    log, other = EgressLog(path, KEYS), EgressLog(path, OTHER)
    write(log, "s-9")
    with other.held():
        assert ("s-9", "result") in other.ledger.lines
    log.close()
    other.close()


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_tail_that_was_cut_off_is_found_and_named(path: Path, kept: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:kept]))
    with pytest.raises(SecureSideError, match=f"cut off after line {kept}: {4 - kept} line"):
        read_egress(path)
    with pytest.raises(SecureSideError, match="cut off"):
        EgressLog(path, KEYS)


def test_a_log_that_is_gone_altogether_is_missed_by_its_head(path: Path) -> None:
    path.unlink()
    with pytest.raises(SecureSideError, match="cut off after line 0"):
        read_egress(path)


def test_a_head_that_is_gone_is_missed_by_its_log(path: Path) -> None:
    path.with_name(HEAD).unlink()
    with pytest.raises(SecureSideError, match=r"signed head of the egress log, .*, is missing"):
        read_egress(path)


def forge(path: Path, keys: SecretKeys | None) -> None:
    """Rewrite the log without its second line, every hash made anew, and its head, signed with ``keys``."""
    lines, previous = [line for line in read_egress(path) if line.sequence != 2], GENESIS
    for number, line in enumerate(lines, 1):
        changed = line.model_copy(update={"sequence": number, "previous": previous, "hash": ""})
        lines[number - 1] = changed.model_copy(update={"hash": changed.digest()})
        previous = lines[number - 1].hash
    path.write_text("".join(line.model_dump_json() + "\n" for line in lines))
    head = Head.model_validate_json(path.with_name(HEAD).read_bytes())
    head = head.model_copy(update={"sequence": len(lines), "hash": previous})
    if keys:
        signature = keys.signer.sign(bytes.fromhex(previous)).hex()
        head = head.model_copy(update={"key": keys.public.signing, "signature": signature})
    path.with_name(HEAD).write_text(head.model_dump_json())


def test_a_log_made_anew_by_somebody_without_the_key_is_found(path: Path) -> None:
    forge(path, None)
    with pytest.raises(SecureSideError, match="not signed by a known runner"):
        read_egress(path)


def test_a_log_made_anew_with_another_key_is_found_by_who_knows_the_runners(path: Path) -> None:
    forge(path, OTHER)
    with pytest.raises(SecureSideError, match="not signed by a known runner"):
        read_egress(path, [KEYS.public.signing])


def test_a_line_after_the_head_is_what_a_crash_between_the_two_leaves(path: Path) -> None:
    head = path.with_name(HEAD).read_bytes()
    log = EgressLog(path, KEYS)
    write(log, "s-4")
    log.close()
    path.with_name(HEAD).write_bytes(head)
    log = EgressLog(path, KEYS)
    assert log.count == 5
    write(log, "s-5")
    log.close()
    assert len(read_egress(path, [KEYS.public.signing])) == 6


@pytest.mark.parametrize("how", ["shorter", "replaced", "removed"])
def test_a_log_that_is_changed_under_a_runner_stops_it(path: Path, how: str) -> None:
    log = EgressLog(path, KEYS)
    content = path.read_bytes()
    if how == "shorter":
        path.write_bytes(b"".join(content.splitlines(keepends=True)[:2]))
    else:
        path.unlink()
    if how == "replaced":
        path.write_bytes(content)
    with pytest.raises(SecureSideError, match="became shorter"):
        write(log, "s-4")
    log.close()


def test_the_work_of_a_line_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []
    enter = Ledger.enter
    monkeypatch.setattr(Ledger, "enter", lambda self, line: (entered.append(line.submission), enter(self, line))[1])
    log = EgressLog(tmp_path / "egress.jsonl", KEYS)
    for number in range(50):
        write(log, f"s-{number}")
    log.close()
    assert entered == [f"s-{number}" for number in range(50)]


RING = KeyRing(runners=[KEYS.public, OTHER.public])
ENDED = KeyRing(runners=[KEYS.public.model_copy(update={"until": datetime(2026, 1, 1, tzinfo=UTC)}), OTHER.public])
REVOKED = RING.model_copy(update={"revocations": [OTHER.revoke(KEYS.public.signing, "disk stolen")]})


@pytest.mark.parametrize(
    "keys",
    [held_together([KEYS, OTHER], RING), held_together([OTHER], ENDED), held_together([OTHER], REVOKED)],
    ids=["both keys", "the old one has ended", "the old one was revoked"],
)
def test_what_was_begun_with_the_old_keys_is_ended_with_the_new_ones(path: Path, keys: SecretKeys) -> None:
    log = EgressLog(path, KEYS)
    write(log, "s-9", bits=0, kind="started", reserved=30, budgets=[1, 2, 3])
    log.close()
    log = EgressLog(path, keys)
    record = ChallengeRecord(log, "survey")
    assert [binding.submission for binding in record.abandoned("small")] == ["s-9"]
    write(log, "s-9", bits=5, kind="stopped")
    assert log.ledger.balances[Account("challenge", "small")].reserved == 0
    assert record.abandoned("small") == []
    log.close()
    assert len(read_egress(path, [one.signing for one in RING.runners])) == 6


def test_what_another_runner_has_begun_is_its_own_to_end(path: Path) -> None:
    log, other = EgressLog(path, KEYS), EgressLog(path, held_together([OTHER], RING))
    write(log, "s-9", bits=0, kind="started", reserved=30, budgets=[1, 2, 3])
    with other.held():
        assert ChallengeRecord(other, "survey").abandoned("small") == []
    log.close()
    other.close()


def test_a_runner_that_still_works_with_a_retired_key_ends_its_own_work(path: Path) -> None:
    log, other = EgressLog(path, KEYS), EgressLog(path, held_together([OTHER], ENDED))
    write(log, "s-9", bits=0, kind="started", reserved=30, budgets=[1, 2, 3])
    with other.held():
        assert ChallengeRecord(other, "survey").abandoned("small") == []
    log.close()
    other.close()


def test_nobody_else_writes_with_any_of_a_runner_s_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire = FileLock.acquire
    monkeypatch.setattr(FileLock, "acquire", lambda lock, timeout=None, **more: acquire(lock, timeout=0, **more))
    log = EgressLog(path, held_together([OTHER, KEYS], RING))
    for keys in (KEYS, OTHER):
        with pytest.raises(SecureSideError, match="same keys"):
            EgressLog(path, keys)
    log.close()
    EgressLog(path, KEYS).close()
