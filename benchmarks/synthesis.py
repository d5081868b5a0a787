"""What samples of real tables are worth, and what they cost, beside peers' in the same run.

Run: python benchmarks/synthesis.py [TABLE ...] [--synthesizers NAME ...] [--epsilon E ...] [--seeds N]
     [--times N ...] [--peers [NAME ...]] [--all-columns | --without-giveaways] [--by-person] [--scale] [--json]

Of each table, seed by seed, a challenge is made. Models learn from a sample of as many rows as there are private ones
(or --times as many, 20,000 at most), and are tested on real rows that no synthesizer saw; beside them stand the same
models that learned from the private rows. The rows called "real" compare these held-out rows with the private ones: no
sample of that size comes closer. Distances are total variation, in [0, 1]: of each column by the codes of its codebook,
and of each pair of columns by at most 8 groups of codes, about equally frequent in the private rows. Figures are means
over the seeds with 95 % intervals.

Where a person has several rows, real rows teach models to know people again, and no sample may; with --by-person all
rows of one person are on one side of the split.

With --scale: seconds and memory for more rows (the private ones drawn again and again) and fewer columns.

Each synthesizer runs in a process of its own. Peers get the rows in the codes of the same codebook, and environments
of their own, which are made in a temporary folder, or kept in --environments.
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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from real_tables import MORE_TABLES, TABLES, RealTable, challenge_of
from scipy.stats import t as students_t
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.document import dump_document
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import conform, write_table
from participant_kit.organizer.synthesize.coding import Coding, codings

SCRIPTS = Path(__file__).parent / "peers"
PEERS = {"opendp": "OpenDP's MST", "dpmm": "dpmm's MST"}
KNOWN = {**TABLES, **MORE_TABLES}
MODELS = ("boosting", "logistic")
GROUPS = 8
MOST_ROWS = 20_000
"""No sample has more rows, as the project's own have not."""
SCALE_ROWS, SCALE_COLUMNS = (1, 10, 100), (10, 50, 197)
FIGURES = (*MODELS, *(f"{model}, below real" for model in MODELS), "column TV", "pair TV")
COSTS = ("seconds", "cpu_seconds", "mebibytes")

Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Subject:
    """A synthesizer of ours, or a peer with its environment, for one ``epsilon`` (None: it has no such thing).

    It draws ``times`` as many rows as there are private ones.
    """

    name: str
    epsilon: float | None = None
    python: Path | None = None
    times: int = 1

    @property
    def title(self) -> str:
        """How it is called in tables."""
        title = PEERS.get(self.name, self.name)
        title = title if self.epsilon is None else f"{title}, ε = {self.epsilon:g}"
        return title if self.times == 1 else f"{title}, {self.times} x rows"


@dataclass
class Figures:
    """The figures of one table (or size) and one synthesizer, by what was measured; a value for each seed."""

    table: str
    rows: int
    columns: int
    synthesizer: str
    values: dict[str, list[float]] = field(default_factory=dict)
    failure: str = ""

    def add(self, **values: float) -> None:
        """Note one seed."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)


class Failed(Exception):
    """A synthesizer gave no sample; the text says why."""


def main() -> None:
    """Measure what was asked for and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="table", help=f"of {', '.join(KNOWN)}; all if left out")
    parser.add_argument("--synthesizers", nargs="*", default=["private", "schema"], help="of ours (private schema)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="of opendp, dpmm; both if none is named")
    parser.add_argument("--environments", type=Path, help="where the peers' environments are, or are made and kept")
    parser.add_argument("--epsilon", nargs="+", type=float, default=[1.0], help="one or more (1)")
    parser.add_argument("--times", nargs="+", type=int, default=[1], help="rows of our samples for a private row (1)")
    parser.add_argument("--by-person", action="store_true", help="nobody has both training and test rows")
    parser.add_argument("--seeds", type=int, default=5, help="how many (5)")
    parser.add_argument("--all-columns", action="store_true", help="models see columns that tell the target, too")
    parser.add_argument("--without-giveaways", action="store_true", help="leave out columns that tell the target")
    parser.add_argument("--scale", action="store_true", help="seconds and memory by size instead")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one sample may take (600)")
    parser.add_argument("--json", action="store_true", help="the figures of each seed")
    given = parser.parse_args()
    if unknown := set(given.tables) - set(KNOWN):
        parser.error(f"unknown: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        asked = (list(PEERS) if given.peers == [] else given.peers) or []
        environments = given.environments or Path(temporary)
        subjects = list(all_subjects(given.synthesizers, given.epsilon, given.times, asked, environments))
        bench = Bench(Path(temporary), subjects, given.timeout, given.by_person)
        tables = all_tables(given.tables or list(KNOWN), given.without_giveaways)
        if given.all_columns:
            tables = (replace(table, giveaways=()) for table in tables)
        of_tables = (figures for table in tables for figures in bench.quality(table, given.seeds))
        found = bench.scale() if given.scale else of_tables
        if given.json:
            sys.stdout.write(json.dumps([asdict(figures) for figures in found]) + "\n")
        else:
            show(found, COSTS if given.scale else (*FIGURES, *COSTS))


def all_tables(names: Sequence[str], without_giveaways: bool) -> Iterator[RealTable]:
    """The tables that are installed; of the others it is said that they are not."""
    for name in names:
        try:
            table = KNOWN[name]()
            yield table.without_giveaways() if without_giveaways else table
        except FileNotFoundError as error:
            say(f"{name} is left out: {error}")


def all_subjects(
    ours: Sequence[str], epsilons: Sequence[float], times: Sequence[int], peers: Sequence[str], root: Path
) -> Iterator[Subject]:
    """Everything to be measured; peers whose environment cannot be made are left out."""
    for name in ours:
        for epsilon in [None] if name == "schema" else epsilons:
            yield from (Subject(name, epsilon, times=many) for many in times)
    for name in peers:
        if python := environment(name, root):
            for epsilon in epsilons:
                yield Subject(name, epsilon, python)
    if not peers:
        say(f"{' and '.join(PEERS.values())} are left out; --peers measures them too.")


def environment(name: str, root: Path) -> Path | None:
    """The Python of the peer's environment below ``root``, made unless it is there; None if that fails."""
    python = root / name / "bin" / "python"
    if not python.exists():
        say(f"An environment is made for {PEERS[name]}.")
        try:
            venv.create(root / name, with_pip=True)
            command = [python, "-m", "pip", "install", "--quiet", "--requirement", SCRIPTS / f"{name}.txt"]
            subprocess.run(command, check=True, stdout=sys.stderr, timeout=1800)
        except (OSError, subprocess.SubprocessError) as error:
            say(f"{PEERS[name]} is left out, it cannot be installed: {error}")
            shutil.rmtree(root / name, ignore_errors=True)
            return None
    return python


class Bench:
    """Measures ``subjects`` in folders below ``root``; a sample may take ``timeout`` seconds."""

    def __init__(self, root: Path, subjects: Sequence[Subject], timeout: float, by_person: bool) -> None:
        self.root, self.subjects, self.timeout, self.by_person = root, subjects, timeout, by_person

    def quality(self, table: RealTable, seeds: int) -> list[Figures]:
        """What the samples of ``table`` are worth."""
        shape = (table.name, len(table.frame), table.frame.shape[1])
        real = Figures(*shape, "real")
        of_subject = {subject: Figures(*shape, subject.title) for subject in self.subjects}
        for seed in range(seeds):
            folder = self.root / f"{table.name}-{seed}".replace("_", "-")
            challenge = challenge_of(table, folder, seed=seed, by_person=self.by_person)
            judge = Judge(challenge, table.giveaways, seed)
            real.add(**judge.real)
            for subject, figures in of_subject.items():
                if figures.failure:
                    continue
                say(f"{table.name}, seed {seed}: {subject.title}")
                try:
                    sample, costs = self.sample(subject, challenge, judge.train, seed)
                    figures.add(**judge.figures(sample), **costs)
                except Failed as failure:
                    figures.failure = str(failure)
            shutil.rmtree(challenge.root)
        return [real, *of_subject.values()]

    def scale(self) -> Iterator[Figures]:
        """Seconds and memory by rows and columns."""
        whole = TABLES["nhanes"]()
        features = [name for name in whole.frame if name not in (whole.identifier, whole.target)]
        for columns in SCALE_COLUMNS:
            chosen = np.linspace(0, len(features) - 1, columns - 1).astype(int)
            names = [whole.identifier, whole.target, *(features[index] for index in chosen)]
            challenge = challenge_of(replace(whole, frame=whole.frame[names]), self.root / f"scale-{columns}")
            train = private_rows(challenge)
            for times in SCALE_ROWS:
                rows = many_rows(challenge, train, times)
                for subject in self.subjects:
                    figures = Figures(whole.name, len(rows), columns, subject.title)
                    say(f"{len(rows)} rows, {columns} columns: {subject.title}")
                    try:
                        figures.add(**self.sample(subject, challenge, rows, 0)[1])
                    except Failed as failure:
                        figures.failure = str(failure)
                    yield figures
            shutil.rmtree(challenge.root)

    def sample(
        self, subject: Subject, challenge: ChallengeFolder, train: pd.DataFrame, seed: int
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """A sample of the private rows ``train`` of ``challenge``, and what it cost. Raises :class:`Failed`."""
        rows = min(len(train) * subject.times, MOST_ROWS)
        request: dict[str, Any] = {"epsilon": subject.epsilon, "rows": rows, "seed": seed}
        with tempfile.TemporaryDirectory(dir=self.root) as temporary:
            folder = Path(temporary)
            if subject.python is None:
                copy = shutil.copytree(challenge.root, folder / challenge.root.name)  # what is spent is written there
                allow(ChallengeFolder(copy), subject.epsilon)
                costs = self._run(
                    Path(sys.executable),
                    "ours.py",
                    folder,
                    request | {"synthesizer": subject.name, "challenge": str(copy)},
                )
                return pd.read_parquet(folder / "sample.parquet"), costs
            coded = codings(challenge.codebook.columns, [challenge.card.data.identifier])
            np.save(folder / "train.npy", encode(train, coded))
            request |= {"delta": challenge.card.privacy.delta, "sizes": [coding.size for coding in coded]}
            costs = self._run(subject.python, f"{subject.name}_mst.py", folder, request)
            return decode(np.load(folder / "sample.npy"), coded, challenge.codebook, seed), costs

    def _run(self, python: Path, script: str, folder: Path, request: dict[str, Any]) -> dict[str, float]:
        (folder / "request.json").write_text(json.dumps(request))
        command = [python, SCRIPTS / script, folder]
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {self.timeout:g} s") from None
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"ended with {error.returncode}"]
            raise Failed(lines[-1][:120]) from None
        costs: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return costs


def private_rows(challenge: ChallengeFolder) -> pd.DataFrame:
    """The rows that synthesizers see."""
    return pd.read_parquet(challenge.private_dir(challenge.card.phases[0].name) / "train.parquet")


def many_rows(challenge: ChallengeFolder, train: pd.DataFrame, times: int) -> pd.DataFrame:
    """Draw ``times`` as many rows from ``train``, give each an identifier, and make them the private rows."""
    identifier = challenge.card.data.identifier
    rows = train.sample(len(train) * times, replace=times > 1, random_state=times).reset_index(drop=True)
    rows[identifier] = (challenge.codebook.columns[identifier].minimum + rows.index).astype(train[identifier].dtype)
    for phase in challenge.card.phases:
        write_table(rows, challenge.private_dir(phase.name) / "train.parquet")
    return rows


def allow(challenge: ChallengeFolder, epsilon: float | None) -> None:
    """Let the card of ``challenge`` allow ``epsilon``."""
    if epsilon and epsilon > challenge.card.privacy.epsilon_limit:
        document = yaml.safe_load(challenge.card_path.read_text())
        document["privacy"] = {**document.get("privacy", {}), "epsilon_limit": epsilon}
        challenge.card_path.write_text(dump_document(document))


def encode(rows: pd.DataFrame, coded: Sequence[Coding]) -> Codes:
    """The codes of ``rows``, shape (rows, columns)."""
    return np.column_stack([coding.encode(rows[coding.name])[0] for coding in coded])


def decode(codes: Codes, coded: Sequence[Coding], codebook: Codebook, seed: int) -> pd.DataFrame:
    """Rows of ``codes``, shape (rows, columns)."""
    chance = np.random.default_rng(seed)
    columns = {coding.name: coding.decode(codes[:, index], chance) for index, coding in enumerate(coded)}
    return conform(pd.DataFrame(columns), codebook, [coding.name for coding in coded])


class Judge:
    """Judges samples of ``challenge`` by its real rows. Models do not see the columns ``giveaways``."""

    def __init__(self, challenge: ChallengeFolder, giveaways: Sequence[str], seed: int) -> None:
        data, self._columns, self._seed = challenge.card.data, challenge.codebook.columns, seed
        self._target = data.target
        self._features = [name for name in self._columns if name not in (data.identifier, data.target, *giveaways)]
        self._coded = codings(self._columns, [data.identifier])
        self.train = private_rows(challenge)
        self._test = pd.concat([self._held_out(challenge, phase.name) for phase in challenge.card.phases])
        self._distances = Distances(encode(self.train, self._coded), self._coded)
        self._real = self._scores(self.train)
        self.real: dict[str, float] = self._real | self._distances.of(encode(self._test, self._coded))

    def _held_out(self, challenge: ChallengeFolder, phase: str) -> pd.DataFrame:
        folder = challenge.private_dir(phase)
        test, labels = (pd.read_parquet(folder / f"{name}.parquet") for name in ("test", "labels"))
        rows: pd.DataFrame = test.merge(labels, on=challenge.card.data.identifier, validate="1:1")
        return rows[list(self.train.columns)]

    def figures(self, sample: pd.DataFrame) -> dict[str, float]:
        """Every figure of ``sample`` but its costs."""
        scores = self._scores(sample)
        below = {f"{model}, below real": self._real[model] - score for model, score in scores.items()}
        return scores | below | self._distances.of(encode(sample, self._coded))

    def _scores(self, rows: pd.DataFrame) -> dict[str, float]:
        """Area under the ROC curve, on real rows, of each model that learned from ``rows``."""
        known, truth = self._truth(rows), self._truth(self._test)
        if known.nunique() < 2:
            return dict.fromkeys(MODELS, 0.5)
        learn = self._inputs(rows).dropna(axis="columns", how="all")  # boosting fails at a column without values
        test = self._inputs(self._test)[learn.columns]
        boosting = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=self._seed)
        models = dict(zip(MODELS, (boosting, logistic()), strict=True))
        with threadpool_limits(1):  # threads that wait for each other take far longer on a machine that has other work
            return {
                name: float(roc_auc_score(truth, model.fit(learn, known).predict_proba(test)[:, 1]))
                for name, model in models.items()
            }

    def _truth(self, rows: pd.DataFrame) -> pd.Series[int]:
        values = rows[self._target]
        return (values.cat.codes if self._columns[self._target].type == "category" else values).astype("int64")

    def _inputs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Numbers (NaN is missing) and categories; text is left out."""
        kept = [name for name in self._features if self._columns[name].type != "text"]
        return pd.DataFrame({name: model_input(rows[name], self._columns[name]) for name in kept}, index=rows.index)


def model_input(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """``values`` as models take them: categories as they are, everything else as float64, a date as days."""
    if column.type == "category":
        return values
    if column.type == "date":
        return (values - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    return values.astype("float64")


def logistic() -> Any:
    """Logistic regression, for which missing values are the median and a column that says so."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (categories, make_column_selector(dtype_include="category")),
        (numbers, make_column_selector(dtype_exclude="category")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=2000))


class Distances:
    """Mean total variation distances from rows whose codes, shape (rows, columns), are ``codes``."""

    def __init__(self, codes: Codes, coded: Sequence[Coding]) -> None:
        self._sizes = [coding.size for coding in coded]
        self._shares = self._column_shares(codes)
        pairs = zip(self._shares, coded, strict=True)
        self._groups = [groups(shares, coding.is_ordered) for shares, coding in pairs]
        self._starts = np.cumsum([0, *(group.max() + 1 for group in self._groups)])
        self._pairs = self._pair_shares(codes)

    def of(self, codes: Codes) -> dict[str, float]:
        """The distances of ``codes``."""
        columns = [abs(a - b).sum() / 2 for a, b in zip(self._shares, self._column_shares(codes), strict=True)]
        cells, starts = abs(self._pairs - self._pair_shares(codes)), self._starts[:-1]
        blocks = np.add.reduceat(np.add.reduceat(cells, starts, axis=0), starts, axis=1) / 2
        pairs = blocks[np.triu_indices(len(starts), k=1)]
        return {"column TV": float(np.mean(columns)), "pair TV": float(pairs.mean())}

    def _column_shares(self, codes: Codes) -> list[npt.NDArray[np.float64]]:
        # A code beyond the last stands for what counts nowhere.
        counts = [np.bincount(codes[:, index], minlength=size)[:size] for index, size in enumerate(self._sizes)]
        return [count / len(codes) for count in counts]

    def _pair_shares(self, codes: Codes) -> npt.NDArray[np.float32]:
        """The shares of all pairs of groups of all columns, shape (groups, groups)."""
        present = np.zeros((len(codes), self._starts[-1]), dtype=np.float32)
        for index, (group, start, size) in enumerate(zip(self._groups, self._starts[:-1], self._sizes, strict=True)):
            here = np.flatnonzero(codes[:, index] < size)
            present[here, start + group[codes[here, index]]] = 1
        shares: npt.NDArray[np.float32] = present.T @ present / np.float32(len(codes))
        return shares


def groups(shares: npt.NDArray[np.float64], is_ordered: bool) -> npt.NDArray[np.int64]:
    """At most :data:`GROUPS` groups of codes, of about equal ``shares``: of neighbours, or of the rarest together."""
    order = np.arange(len(shares)) if is_ordered else np.argsort(-shares, kind="stable")
    middle = np.cumsum(shares[order]) - shares[order] / 2
    group = np.empty(len(shares), dtype=np.int64)
    group[order] = np.minimum((middle * GROUPS).astype(np.int64), GROUPS - 1)
    return np.unique(group, return_inverse=True)[1]


def show(found: Iterable[Figures], names: Sequence[str]) -> None:
    """Print one table in Markdown, each row as soon as it is there."""
    titles = [name.replace("_", " ").replace("mebibytes", "MiB") for name in names]
    write_row(["table", "rows", "columns", "synthesizer", *titles])
    write_row(["---"] * (4 + len(titles)))
    for figures in found:
        cells = [cell(name, figures.values.get(name, [])) for name in names]
        if figures.failure:
            cells[0] += f" ({figures.failure})"
        write_row([figures.table, f"{figures.rows:,}", str(figures.columns), figures.synthesizer, *cells])
    sys.stdout.write(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end\n")


def write_row(cells: Sequence[str]) -> None:
    """Print one row of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def cell(name: str, values: Sequence[float]) -> str:
    """The median of a cost, or the mean of a figure with its 95 % interval."""
    if not values:
        return "-"
    if name in COSTS:
        return f"{statistics.median(values):,.{1 if name != 'mebibytes' else 0}f}"
    mean = f"{statistics.mean(values):.3f}"
    if len(values) < 2:
        return mean
    half = students_t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean} ± {half:.3f}"


def say(text: str) -> None:
    """Tell, beside the figures, what is being done."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    main()
