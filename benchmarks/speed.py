"""How long a participant waits for a score: ours beside bare papermill and other graders, one notebook, one run.

Run: python benchmarks/speed.py [--rounds N] [--graders FOLDER] [--figures NAME ...] [--notebooks N] [--seconds N]
     [--json FILE] [--plot FILE]

Gateway, runner and client are processes of their own on this machine; "submit to score" is from the click to the
verified receipt in the client's hands. Rounds alternate, so that what else the machine does meets all alike. The
completion tick is 100 ms. FOLDER is where the peers' environment is, or is made; without it nbgrader, otter-grader and
jupyter-scheduler are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from graders import Grade, expect, nbgrader, otter, papermill, run, scheduler, write
from house import House
from pyarrow import csv
from support import own_home

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.execution.sandbox.process import held_memory
from participant_kit.execution.warm import Ahead, WarmSandbox
from participant_kit.participant import Client
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.data import phase_folder
from participant_kit.secure_side.scoring import Scorer

ROOT = Path(__file__).parents[1]
PHASE = "development"
CELLS = [
    "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    'train = pd.read_parquet(f"{data_dir}/train.parquet")\ntest = pd.read_parquet(f"{data_dir}/test.parquet")',
    'model = LogisticRegression().fit(train[["x"]], train["ill"].astype(int))',
    'chance = model.predict_proba(test[["x"]])[:, 1]',
    'predictions = pd.DataFrame({"id": test["id"], "prediction": chance})',
    'predictions.to_csv(f"{output_dir}/predictions.csv", index=False)',
]
PEOPLE = 8
FIGURES = ("warm", "cold", "graders", "many", "memory", "rows", "long")


@dataclass
class Figure:
    """Seconds (bytes, for memory) of ours and of a peer in the same run, and the goal for their ratio."""

    name: str
    ours: list[float]
    peer: list[float]
    goal: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.ours) / statistics.median(self.peer)


class Bench:
    """Measures in ``house``, ``rounds`` times each after one round to warm up."""

    def __init__(self, house: House, rounds: int, root: Path) -> None:
        self.house, self.rounds, self.root = house, rounds, root
        self.tables = phase_folder(house.challenge, PHASE)
        self.environment = ensure_environment(house.challenge.requirements_path)
        self.cells = [f'data_dir, output_dir = "{self.tables}", "{root}"', *CELLS]
        self.notebook = root / "notebook.ipynb"
        write(self.notebook, self.cells)
        self.papermill = papermill(self.environment.prefix / "bin" / "python3", self.notebook, root)

    def alternate(self, *what: Callable[[], object]) -> list[list[float]]:
        """Seconds of each of ``what``, in turns, each after a second of rest: what is started ahead is up then."""
        seconds: list[list[float]] = [[] for _ in what]
        for number in range(self.rounds + 1):
            for one, into in zip(what, seconds, strict=True):
                time.sleep(1)
                begun = time.perf_counter()
                one()
                if number:
                    into.append(time.perf_counter() - begun)
        return seconds

    def submit(self) -> None:
        """From the click to the score."""
        submission = self.house.submit(*CELLS).wait(120)
        expect(submission.scores, submission.status)

    def one(self, name: str, goal: float, *options: str) -> list[Figure]:
        """One submission, beside papermill."""
        self.house.start_runner(Role.BLIND, "--jobs", "1", *options)
        time.sleep(5)  # what is started ahead is up
        ours, peer = self.alternate(self.submit, self.papermill)
        self.house.stop(Role.BLIND.value)
        return [Figure(f"submit to score, {name} / bare papermill", ours, peer, goal)]

    def graders(self, python: Path) -> list[Figure]:
        """One submission, beside those that execute what students hand in."""
        self.house.start_runner(Role.BLIND, "--jobs", "1")
        time.sleep(5)
        with ExitStack() as stack:
            peers: dict[str, Grade] = {
                "nbgrader autograde": nbgrader(python, self.cells, self.root),
                "jupyter-scheduler": stack.enter_context(scheduler(python, self.cells, self.root)),
                "otter run": otter(python, self.cells, self.root),
            }
            ours, *theirs = self.alternate(self.submit, *peers.values())
        self.house.stop(Role.BLIND.value)
        return [
            Figure(f"submit to score, warm / {name}", ours, peer, 0.1) for name, peer in zip(peers, theirs, strict=True)
        ]

    def many(self, count: int) -> list[Figure]:
        """``count`` notebooks of several people through one runner, beside as many by ``xargs``."""
        clients = [Client(self.house.address, self.house.token(f"person{n}", "participant")) for n in range(PEOPLE)]
        self.house.start_runner(Role.BLIND, "--jobs", "2")
        time.sleep(5)

        def ours() -> None:
            paths = [self.house.write(*CELLS) for _ in range(count)]
            with ThreadPoolExecutor(PEOPLE) as pool:
                sent = list(pool.map(lambda pair: clients[pair[0] % PEOPLE].submit(pair[1]), enumerate(paths)))
                expect(all(pool.map(lambda one: one.wait(600).scores is not None, sent)), "one has no score")

        def peer() -> None:
            names = "\n".join(str(number) for number in range(count))
            python = self.environment.prefix / "bin" / "python3"
            one = f"{python} -m papermill {self.notebook} {self.root}/_.ipynb --no-progress-bar -k python3"
            command = f"xargs -P2 -I_ sh -c '{one} || {one}'"  # two kernels may want the same port
            subprocess.run(["sh", "-c", command], input=names, text=True, check=True, capture_output=True)

        rounds, self.rounds = self.rounds, max(1, self.rounds // 5)
        mine, theirs = self.alternate(ours, peer)
        self.rounds = rounds
        self.house.stop(Role.BLIND.value)
        return [Figure(f"{count} notebooks, one runner with 2 jobs / papermill with xargs -P2", mine, theirs, 0.3)]

    def memory(self) -> list[Figure]:
        """What one more waiting sandbox takes, by the kernel's count of what is shared, and what it may take."""
        goals = {"template": 60 << 20, "bubblewrap": 250 << 20}
        return [
            Figure(f"memory of one more waiting sandbox, {kind} / goal", [self._one_more(kind)], [goal], 1, "bytes")
            for kind, goal in goals.items()
        ]

    def _one_more(self, kind: str) -> float:
        held = {}
        for count in (1, 5):
            sandbox = get_sandbox(kind)
            warm = [WarmSandbox(sandbox, 1 << 30) for _ in range(count)]
            for one in warm:
                run_notebook(b"", self.tables, self.house.challenge.card, self.environment, Ahead(one))
            before = 0
            while (now := held_memory(os.getpid())) > before * 1.01:
                before = now
                time.sleep(5)
            held[count] = now
            for one in warm:
                one.close()
        return (held[5] - held[1]) / 4

    def rows(self) -> list[Figure]:
        """Ten million predictions as CSV, scored in a sandbox of two gibibytes, beside the goal of five seconds."""
        tables, count = self.root / "rows", 10_000_000
        tables.mkdir()
        chance = np.random.default_rng(0)
        identifier, ill = np.arange(count), chance.integers(0, 2, count)
        pq.write_table(pa.table({"id": identifier, "x": identifier}), tables / "test.parquet")
        pq.write_table(pa.table({"id": identifier, "ill": ill}), tables / "labels.parquet")
        csv.write_csv(pa.table({"id": identifier, "prediction": chance.random(count).round(3)}), tables / "sent.csv")
        text = self.house.challenge.card_path.read_text().replace("memory: 1 GiB", "memory: 2 GiB")
        folder = self.root / "large"
        shutil.copytree(self.house.challenge.root, folder)
        (folder / "challenge.yaml").write_text(text.replace("disk: 64 MiB", "disk: 256 MiB"))
        sandbox = get_sandbox("template")
        scorer = Scorer(ChallengeFolder(folder), self.environment.prefix, sandbox)
        sent = (tables / "sent.csv").read_bytes()

        def score() -> None:
            expect("scores" in (said := scorer.score(sent, tables)), said)

        rounds, self.rounds = self.rounds, 3
        (ours,) = self.alternate(score)
        self.rounds = rounds
        sandbox.close()
        return [Figure("10,000,000 predictions (CSV, two metrics) scored in 2 GiB / goal", ours, [5.0], 1)]

    def long(self, seconds: float) -> list[Figure]:
        """A notebook that computes for ``seconds``."""
        work = "def work(count, x=0):\n    for i in range(count):\n        x += i * i\n    return x\n"
        count, scope = 5_000_000, dict[str, Callable[[int], int]]()
        exec(work, scope)  # noqa: S102 - the same as in the cell
        begun = time.perf_counter()
        scope["work"](count)
        work += f"work({count * seconds / (time.perf_counter() - begun):.0f})"
        write(self.root / "long.ipynb", [self.cells[0], work, *CELLS])
        python = self.environment.prefix / "bin" / "python3"
        bare = papermill(python, self.root / "long.ipynb", self.root)
        card = self.house.challenge.card
        limits = card.limits.model_copy(update={"wall_time": card.limits.wall_time * 10})
        card = card.model_copy(update={"limits": limits})
        sandbox = get_sandbox("template")
        path = self.house.write(work, *CELLS)

        def ours() -> None:
            done = run_notebook(path.read_bytes(), self.tables, card, self.environment, sandbox)
            expect(done.output, done)

        rounds, self.rounds = self.rounds, 3
        mine, theirs = self.alternate(ours, bare)
        self.rounds = rounds
        sandbox.close()
        return [Figure(f"a notebook of {seconds:.0f} s / bare papermill", mine, theirs, 1.01)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="after one to warm up (10)")
    parser.add_argument("--graders", type=Path, help="where the peers' environment is, or is made and kept")
    parser.add_argument("--figures", nargs="*", choices=FIGURES, default=FIGURES, help="which; all if left out")
    parser.add_argument("--notebooks", type=int, default=40, help="how many are sent at once (40)")
    parser.add_argument("--seconds", type=float, default=60, help="how long the long notebook computes (60)")
    parser.add_argument("--json", type=Path, help="a file for the seconds of each round")
    parser.add_argument("--plot", type=Path, help="a file for the picture, .svg or .png")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, own_home(Path(folder, "home")):
        root = Path(folder)
        (root / "house").mkdir()
        (root / "bench").mkdir()
        House.warm = "1 GiB"  # as a runner has it
        house = House(root / "house", (Role.BLIND,), quota=100_000)
        try:
            house.open(runners=False)
            found = list(show(measure(Bench(house, given.rounds, root / "bench"), given)))
        finally:
            house.close()
    if given.json:
        given.json.write_text(json.dumps([asdict(figure) for figure in found], indent=1) + "\n")
    if given.plot:
        plot(found, given.plot)


def measure(bench: Bench, given: argparse.Namespace) -> Iterator[Figure]:
    """What was asked for, each as soon as it is there."""
    steps: dict[str, Callable[[], list[Figure]]] = {
        "warm": lambda: bench.one("warm", 0.25),
        "cold": lambda: bench.one("cold", 1.3, "--sandbox", "bubblewrap", "--warm", "0 B"),
        "many": lambda: bench.many(given.notebooks),
        "memory": bench.memory,
        "rows": bench.rows,
        "long": lambda: bench.long(given.seconds),
    }
    if given.graders:
        steps["graders"] = lambda: bench.graders(environment(given.graders.absolute()))
    for name in FIGURES:
        if name in given.figures and name in steps:
            print(f"Measuring: {name}", file=sys.stderr)
            yield from steps[name]()


def environment(folder: Path) -> Path:
    """The Python of the peers' environment in ``folder``, made unless it is there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        files = (ROOT / "benchmarks" / "peers" / "graders.txt", ROOT / "tests" / "requirements.txt")
        run([python, "-m", "pip", "install", "--quiet", *(word for file in files for word in ("-r", file))])
    return python


def show(found: Iterable[Figure]) -> Iterator[Figure]:
    """The same, and each is a row of a table."""
    print("| figure | ours, median | peer, median | ratio | goal |\n|---|---|---|---|---|")
    for figure in found:
        scale, unit = (1, "s") if figure.unit == "s" else (1 / (1 << 20), "MiB")
        ours, peer = (statistics.median(values) * scale for values in (figure.ours, figure.peer))
        row = (figure.name, f"{ours:.2f} {unit}", f"{peer:.2f} {unit}", f"{figure.ratio:.3f}", f"at most {figure.goal}")
        print(f"| {' | '.join(row)} |", flush=True)
        yield figure


def plot(found: Sequence[Figure], path: Path) -> None:
    """Each ratio beside its goal."""
    import matplotlib as mpl

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    mpl.rcParams["svg.hashsalt"] = "participant-kit"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(found) + 1), layout="constrained")
    names = [one.name for one in reversed(found)]
    axes.barh(names, [one.ratio for one in reversed(found)], color="#2a6f97", height=0.5)
    for place, one in enumerate(reversed(found)):
        axes.plot([one.goal] * 2, [place - 0.4, place + 0.4], color="#d1495b", linewidth=2)
    figure.supxlabel("ours / peer, of the medians of one run; red: the goal", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
