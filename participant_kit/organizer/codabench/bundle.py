"""A Codabench bundle on the disk: a folder or a zip, read and checked whole before anything is made of it."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

from participant_kit.challenge.document import line_of, read_document
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.organizer.codabench.archive import unpack
from participant_kit.organizer.codabench.competition import NAME, Competition, Leaderboard, Phase, Task

DATA = ("input_data", "reference_data")
PROGRAMS = ("ingestion_program", "scoring_program")


@dataclass(frozen=True)
class Bundle:
    """``competition.yaml`` and what lies beside it.

    ``scratch`` is a folder for what is in its zips. ``repeated`` are keys that stand twice, with their lines;
    ``litter`` counts what a file manager left behind.
    """

    root: Path
    competition: Competition
    scratch: Path
    repeated: list[tuple[str, int]] = field(default_factory=list)
    litter: int = 0

    def path(self, name: str) -> Path:
        """The file or folder that a key names; it is there and within the bundle, or :class:`FindingsError`."""
        if problem := self._problem(name):
            raise FindingsError([Finding(NAME, "a file or folder of the bundle", f"{name!r}, {problem}")])
        return self.root / name

    def folder(self, name: str) -> Path:
        """The folder that a key names, or what is in the zip that it names."""
        path = self.path(name)
        if path.is_dir():
            return path
        unpacked = self.scratch / hashlib.sha256(name.encode()).hexdigest()
        if not unpacked.exists():
            unpacked.mkdir()
            unpack(path, unpacked, name)
        return unpacked

    def _problem(self, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            return "which leads out of it"
        steps = [self.root.joinpath(*path.parts[: length + 1]) for length in range(len(path.parts))]
        if any(step.is_symlink() for step in steps):
            return "which is a link"
        return "" if (self.root / path).exists() else "which is not there"

    def check(self) -> list[Finding]:
        """Every mistake in what the keys say together, and in the files that they name."""
        return [*self._check_files(), *self._check_tasks(), *self._check_phases(), *self._check_leaderboards()]

    def _finding(self, expected: str, found: str, *loc: str | int) -> Finding:
        return Finding(NAME, expected, found, ".".join(map(str, loc)), line_of(self.root / NAME, *loc))

    def _check_files(self) -> Iterator[Finding]:
        competition = self.competition
        texts: list[tuple[str, tuple[str | int, ...]]] = [(competition.terms, ("terms",))]
        texts += [(page.file, ("pages", number, "file")) for number, page in enumerate(competition.pages)]
        for name, loc in texts:
            if problem := self._problem(name):
                yield self._finding("a page of the bundle", f"{name!r}, {problem}", *loc)
            elif not (self.root / name).is_file() or not (self.root / name).stat().st_size:
                yield self._finding("a page with text in it", f"{name!r}, which has none", *loc)
        if problem := self._problem(competition.image):
            yield self._finding("an image of the bundle", f"{competition.image!r}, {problem}", "image")
        for number, task in enumerate(competition.tasks):
            for kind in (*DATA, *PROGRAMS):
                if name := getattr(task, kind):
                    yield from self._check_folder(name, "tasks", number, kind)
        for number, phase in enumerate(competition.phases):
            for kind in ("starting_kit", "public_data"):
                if name := getattr(phase, kind):
                    yield from self._check_folder(name, "phases", number, kind)
        for number, solution in enumerate(competition.solutions):
            if solution.path:
                yield from self._check_folder(solution.path, "solutions", number, "path")

    def _check_folder(self, name: str, *loc: str | int) -> Iterator[Finding]:
        problem = self._problem(name)
        if not problem:
            if (self.root / name).is_file() and not name.endswith(".zip"):
                yield self._finding("a folder or a zip", f"{name!r}, a file", *loc)
        elif is_key(name):
            yield self._finding("a folder or a zip of the bundle (dump it with its files)", f"the key {name}", *loc)
        else:
            yield self._finding("a folder or a zip of the bundle", f"{name!r}, {problem}", *loc)

    def _check_tasks(self) -> Iterator[Finding]:
        tasks = self.competition.tasks
        for index, times in Counter(task.index for task in tasks).items():
            if times > 1:
                number = [task.index for task in tasks].index(index)
                yield self._finding("an index of its own for each task", f"{times} tasks {index}", "tasks", number)
        for number, task in enumerate(tasks):
            if task.key is not None:
                expected = "a task with its files (dump the bundle with files, not keys)"
                yield self._finding(expected, f"the key {task.key}", "tasks", number, "key")
            elif task.scoring_program is None:
                yield self._finding("a scoring_program", "none", "tasks", number)
            elif task.ingestion_only_during_scoring and task.ingestion_program is None:
                yield self._finding("an ingestion_program beside it", "none", "tasks", number)
        known = {task.index for task in tasks}
        parts = [("phases", phase.tasks) for phase in self.competition.phases]
        parts += [("solutions", solution.tasks) for solution in self.competition.solutions]
        seen: Counter[str] = Counter()
        for where, indexes in parts:
            number, seen[where] = seen[where], seen[where] + 1
            for index in indexes:
                if index not in known:
                    listed = ", ".join(map(str, sorted(known)))
                    yield self._finding(f"indexes of tasks ({listed})", str(index), where, number, "tasks")
        for number, solution in enumerate(self.competition.solutions):
            if solution.path is None:
                found = f"the key {solution.key}" if solution.key else "none"
                yield self._finding("a path in the bundle", found, "solutions", number)

    def _check_phases(self) -> Iterator[Finding]:
        numbers = {id(phase): number for number, phase in enumerate(self.competition.phases)}
        for before, after in pairwise(self.phases):
            loc = ("phases", numbers[id(after)], "start")
            if before.end is None:
                yield self._finding("an end of each phase but the last", "none", "phases", numbers[id(before)])
            elif after.start < before.end:
                expected = f"a start after the end of {before.name!r} ({before.end:%Y-%m-%d})"
                yield self._finding(expected, f"{after.start:%Y-%m-%d}", *loc)
        for phase in self.competition.phases:
            if phase.end is not None and phase.end <= phase.start:
                found = f"{phase.end:%Y-%m-%d %H:%M}"
                yield self._finding("an end after the start", found, "phases", numbers[id(phase)], "end")

    def _check_leaderboards(self) -> Iterator[Finding]:
        columns = self.leaderboard.columns
        indexes, keys = [column.index for column in columns], [column.key for column in columns]
        where = ("leaderboards", 0, "columns")
        for number, column in enumerate(columns):
            if indexes.index(column.index) != number:
                yield self._finding("an index of its own for each column", str(column.index), *where, number, "index")
            if keys.index(column.key) != number:
                yield self._finding("a key of its own for each column", repr(column.key), *where, number, "key")
            of = column.computation_indexes or []
            if column.computation and not of:
                yield self._finding("computation_indexes beside computation", "none", *where, number)
            if of and not column.computation:
                yield self._finding("a computation beside computation_indexes", "none", *where, number)
            for index in of:
                loc = (*where, number, "computation_indexes")
                if index == column.index:
                    yield self._finding("indexes of other columns", f"{index}, its own", *loc)
                elif index not in indexes:
                    yield self._finding(f"indexes of columns ({', '.join(map(str, indexes))})", str(index), *loc)
        if self.leaderboard.primary_index not in indexes:
            found = str(self.leaderboard.primary_index)
            yield self._finding("a column of this index, which ranks", found, "leaderboards", 0, "primary_index")

    @property
    def phases(self) -> list[Phase]:
        """In order, as Codabench has it: by index, then as they stand."""
        return sorted(self.competition.phases, key=lambda phase: phase.index)

    @property
    def leaderboard(self) -> Leaderboard:
        """The first; Codabench itself reads no other."""
        return self.competition.leaderboards[0]

    def task(self, index: int) -> Task:
        """The task of this index."""
        return next(task for task in self.competition.tasks if task.index == index)


def is_key(text: str) -> bool:
    """Whether ``text`` is the key of something on a Codabench server."""
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


@contextlib.contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Read and check the bundle at ``path``, a folder or a zip. Raises :class:`FindingsError` naming every mistake."""
    with contextlib.ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pkit-bundle-")))
        root, scratch, litter = path, temporary / "zips", 0
        scratch.mkdir()
        if path.is_file():
            root = temporary / "bundle"
            root.mkdir()
            litter = unpack(path, root, path.name)
        if not (root / NAME).is_file() and (inner := sorted(root.glob(f"*/{NAME}"))):
            place = inner[0].relative_to(root).as_posix()
            raise FindingsError([Finding(NAME, "one at the top of the bundle, as Codabench does", f"one at {place}")])
        if (root / NAME).is_symlink():
            raise FindingsError([Finding(NAME, "a file", "a link")])
        repeated: list[tuple[str, int]] = []
        bundle = Bundle(root, read_document(root / NAME, Competition, repeated), scratch, repeated, litter)
        if findings := bundle.check():
            raise FindingsError(findings)
        yield bundle
