"""Codabench's tasks as ours, and where their programs and data go."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from participant_kit.challenge.folder import INPUT, PRIVATE, REFERENCE, SAMPLE
from participant_kit.organizer.codabench import competition as codabench
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.names import file_name, slugs
from participant_kit.organizer.codabench.note import Notes


@dataclass
class Slot:
    """A task of ours: one of Codabench's in each phase that has it, all with the same programs."""

    name: str
    scoring: str
    ingestion: str | None
    beside: bool
    indexes: dict[int, int] = field(default_factory=dict)
    """The index of Codabench's task by the phase's number."""


class Tasks:
    """The tasks of ``bundle``; what lies where in the challenge folder is added to ``files``."""

    def __init__(self, bundle: Bundle, files: dict[str, str], notes: Notes) -> None:
        self._bundle, self._competition = bundle, bundle.competition
        self._files, self._notes = files, notes
        self._programs: dict[str, str] = {}

    def slots(self) -> list[Slot]:
        """Our tasks. Those of Codabench's with the same programs and the same place in their phases are one."""
        phases = [[self._bundle.task(index) for index in phase.tasks] for phase in self._bundle.phases]
        used = {task.index: task for tasks in phases for task in tasks}
        for number, task in enumerate(self._competition.tasks):
            if task.index not in used:
                self._notes.add("left out", f"tasks.{number}", f"no phase has the task {task.name!r}")
        keys = [[self._programs_of(task) for task in tasks] for tasks in phases]
        if any(tasks != phases[0] for tasks in phases) and all(key == keys[0] for key in keys):
            names = ["task"] if len(keys[0]) == 1 else [f"task-{place}" for place in range(1, len(keys[0]) + 1)]
            slots = []
            for place, (name, key) in enumerate(zip(names, keys[0], strict=True)):
                slots.append(Slot(name, *key, {number: tasks[place].index for number, tasks in enumerate(phases)}))
                said = ", ".join(repr(tasks[place].name or str(tasks[place].index)) for tasks in phases)
                self._notes.add(
                    "changed", "tasks", f"{said} have the same programs: one task {name!r}, with data by phase"
                )
            return slots
        found = list(used.values())
        slots = []
        for task, name in zip(found, slugs((task.name for task in found), "task"), strict=True):
            indexes = {number: task.index for number, tasks in enumerate(phases) if task in tasks}
            slots.append(Slot(name, *self._programs_of(task), indexes))
            if task.name != name:
                self._notes.add("changed", f"tasks.{task.index}.name", f"{task.name!r} is {name!r}")
        return slots

    def _programs_of(self, task: codabench.Task) -> tuple[str, str | None, bool]:
        scoring = self._program("scoring_program", task.scoring_program or "")
        ingestion = self._program("ingestion_program", task.ingestion_program) if task.ingestion_program else None
        return scoring, ingestion, task.ingestion_only_during_scoring

    def _program(self, kind: str, name: str) -> str:
        """The folder that a program gets here; the same program gets the same."""
        digest = f"{kind} {_digest(self._bundle.folder(name))}"
        if digest not in self._programs:
            self._programs[digest] = file_name(kind, self._files)
            self._files[self._programs[digest]] = name
        return self._programs[digest]

    def content(self, slot: Slot) -> dict[str, Any]:
        """What the card says of a task."""
        content: dict[str, Any] = {"name": slot.name, "scoring": slot.scoring}
        if slot.ingestion:
            content |= {"ingestion": slot.ingestion, "beside": slot.beside}
        return content

    def place(self, names: list[str], slots: list[Slot]) -> None:
        """Say where data goes, starting kits and solutions; ``names`` are those of the phases here."""
        for slot in slots:
            for number, index in slot.indexes.items():
                task = self._bundle.task(index)
                for part, data in ((INPUT, task.input_data), (REFERENCE, task.reference_data)):
                    if data:
                        self._files[f"{PRIVATE}/{names[number]}/{slot.name}/{part}"] = data
                if task.description:
                    self._notes.add("left out", f"tasks.{index}.description", task.description)
        self._place_sample(slots)
        self._place_kits(names)
        self._place_solutions()

    def _place_sample(self, slots: list[Slot]) -> None:
        """The public data of the first phase that has some, for all tasks."""
        named = [(number, phase.public_data) for number, phase in enumerate(self._bundle.phases) if phase.public_data]
        sample = named[0][1] if named else None
        if sample is None and self._competition.make_input_data_available:
            sample = next((task.input_data for task in self._competition.tasks if task.input_data), None)
            if sample:
                self._notes.add("changed", "make_input_data_available", f"{sample} is public, and so it is the sample")
        if sample is None:
            self._notes.add("guessed", "phases.public_data", "there is none: put a sample into sample_data/TASK/input")
            return
        for slot in slots:
            self._files[f"{SAMPLE}/{slot.name}/{INPUT}"] = sample
        for number, name in named:
            if name != sample:
                self._notes.add("left out", f"phases.{number}.public_data", f"{name}: one sample serves all phases")

    def _place_kits(self, names: list[str]) -> None:
        placed = set()
        for number, phase in enumerate(self._bundle.phases):
            if phase.starting_kit and phase.starting_kit not in placed:
                placed.add(phase.starting_kit)
                self._files[f"starting_kit/{names[number]}"] = phase.starting_kit
                text = f"is in starting_kit/{names[number]}; turn what serves into starter_notebooks/"
                self._notes.add("kept", f"phases.{number}.starting_kit", text)

    def _place_solutions(self) -> None:
        solutions = self._competition.solutions
        titles = [solution.name or solution.path or "" for solution in solutions]
        for solution, name in zip(solutions, slugs(titles, "solution"), strict=True):
            self._files[f"solutions/{name}"] = solution.path or ""
            tasks = ", ".join(repr(self._bundle.task(index).name) for index in solution.tasks)
            said = f"is in solutions/{name}, to try {tasks} with. {solution.description}".strip()
            self._notes.add("kept", f"solutions.{solution.index}", said)


def _digest(folder: Path) -> str:
    """The same files, the same digest."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            whole.update(file.relative_to(folder).as_posix().encode() + b"\0")
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
