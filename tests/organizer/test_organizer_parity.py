"""The starter notebooks on the sample and on the real data: what differs is told, and no value of the data is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from support import long, make_notebook
from typer.testing import CliRunner

from participant_kit.challenge.errors import KitError
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.cli import console
from participant_kit.cli.main import app
from participant_kit.execution.errors import ExecutionError
from participant_kit.execution.notebook import Execution
from participant_kit.organizer import parity
from participant_kit.organizer.kit import build_kit
from participant_kit.organizer.parity import Parity, check_parity

ROOT = Path(__file__).parents[2]
SECRET = "a-value-4711"
CONSTANT = """
import pandas as pd
test = pd.read_parquet(f"{data_dir}/test.parquet")
test.assign(prediction=0.5).to_csv(f"{output_dir}/predictions.csv", index=False, columns=["patient", "prediction"])
"""
REAL = 'import pandas as pd\nreal = pd.read_parquet(f"{data_dir}/test.parquet").patient.min() > 10_000\n'
"""After this, ``real`` is true on the real data, whose patients begin at 20,001."""


@pytest.fixture
def apart(challenge: ChallengeFolder) -> ChallengeFolder:
    """The challenge, its sample's identifiers below those of the real data, in the environment of the tests."""
    text = challenge.codebook_path.read_text()
    challenge.codebook_path.write_text(text.replace("minimum: 20000,", "minimum: 1,"))
    for name in ("train", "test"):
        path = challenge.sample_dir / f"{name}.parquet"
        sample = pd.read_parquet(path)
        sample["patient"] = (sample.patient - sample.patient.min() + 1).astype("Int64")
        sample.to_parquet(path, index=False)
    (challenge.sample_dir / "guarantee.json").unlink()
    card = challenge.card_path.read_text()
    card = card.replace("cpus: 2", "cpus: 1")  # others wait for the same cores
    challenge.card_path.write_text(card.replace("environment:\n", "environment:\n  preload: [pandas]\n"))
    challenge.requirements_path.write_bytes((ROOT / "tests" / "requirements.txt").read_bytes())
    return ChallengeFolder(challenge.root)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[bool, Execution]:
    """How a run ends, on the sample (False) and on the real data (True), in place of a sandbox."""
    ends = {False: Execution(None), True: Execution(None)}
    monkeypatch.setattr(parity, "run_notebook", lambda notebook, data, *_, **__: ends[data.name != "sample_data"])
    monkeypatch.setattr(parity, "_working_sandbox", lambda card: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(parity, "ensure_environment", lambda *_, **__: None)
    return ends


def only(folder: ChallengeFolder, *cells: str) -> ChallengeFolder:
    """``folder`` with one starter notebook."""
    for path in folder.notebooks_dir.glob("*.ipynb"):
        path.unlink()
    (folder.notebooks_dir / "own.ipynb").write_bytes(make_notebook(*cells))
    return folder


def predictions(folder: ChallengeFolder, where: Path) -> bytes:
    patients = pd.read_parquet(where / "test.parquet").patient
    return b"patient,prediction\n" + b"".join(b"%d,0.5\n" % patient for patient in patients)


def valid(folder: ChallengeFolder, real: bool, **changed: object) -> Execution:
    where = folder.private_dir("development") if real else folder.sample_dir
    return Execution(predictions(folder, where), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("notebooks", [("02_baseline",), long(("01_explore", "02_baseline", "03_improve"))])
def test_the_notebooks_of_a_new_challenge_do_the_same_on_both(
    apart: ChallengeFolder, notebooks: tuple[str, ...]
) -> None:
    told: list[str] = []
    report = check_parity(apart, notebook=notebooks[0] if len(notebooks) == 1 else None, tell=told.append)
    assert [finding for finding in report.findings if finding.level == "error"] == []
    assert [pair.notebook for pair in report.pairs] == [f"{name}.ipynb" for name in notebooks]
    for pair in report.pairs:
        assert pair.sample.outcome == pair.real.outcome == "valid predictions"
        assert pair.sample.warnings == pair.real.warnings == {}
        assert pair.real.seconds > 0
    assert f"Running {notebooks[0]}.ipynb on the data of development" in told


def test_what_fails_on_the_real_data_alone_is_found_with_its_cell_and_class(apart: ChallengeFolder) -> None:
    codes = "codes = {'A': 0, 'B': 1, 'C': 2}\n"
    fails = f"print('{SECRET}')\nif real: codes['{SECRET}']"
    report = check_parity(only(apart, REAL, codes + fails, CONSTANT))
    (finding,) = report.findings
    assert (finding.level, finding.file, finding.cell) == ("error", "starter_notebooks/own.ipynb", 3)
    assert finding.found == "notebook, cell 3, KeyError"
    assert SECRET not in json.dumps(report.to_dict())


def test_warnings_are_counted_by_class_and_never_quoted(apart: ChallengeFolder) -> None:
    names = f"class {SECRET.replace('-', '_')}Warning(UserWarning): pass\n"
    warns = f"import warnings\nfor i in range(3):\n  if real: warnings.warn('{SECRET}' + str(i))\n"
    own = f"if real: warnings.warn('x', {SECRET.replace('-', '_')}Warning)"
    report = check_parity(only(apart, REAL, names + warns + own, CONSTANT))
    (finding,) = report.findings
    assert (finding.level, finding.found) == ("warning", "3 UserWarning, 1 other")
    assert report.pairs[0].sample.warnings == {}
    assert "4711" not in json.dumps(report.to_dict())


def test_nothing_of_a_hostile_run_is_repeated(apart: ChallengeFolder, runs: dict[bool, Execution]) -> None:
    runs[False] = valid(apart, False)
    runs[True] = Execution(
        None, "notebook", 4, f"Error{SECRET}", f"KeyError: {SECRET}", f"x.py:1: {SECRET}Warning: {SECRET}\n{SECRET}"
    )
    report = check_parity(only(apart, CONSTANT))
    assert report.pairs[0].real.outcome == "notebook, cell 4, other"
    assert SECRET not in json.dumps(report.to_dict())


def test_predictions_that_fit_one_of_the_two_are_found(apart: ChallengeFolder, runs: dict[bool, Execution]) -> None:
    runs[False] = runs[True] = valid(apart, False)
    (finding,) = check_parity(only(apart, CONSTANT)).findings
    assert finding.found == "output, unknown_rows"


@pytest.mark.parametrize(
    ("sample", "real", "found"),
    [
        ({"seconds": 3.4}, {"seconds": 41.7}, ["about 40 s"]),
        ({"seconds": 3.4}, {"seconds": 9.0}, []),
        ({"peak_memory": 100 << 20}, {"peak_memory": 1234 << 20}, ["about 1000 MiB"]),
        ({"peak_memory": None}, {"peak_memory": 1234 << 20}, []),
    ],
)
def test_time_and_memory_far_apart_are_a_warning_with_coarse_figures(
    apart: ChallengeFolder,
    runs: dict[bool, Execution],
    sample: dict[str, object],
    real: dict[str, object],
    found: list[str],
) -> None:
    runs[False], runs[True] = valid(apart, False, **sample), valid(apart, True, **real)
    findings = check_parity(only(apart, CONSTANT)).findings
    assert [finding.found for finding in findings] == found
    assert all(finding.level == "warning" for finding in findings)


def differing(folder: ChallengeFolder, how: str) -> Finding:
    """What is found when the real training rows are changed."""
    path = folder.private_dir("development") / "train.parquet"
    real = pd.read_parquet(path)
    match how:
        case "without a column":
            real = real.drop(columns="bmi")
        case "with another column":
            real["extra"] = SECRET
        case "in another order":
            real = real[list(reversed(real.columns))]
        case "another dtype":
            real["age"] = real.age.astype("float64")
        case "another level":
            real["ward"] = real.ward.cat.rename_categories({"A": SECRET})
    real.to_parquet(path, index=False)
    (finding,) = check_parity(only(folder, CONSTANT)).findings
    return finding


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("without a column", "with ['bmi']"),
        ("with another column", "without ['extra']"),
        ("in another order", "in another order"),
        ("another dtype", "Int64"),
        ("another level", "others"),
    ],
)
def test_tables_that_look_different_are_told(
    apart: ChallengeFolder, runs: dict[bool, Execution], how: str, found: str
) -> None:
    runs[False], runs[True] = valid(apart, False), valid(apart, True)
    finding = differing(apart, how)
    assert (finding.level, finding.file, finding.found) == ("error", "sample_data/train.parquet", found)
    assert SECRET not in str(finding)


@pytest.mark.parametrize(("asked", "message"), [({"phase": "last"}, "no phase"), ({"notebook": "x"}, "no starter")])
def test_a_phase_or_notebook_that_is_not_there_is_told(
    challenge: ChallengeFolder, asked: dict[str, str], message: str
) -> None:
    with pytest.raises(KitError, match=message) as raised:
        check_parity(challenge, **asked)  # type: ignore[arg-type]
    assert "Name one of" in raised.value.hint


def test_without_a_sandbox_nothing_is_compared_and_no_kit_is_built(
    challenge: ChallengeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(name: str) -> None:
        raise ExecutionError("bubblewrap is not installed.")

    monkeypatch.setattr(parity, "get_sandbox", none)
    with pytest.raises(KitError, match="sandbox cannot run on this machine: bubblewrap is not installed") as raised:
        build_kit(challenge)
    assert "--no-parity" in raised.value.hint
    assert not (challenge.root / "starter_kit.zip").exists()


def test_a_kit_is_not_built_over_a_failure_on_the_real_data(
    apart: ChallengeFolder, runs: dict[bool, Execution]
) -> None:
    runs[False], runs[True] = valid(apart, False), Execution(None, "notebook", 2, "ValueError")
    with pytest.raises(FindingsError, match="ValueError") as raised:
        build_kit(apart)
    assert "pkit challenge parity" in raised.value.hint
    assert build_kit(apart, parity=False).zip.exists()


def test_what_is_warned_of_does_not_stop_a_kit(apart: ChallengeFolder, runs: dict[bool, Execution]) -> None:
    runs[False], runs[True] = valid(apart, False, seconds=1.0), valid(apart, True, seconds=30.0)
    assert any("about 30 s" in finding.found for finding in build_kit(apart).warnings)


@pytest.fixture
def plain() -> Iterator[None]:
    """The command prints text, and so does the next one."""
    console._mode["json"] = False
    yield
    console._mode["json"] = False


@pytest.mark.usefixtures("plain")
def test_the_command_shows_both_runs_and_fails_on_an_error(apart: ChallengeFolder, runs: dict[bool, Execution]) -> None:
    runs[False], runs[True] = valid(apart, False, seconds=1.0, peak_memory=200 << 20), Execution(None, "timeout")
    words = ["challenge", "parity", str(only(apart, CONSTANT).root)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 1
    assert all(word in shown.stdout for word in ("own.ipynb", "valid predictions", "timeout", "200.0 MB", "1 error"))
    told = CliRunner().invoke(app, [*words, "--json", "--notebook", "own"])
    assert json.loads(told.stdout)["pairs"][0]["real"]["stage"] == "timeout"


def test_left_out_it_is_said(challenge: ChallengeFolder) -> None:
    done = CliRunner().invoke(app, ["challenge", "kit", str(challenge.root), "--no-parity"])
    assert done.exit_code == 0
    assert "Without parity" in done.stderr


def test_the_report_is_plain_data(apart: ChallengeFolder, runs: dict[bool, Execution]) -> None:
    runs[False], runs[True] = valid(apart, False), valid(apart, True)
    report = check_parity(only(apart, CONSTANT), phase="development")
    assert isinstance(report, Parity)
    assert json.loads(json.dumps(report.to_dict()))["findings"] == []
    assert nbformat.read(apart.notebooks_dir / "own.ipynb", as_version=4).cells
