"""Tasks by Codabench's convention: programs that are run unchanged, what was submitted, and everything bad of both."""

from __future__ import annotations

import io
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import make_notebook
from task_challenge import INGESTION, MODEL, RESULTS, SOLUTION, packed, write_tasks

from participant_kit.challenge.alphabet import REASONS, STAGES
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution import guest
from participant_kit.execution.environment import Environment
from participant_kit.execution.notebook import Execution
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.execution.task import TaskRunner

pytestmark = pytest.mark.sandbox

SUBMITTED = packed({"model.py": MODEL})


def runner_of(folder: ChallengeFolder, environment: Environment, *, keep_log: bool = False) -> TaskRunner:
    return TaskRunner(folder, environment, get_sandbox(), keep_log)


def score(
    root: Path, environment: Environment, submission: bytes = SUBMITTED, *, keep_log: bool = False, **programs: str
) -> Execution:
    """The first task, whose programs may be others, on what was submitted."""
    folder = write_tasks(root, sample=False, **programs)
    task = folder.card.tasks[0]
    data = folder.private_dir("development") / task.name
    return runner_of(folder, environment, keep_log=keep_log).score(task, data, submission, 1.5, None)


def test_a_notebook_is_run_and_scored_on_each_task(tmp_path: Path, environment: Environment) -> None:
    folder = write_tasks(tmp_path)
    data = folder.private_dir("development")
    scored = runner_of(folder, environment).run(make_notebook(SOLUTION), "development", data)
    assert scored.execution.stage is None, scored
    assert scored.scores == {"easy_accuracy": 1.0, "hard_accuracy": 0.75, "accuracy": 0.875}
    assert "LABELS" not in scored.execution.log


def test_a_notebook_may_write_results_where_there_is_no_ingestion_program(
    tmp_path: Path, environment: Environment
) -> None:
    folder = write_tasks(tmp_path)
    card = folder.card_path.read_text().replace(", ingestion: ingestion_program", "")
    folder.card_path.write_text(card)
    folder = ChallengeFolder(tmp_path)
    data = folder.private_dir("development")
    scored = runner_of(folder, environment).run(make_notebook(RESULTS), "development", data)
    assert scored.scores == {"easy_accuracy": 1.0, "hard_accuracy": 0.75, "accuracy": 0.875}


def test_a_sample_without_reference_data_is_ingested_and_not_scored(tmp_path: Path, environment: Environment) -> None:
    folder = write_tasks(tmp_path)
    for labels in list(folder.sample_dir.rglob("labels.txt")):
        labels.unlink()
        labels.parent.rmdir()
    runner = runner_of(folder, environment, keep_log=True)
    scored = runner.run(make_notebook(SOLUTION), None, folder.sample_dir)
    assert scored.scores is None and scored.execution.stage is None
    broken = runner.run(make_notebook(SOLUTION.replace("number >", "other >")), None, folder.sample_dir)
    assert broken.execution.stage == "output" and "NameError" in broken.execution.log


WHERE = """
import json, os
from pathlib import Path
scores = {
    "cwd": os.getcwd() == os.path.realpath("/app/program"),
    "program": Path("/app/program/score.py").is_file(),
    "reference": Path("/app/input/ref/labels.txt").is_file(),
    "input": Path("/app/input_data/numbers.txt").is_file(),
    "submitted": Path("/app/input/res/predictions.txt").is_file(),
    "shared": Path("/app/shared").is_dir(),
    "beside": Path("../input/ref").is_dir(),
    "walk": sum(len(files) for _, _, files in os.walk("/app/input/res")) == 3,
    "time": "elapsedTime: " in Path("/app/input/res/metadata").read_text(),
}
Path("left").write_text("a program may write beside itself, as it may there")
json.dump({"accuracy": min(scores.values()), **scores}, open("/app/output/scores.json", "w"))
"""


def test_a_scoring_program_finds_everything_where_codabench_has_it(tmp_path: Path, environment: Environment) -> None:
    done = score(tmp_path, environment, scoring=WHERE)
    assert done.output and b"false" not in done.output, done


LOOK = """
import os
from pathlib import Path
assert Path("/app/input_data/numbers.txt").is_file() and Path("/app/ingested_program/model.py").is_file()
assert os.path.realpath("/app/program") == os.getcwd()
for folder in ("/app", "/", "/app/input"):
    assert "labels.txt" not in str([names for _, _, names in os.walk(folder, followlinks=True)])
assert not Path("/app/input/ref").exists() and not Path("/reference").exists()
"""


def test_an_ingestion_program_sees_all_but_the_reference_data(tmp_path: Path, environment: Environment) -> None:
    assert score(tmp_path, environment, ingestion=LOOK + INGESTION).stage is None


def test_scores_may_be_lines_of_text(tmp_path: Path, environment: Environment) -> None:
    done = score(tmp_path, environment, scoring="open('/app/output/scores.txt', 'w').write('accuracy: 0.25')")
    assert done.output == b"accuracy: 0.25"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("pass", "wrote nothing that can be taken"),
        ("raise SystemExit(3)", "ended with an error"),
        ("open('/app/output/scores.json', 'w').write('1' * 100_000)", "wrote more than is taken"),
        ("import os; os.symlink('/app/input/ref/labels.txt', '/app/output/scores.txt')", "wrote what is no plain file"),
        ("x = b'x' * (2 << 30)", "used more memory than the card allows"),
        ("print(open('/app/input/ref/labels.txt').read()); 1 / 0", "ended with an error"),
    ],
)
def test_what_a_scoring_program_does_wrong_is_told_in_our_own_words(
    tmp_path: Path, environment: Environment, program: str, said: str
) -> None:
    done = score(tmp_path, environment, scoring=program)
    assert (done.stage, done.message) == ("scoring", f"The scoring program {said}.")
    assert done.reason in REASONS and not done.log


def test_an_ingestion_program_that_fails_is_a_failure_of_what_was_submitted(
    tmp_path: Path, environment: Environment
) -> None:
    done = score(tmp_path, environment, packed({"model.py": "raise ValueError(open('/app/input_data/numbers.txt'))"}))
    assert (done.stage, done.message) == ("output", "The ingestion program ended with an error.")


def test_results_are_scored_also_where_ingestion_wants_code(tmp_path: Path, environment: Environment) -> None:
    done = score(tmp_path, environment, packed({"predictions.txt": "0\n1\n0\n1\n"}))
    assert done.output == b'{"accuracy": 1.0}', done


def forged(name: str, content: bytes = b"x", mode: int = 0, compressed: bool = False, times: int = 1) -> bytes:
    """A zip that no guest of ours has made."""
    made = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(made, "w") as archive:
        for _ in range(times):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)
    return made.getvalue()


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (b"no zip", "unreadable"),
        (forged("../program/score.py"), "not_a_file"),
        (forged("/app/program/score.py"), "not_a_file"),
        (forged("a/../b"), "not_a_file"),
        (forged("link", b"/app/input/ref/labels.txt", 0o120777), "not_a_file"),
        (forged("bomb", bytes(1 << 24), compressed=True), "too_large"),
        (forged("small", bytes(1000), compressed=True), "too_large"),
        (forged("small", b"0123456789", compressed=True), "unreadable"),
        (forged("twice", times=2), "unreadable"),
        (forged("many", times=10_001), "too_large"),
    ],
    ids=["no zip", "climbs", "absolute", "dots", "link", "bomb", "small bomb", "compressed", "twice", "many"],
)
def test_a_forged_submission_is_refused(tmp_path: Path, submission: bytes, reason: str) -> None:
    with pytest.raises(guest.Failed) as raised:
        guest._unpack(submission, tmp_path / "unpacked")
    assert (raised.value.details["stage"], raised.value.details["reason"]) == ("output", reason)
    assert reason in REASONS and "output" in STAGES
    assert [path.name for path in tmp_path.iterdir()] == ["unpacked"]


@pytest.mark.parametrize("kind", ["ingestion", "scoring"])
def test_it_is_unpacked_in_the_sandbox_of_the_program_that_reads_it(
    tmp_path: Path, environment: Environment, kind: str
) -> None:
    folder = write_tasks(tmp_path, sample=False)
    task = folder.card.tasks[0].model_copy(update={} if kind == "ingestion" else {"ingestion": None})
    data = folder.private_dir("development") / task.name
    done = runner_of(folder, environment).score(task, data, forged("../program/score.py"), 0.0, None)
    assert (done.stage, done.reason) == ("output", "not_a_file"), done
    assert kind == "ingestion" or done.message == "What was submitted cannot be unpacked."


def many(folder: Path) -> None:
    for number in range(10_001):
        (folder / str(number)).touch()


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda folder: (folder / "link").symlink_to("/etc/passwd"), "not_a_file"),
        (lambda folder: (folder / "link").symlink_to("/etc"), "not_a_file"),
        (lambda folder: (folder / "hard").hardlink_to(folder / "fine"), "not_a_file"),
        (lambda folder: os.mkfifo(folder / "pipe"), "not_a_file"),
        (lambda folder: os.truncate(folder / "fine", 1 << 40), "too_large"),
        (lambda folder: (folder / os.fsdecode(b"\xff")).touch(), "not_a_file"),
        (many, "too_large"),
        (lambda folder: (folder / "fine").unlink(), "missing_output"),
    ],
    ids=["link", "link to a folder", "hard link", "pipe", "hole", "name", "many", "nothing"],
)
def test_what_is_no_plain_file_is_not_packed(tmp_path: Path, leave: Callable[[Path], None], reason: str) -> None:
    (tmp_path / "fine").touch()
    leave(tmp_path)
    with pytest.raises(guest.Failed) as raised:
        guest._pack(tmp_path, 1 << 20, False)
    assert raised.value.details["reason"] == reason


def test_what_is_packed_is_unpacked_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "left" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "left" / "deep" / "er" / "größe.bin").write_bytes(bytes(range(256)))
    (tmp_path / "left" / "model.py").write_text(MODEL)
    guest._unpack(guest._pack(tmp_path / "left", 1 << 20, False), tmp_path / "there")
    files = {
        path.relative_to(tmp_path / "there").as_posix() for path in (tmp_path / "there").rglob("*") if path.is_file()
    }
    assert files == {"deep/er/größe.bin", "model.py"}
    assert (tmp_path / "there" / "deep" / "er" / "größe.bin").read_bytes() == bytes(range(256))


def test_a_notebook_that_leaves_a_link_fails_with_it(tmp_path: Path, environment: Environment) -> None:
    folder = write_tasks(tmp_path)
    cell = "import os; os.symlink('/etc/passwd', output_dir + '/link')"
    scored = runner_of(folder, environment).run(make_notebook(cell), None, folder.sample_dir)
    assert (scored.execution.stage, scored.execution.reason) == ("output", "not_a_file")


TALK = """
import sys, time
from pathlib import Path
sys.path.insert(0, "/app/ingested_program")
from model import predict
shared = Path("/app/shared")
while not (shared / "question").exists():
    time.sleep(0.01)
(shared / "new").write_text(str(predict(float((shared / "question").read_text()))))
(shared / "new").rename(shared / "answer")
time.sleep(60)
"""
ASK = """
import json, time
from pathlib import Path
shared = Path("/app/shared")
(shared / "new").write_text("0.9")
(shared / "new").rename(shared / "question")
while not (shared / "answer").exists():
    time.sleep(0.01)
json.dump({"accuracy": float((shared / "answer").read_text())}, open("/app/output/scores.json", "w"))
"""


def beside(
    root: Path, environment: Environment, ingestion: str, scoring: str = ASK, kind: str = "bubblewrap"
) -> Execution:
    folder = write_tasks(root, sample=False, ingestion=ingestion, scoring=scoring)
    folder.card_path.write_text(folder.card_path.read_text().replace("program}", "program, beside: true}"))
    folder = ChallengeFolder(root)
    task = folder.card.tasks[0]
    assert task.beside
    runner = TaskRunner(folder, environment, get_sandbox(kind))
    return runner.score(task, folder.private_dir("development") / task.name, SUBMITTED, 0.0, None)


def left_over() -> list[Path]:
    return list(Path("/dev/shm").glob("pkit-shared-*"))


@pytest.mark.parametrize("kind", ["bubblewrap", "oci"])
def test_programs_beside_each_other_talk_in_the_shared_folder_and_end_together(
    tmp_path: Path, environment: Environment, kind: str
) -> None:
    if kind == "oci" and not shutil.which("crun"):
        pytest.skip("crun is not installed")
    done = beside(tmp_path, environment, LOOK + TALK, kind=kind)
    assert done.output == b'{"accuracy": 1.0}', done
    assert done.seconds < 30 and not left_over()


ABORTED = """
import json, time
from pathlib import Path
while not Path("/app/shared/abort").exists():
    time.sleep(0.01)
json.dump({"accuracy": -1}, open("/app/output/scores.json", "w"))
"""


def test_scoring_may_say_what_ingestion_that_has_failed_beside_it_is_worth(
    tmp_path: Path, environment: Environment
) -> None:
    done = beside(tmp_path, environment, "open('/app/shared/abort', 'w'); raise SystemExit(1)", ABORTED)
    assert done.output == b'{"accuracy": -1}', done


def test_ingestion_that_fails_beside_scoring_ends_it(
    tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("participant_kit.execution.task.GRACE", 1.0)
    done = beside(tmp_path, environment, "raise SystemExit(1)")
    assert (done.stage, done.message) == ("output", "The ingestion program ended with an error.")


@pytest.mark.parametrize(
    ("ingestion", "stage"),
    [
        ("import os; os.symlink('/app/input/ref/labels.txt', '/app/shared/answer')", "output"),
        ("import os; os.symlink('../input/ref/labels.txt', '/app/a'); os.rename('/app/a', '/app/shared/a')", "output"),
        ("import time\nopen('/app/shared/x', 'wb').write(bytes(63 << 20))\n"
         "open('/app/shared/y', 'wb').write(bytes(63 << 20))\ntime.sleep(20)", "disk"),
        ("import time\nfor i in range(10_010): open(f'/app/shared/{i}', 'w')\ntime.sleep(20)", "disk"),
    ],
    ids=["link", "link moved", "too much", "too many"],
)  # fmt: skip
def test_the_shared_folder_leads_nowhere_and_has_a_bound(
    tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch, ingestion: str, stage: str
) -> None:
    monkeypatch.setattr("participant_kit.execution.task.GRACE", 1.0)
    done = beside(tmp_path, environment, ingestion)
    assert done.stage == stage, done
    assert not left_over()
