"""A house under attack around a challenge with tasks: what is submitted is code for the ingestion program."""

from __future__ import annotations

from corpus import Attack
from task_challenge import DATA, write_program, write_tasks
from world import World

from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.participant import Submission

BEFORE = """
canary = open("/app/input_data/note.txt").read()
leaked = []  # what an attack got hold of; it tells so by the only way that it has
outside = OUTSIDE
"""

AFTER = """
def predict(number):
    return int(number > 0.5) if not leaked else 1 - int(number > 0.5)
"""

TALK = """
import sys, time
from pathlib import Path
sys.path.insert(0, "/app/ingested_program")
from model import predict
shared = Path("/app/shared")
while not (shared / "questions").exists():
    time.sleep(0.01)
(shared / "new").write_text("".join(f"{predict(float(line))}\\n" for line in (shared / "questions").open()))
(shared / "new").rename(shared / "answers")
"""
ASK = """
import json, time
from pathlib import Path
shared = Path("/app/shared")
(shared / "asked").write_text(Path("/app/input_data/numbers.txt").read_text())
(shared / "asked").rename(shared / "questions")
while not (shared / "answers").exists():
    time.sleep(0.01)
truth = Path("/app/input/ref/labels.txt").read_text().split()
hits = sum(one == other for one, other in zip(truth, (shared / "answers").read_text().split(), strict=True))
json.dump({"accuracy": hits / len(truth)}, open("/app/output/scores.json", "w"))
"""

HONEST = {"easy_accuracy": 1.0, "hard_accuracy": 0.75, "accuracy": 0.875}
"""The scores of code that got hold of nothing."""


class TaskWorld(World):
    """Of the real data, input and reference data have a note each, of words that no other file has."""

    beside = False

    def make_challenge(self, quota: int, release: str) -> ChallengeFolder:
        folder = write_tasks(self.root / "small-tasks")
        if self.beside:
            command = "command: python3 program.py\n"
            write_program(folder.root / "ingestion_program", "program.py", TALK, command)
            write_program(folder.root / "scoring_program", "program.py", ASK, command)
            text = folder.card_path.read_text().replace("program}", "program, beside: true}")
            folder.card_path.write_text(text)
            folder = ChallengeFolder(folder.root)
        return folder

    def _plant(self) -> None:
        for name, word in (("input", "training data"), ("reference", "labels")):
            for folder in (self.challenge.root / PRIVATE).glob(f"*/*/{name}"):
                (folder / "note.txt").write_text(self.words[word])
        for folder in self.challenge.sample_dir.glob("*/input"):
            (folder / "note.txt").write_text("of the sample")

    def labels(self) -> str:
        return "".join(str(label) for _, labels in DATA.values() for label in labels) * 4

    def attack(self, *attacks: Attack) -> Submission:
        (attack,) = attacks
        outside = {**self.outside, "labels": [str(path) for path in self.challenge.root.rglob("labels.txt")]}
        after = "" if attack.options.get("predictions") == "own" else AFTER
        model = f"{BEFORE.replace('OUTSIDE', repr(outside))}\n{attack.path.read_text()}\n{after}"
        cell = f'from pathlib import Path\nPath(output_dir, "model.py").write_text({model!r})'
        submission = self.submit(cell)
        self._submissions.append(submission)
        return submission.wait(120)


class BesideWorld(TaskWorld):
    """Both programs run at once, and talk in the shared folder."""

    beside = True
