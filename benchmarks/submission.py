"""One submission beside bare papermill on the same notebook and the same data, in one run.

Run: python benchmarks/submission.py [ROUNDS]

Rounds alternate, so that what else the machine does meets all alike. Printed are medians in seconds and
their ratio to bare papermill, which has no sandbox, no rehearsal, no scoring, no receipt and no tick.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.participant import Client
from participant_kit.secure_side.data import phase_folder
from participant_kit.secure_side.scoring import Scorer

PHASE = "development"


def main(rounds: int) -> None:
    """Start a demonstration, measure in it, end it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "demo")
        command = [sys.executable, "-m", "participant_kit.cli.main", "demo", "--folder", str(root), "--keep", "--json"]
        demo = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        os.environ.update(PKIT_HOME=str(root / "participant" / "home"), PKIT_KEYRING="off")
        try:
            show(measure(root, demo["gateway"], rounds), rounds)
        finally:
            subprocess.run(["pkill", f"-{signal.SIGTERM.value}", "-f", str(root)], check=False)
            time.sleep(3)  # they use the folder until they have ended


def measure(root: Path, gateway: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by what was measured."""
    challenge = ChallengeFolder(root / "holder" / "nhanes-diabetes")
    tables = phase_folder(challenge, PHASE)
    environment, sandbox = ensure_environment(challenge.requirements_path), get_sandbox("bubblewrap")
    scorer = Scorer(challenge, environment.prefix, sandbox)
    source = challenge.notebooks_dir / "02_baseline.ipynb"
    sent = root / "participant" / "nhanes-diabetes" / "starter_notebooks" / "measured.ipynb"
    predictions = b""

    def bare() -> None:
        with tempfile.TemporaryDirectory() as output:
            python = environment.prefix / "bin" / "python3"
            words = ["-p", "data_dir", str(tables), "-p", "output_dir", output, "--no-progress-bar", "-k", "python3"]
            command = [str(python), "-m", "papermill", str(source), str(Path(output, "out.ipynb")), *words]
            subprocess.run(command, check=True, capture_output=True, cwd=output)

    def sandboxed() -> None:
        nonlocal predictions
        done = run_notebook(source.read_bytes(), tables, challenge.card, environment, sandbox)
        assert done.output, done  # noqa: S101 - a failed run is no measurement
        predictions = done.output

    def scored() -> None:
        assert "scores" in scorer.score(predictions, tables)  # noqa: S101 - as above

    def submitted() -> None:
        notebook = json.loads(source.read_text())
        notebook["cells"][0]["source"] = f"Round {time.time()}"  # the same notebook again is the same submission
        sent.write_text(json.dumps(notebook))
        assert Client(gateway).submit(sent).wait(120).scores  # noqa: S101 - as above

    subjects: dict[str, Callable[[], None]] = {
        "bare papermill": bare,
        "in the sandbox": sandboxed,
        "scoring alone": scored,
        "submission: rehearsed, run blind, scored, signed": submitted,
    }
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for name, run in [pair for _ in range(rounds + 1) for pair in subjects.items()]:
        started = time.perf_counter()
        run()
        seconds[name].append(time.perf_counter() - started)
    return {name: values[1:] for name, values in seconds.items()}  # the first round warms up


def show(seconds: dict[str, list[float]], rounds: int) -> None:
    """Print medians and ratios."""
    peer = statistics.median(seconds["bare papermill"])
    sys.stdout.write(f"median of {rounds} rounds\n")
    for name, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values):.2f} to {max(values):.2f}"
        sys.stdout.write(f"{name:50} {median:6.2f} s  ({spread})  {median / peer:5.2f} x\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
