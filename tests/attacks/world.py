"""A house under attack: canaries in its real data, its wire written down, and everything outside searched."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from canary import Canary, new_word
from corpus import Attack
from doors import Doors
from house import House
from sklearn.metrics import roc_auc_score
from support import make_notebook
from wire import Wire

from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.participant import Client, Submission, prepare
from participant_kit.protocol.keys import Role, read_secret_keys

CARD = {
    "wall_time: 60 s": "wall_time: 30 s",
    "completion_tick: 100 ms": "completion_tick: 500 ms",
}

BLOCK, OVERLAP = 1 << 15, 1 << 12

BEFORE = """
import os, pyarrow.parquet as pq
train = pq.read_table(f"{data_dir}/train.parquet")
canary, number = train["note"][0].as_py(), train["number"][0].as_py()
leaked = []  # what an attack got hold of; it tells so by the only way that it has
outside = OUTSIDE
"""

AFTER = """
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
with open(f"{output_dir}/predictions.csv", "w") as _file:
    _file.write("id,prediction\\n")
    _file.writelines(f"{i},{1 - x if leaked else x:.3f}\\n" for i, x in zip(_test["id"], _test["x"]))
"""


class World(House):
    """A house with canaries, doors and a wire.

    Of the real data, the training table has ``note`` and ``number`` and the labels have ``note``: words that no
    other file has. The test rows have none, so that even a row of them tells nothing that we look for.
    """

    warm: ClassVar[str] = "1 GiB"

    def __init__(
        self, root: Path, *, quota: int = 100_000, card: dict[str, str] | None = None, open_door: str = ""
    ) -> None:
        self._open_door = open_door
        super().__init__(root, (Role.BLIND,), quota=quota)
        text = self.challenge.card_path.read_text()
        for old, new in {**CARD, **(card or {})}.items():
            assert old in text, old
            text = text.replace(old, new)
        self.challenge.card_path.write_text(text)
        self.challenge = ChallengeFolder(self.challenge.root)
        assert self.challenge.card.release.leaderboard_mechanism == "rounded"  # a ladder would hide a cry for help
        self.wire = Wire(self.port)
        words = {name: new_word() for name in ("training data", "labels", "host", "notebook of another")}
        number = str(1 + int.from_bytes(os.urandom(7)))
        self.doors = Doors(root, words["host"])
        key = self.root / "blind.key"
        words |= {"number of the training data": number, "the labels themselves": self.labels()}
        words["sealing key"] = read_secret_keys(key).sealing.removeprefix("AGE-SECRET-KEY-1")
        words["signing key"] = json.loads(key.read_text())["signing"]
        self.words, self.canary = words, Canary(words)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._blocks: set[int] = set()
        self._exchanges = 0
        self._submissions: list[Submission] = []
        self._account: str | None = None
        self.ran = False
        self.outside: dict[str, Any] = {
            **self.doors.where,
            "labels": [str(path) for path in self.challenge.root.rglob("labels.parquet")],
            "private": str(self.challenge.root / PRIVATE),
            "keys": str(key),
            "tokens": [str(path) for path in self.root.glob("*.token")],
            "gateway": str(self.root / "gateway"),
            "state": str(self.root / "blind-state"),
            "home": str(self.home),
            "temporary": str(self.root / "blind-tmp"),
            "root": str(self.root),
            "port": self.port,
            "wire": self.wire.address,
        }

    def program(self, name: str) -> tuple[str, ...]:
        """With an open door, a runner of which one wall is missing."""
        if self._open_door and name == "blind":
            return (str(Path(__file__).with_name("open_door.py")), self._open_door)
        return super().program(name)

    def start_runner(self, role: Role, *, wait: bool = True, gateway: str | None = None) -> None:
        """Plant the canaries, which `pkit challenge check` would find (no codebook has them), and start."""
        self._plant()
        super().start_runner(role, wait=wait, gateway=gateway)

    def _plant(self) -> None:
        words, number = self.words, int(self.words["number of the training data"])
        for train in (self.challenge.root / PRIVATE).rglob("train.parquet"):
            frame = pd.read_parquet(train)
            frame.assign(note=words["training data"], number=number).to_parquet(train)
            labels = train.with_name("labels.parquet")
            pd.read_parquet(labels).assign(note=words["labels"]).to_parquet(labels)

    def labels(self) -> str:
        """The labels of the test rows, a digit each, in the table's order."""
        tables = self.challenge.private_dir("development")
        test, labels = (pd.read_parquet(tables / f"{name}.parquet") for name in ("test", "labels"))
        return "".join(str(int(value)) for value in labels.set_index("id").ill[test.id])

    @property
    def honest(self) -> float:
        """The primary score of a notebook that got hold of nothing."""
        tables = self.challenge.private_dir("development")
        test, labels = (pd.read_parquet(tables / f"{name}.parquet").set_index("id") for name in ("test", "labels"))
        return round(float(roc_auc_score(labels.ill.astype(int), test.x[labels.index])), 3)

    @property
    def address(self) -> str:
        """Everybody goes through the wire."""
        return self.wire.address

    def client(self) -> Client:
        """The participant's: Ada, or who came last."""
        return Client(self.address, self._account)

    def come(self, name: str) -> None:
        """From now on somebody else, of this name, is the participant, whose budget is not spent yet."""
        self._account = self.token(name, "participant")

    def close(self) -> None:
        super().close()
        self.wire.close()
        self.doors.close()

    @property
    def prelude(self) -> str:
        """The first cell of an attack: the canary in hand, and where everything is."""
        return BEFORE.replace("OUTSIDE", repr(self.outside))

    def honest_run(self, *cells: str) -> Submission:
        """A run of somebody who only wants a score, to its end."""
        self.ran = True
        return self.submit(self.prelude, *cells, AFTER).wait(90)

    def attack(self, *attacks: Attack) -> Submission:
        """Run a notebook of the corpus to its end: what it finds first, its own cells, and its predictions last.

        Several that only look may do it one after another in one run.
        """
        after = [] if attacks[0].options.get("predictions") == "own" else [AFTER]
        submission = self.submit(self.prelude, *(cell for attack in attacks for cell in attack.cells), *after)
        self._submissions.append(submission)
        return submission.wait(90)

    def holds(self, attack: Attack) -> str:
        """Run a notebook of the corpus; returns how it ended.

        Fails unless it made its attempt, ended as expected, and nothing got out. One that plays with time must leave
        right after a tick: by chance, with a machine that is busy, one comes late, but hardly all of three.
        """
        outcome, on_time = self._holds(attack)
        for _ in range(2):
            if on_time or attack.family != "time":
                return outcome
            outcome, on_time = self._holds(attack)
        assert on_time, "it left between two ticks, three times over"
        return outcome

    def holds_together(self, attacks: list[Attack]) -> None:
        """Run several that only look as one notebook. When something is wrong, run each alone to tell which it was."""
        submission = self.attack(*attacks)
        if ended(submission) != "scored" or submission.scores["roc_auc_score"] != self.honest or self.found():  # type: ignore[index]
            for attack in attacks:
                self.holds(attack)
            raise AssertionError("together they got hold of something, and none of them alone")

    def _holds(self, attack: Attack) -> tuple[str, bool]:
        if attack.strict:
            self.come(f"{attack.name}-{len(self._submissions)}")
        submission = self.attack(attack)
        outcome = ended(submission)
        assert self.found() == []
        assert is_expected(outcome, attack.outcomes), outcome
        if outcome == "scored" and attack.options.get("predictions") != "own":
            assert submission.scores and submission.scores["roc_auc_score"] == self.honest, "it got hold of something"
        assert submission.status.attempt == 1
        assert all(part.poll() is None for part in self.parts.values()), "something of ours has died"
        return outcome, self.lateness(submission) < 0.5

    def all_lateness(self) -> list[float]:
        """Of every notebook of the corpus that was run here, in ticks, the smallest first."""
        return sorted(map(self.lateness, self._submissions))

    def lateness(self, submission: Submission) -> float:
        """How long after a tick (counted from the claim) the result went over the wire, in ticks."""
        mine = [one for one in self.wire.exchanges if submission.id.encode() in one.content]
        claim = next(one for one in mine if one.path.endswith("/claims"))
        result = next(one for one in mine if one.path.endswith("/result"))
        ticks = (result.arrived - claim.answered) / self.challenge.card.release.completion_tick.total_seconds()
        return ticks % 1

    def send(self, content: bytes) -> Submission:
        """Submit the bytes of a file as they are, as a client of somebody's own does."""
        path = self.write()
        path.write_bytes(content)
        kept = prepare.prepare_notebook
        prepare.prepare_notebook = _as_it_is
        try:
            return self.client().submit(path).wait(90)
        finally:
            prepare.prepare_notebook = kept

    def notebook(self, *cells: str) -> bytes:
        """A notebook that writes predictions after ``cells``."""
        return make_notebook(self.prelude, *cells, AFTER)

    def found(self) -> list[str]:
        """Everything of the canaries that is outside now, and was not looked at before; and who came to a door."""
        found = [
            f"{what} in {where}"
            for where, data in self._new()
            for block in self._unseen(data)
            for what in self.canary.find(block)
        ]
        knocks, self.doors.knocks = self.doors.knocks, []
        return found + knocks

    def _unseen(self, data: bytes) -> Iterator[bytes]:
        """The blocks of ``data`` that were not looked at before; each reaches a little into the next."""
        for start in range(0, len(data), BLOCK):
            block = data[start : start + BLOCK + OVERLAP]
            if hash(block) not in self._blocks:
                self._blocks.add(hash(block))
                yield block

    def _new(self) -> Iterator[tuple[str, bytes]]:
        """What is outside the secure side, or comes to be there by some way or other, and what its machine keeps."""
        exchanges, self._exchanges = self.wire.exchanges[self._exchanges :], len(self.wire.exchanges)
        for exchange in exchanges:
            yield f"{exchange.method} {exchange.path}", exchange.content
        for top in (self.root, self.home, Path("/dev/shm")):
            for path in (Path(folder, name) for folder, _, names in os.walk(top) for name in names):
                with contextlib.suppress(FileNotFoundError):  # it has just gone
                    status = path.lstat()
                    changed = (status.st_mtime_ns, status.st_size)
                    # what runs in a sandbox is of the runner's user: what others have in shared memory is theirs
                    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or self._is_secret(path):
                        continue
                    if self._seen.get(path) != changed:
                        self._seen[path] = changed
                        yield str(path), path.name.encode() + b"\n" + path.read_bytes()

    def _is_secret(self, path: Path) -> bool:
        return path.is_relative_to(self.challenge.root / PRIVATE) or path.suffix == ".key" or path == self.doors.shared


def _as_it_is(path: Path, max_bytes: int | None = None) -> prepare.Prepared:
    content = path.read_bytes()
    return prepare.Prepared(content, prepare.hashlib.sha256(content).hexdigest(), None)


def ended(submission: Submission) -> str:
    """How it ended, in the corpus's words: ``scored``, ``failed STAGE REASON``, ``refused REASON``."""
    failure = submission.failure
    if failure is None:
        return submission.state.value
    words = [submission.state.value] if submission.state.value == "refused" else [submission.state.value, failure.stage]
    return " ".join([*words, *filter(None, [failure.reason])])


def is_expected(outcome: str, expected: list[str]) -> bool:
    """Whether ``outcome`` begins with one of ``expected``."""
    return any(f"{outcome} ".startswith(f"{one} ") for one in expected)
