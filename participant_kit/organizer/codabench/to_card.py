"""A Codabench competition as our card, with a note for everything that means something else here or nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from participant_kit.challenge.alphabet import REASONS, alphabet_of
from participant_kit.challenge.card import Card, Figure
from participant_kit.challenge.document import line_of, scalars_of
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import PAGES, PRIVATE, SAMPLE
from participant_kit.challenge.units import format_duration
from participant_kit.organizer.codabench import competition as codabench
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.competition import NAME
from participant_kit.organizer.codabench.moment import MOMENT, theirs_of
from participant_kit.organizer.codabench.names import file_name, slugs
from participant_kit.organizer.codabench.note import Kind, Note
from participant_kit.organizer.codabench.own import card_within, files_of, merge
from participant_kit.organizer.codabench.score_range import guess_range
from participant_kit.organizer.codabench.to_competition import OWN_IMAGE, OWN_TERMS

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
"""The end of a phase that has none."""
MAX_METRICS = 20
DEFAULT_LIMIT = 600

Ranges = Mapping[str, tuple[float, float]]


@dataclass
class Translation:
    """A ``card``; the ``files`` of the bundle by their place in the challenge folder; the ``notes``.

    ``own`` says that the bundle was exported here.
    """

    card: Card
    files: dict[str, Path]
    notes: list[Note]
    own: bool = False


def to_card(bundle: Bundle, slug: str, ranges: Ranges | None = None) -> Translation:
    """The card of ``bundle``, called ``slug``; ``ranges`` are of scores, by the keys of their columns.

    Raises :class:`FindingsError` for what is right on Codabench and cannot be here.
    """
    return _Translator(bundle, slug, ranges or {}).translate()


@dataclass
class _Slot:
    """A task of ours: one of Codabench's in each phase that has it, all with the same programs."""

    name: str
    scoring: str
    ingestion: str | None
    beside: bool
    indexes: dict[int, int] = field(default_factory=dict)
    """The index of Codabench's task by the phase's number."""


class _Translator:
    def __init__(self, bundle: Bundle, slug: str, ranges: Ranges) -> None:
        self._bundle, self._competition = bundle, bundle.competition
        self._slug, self._ranges = slug, ranges
        self._notes: list[Note] = []
        self._files: dict[str, str] = {}
        self._programs: dict[str, str] = {}
        self._written = scalars_of(bundle.root / NAME)

    def translate(self) -> Translation:
        names = slugs((phase.name for phase in self._bundle.phases), "phase")
        slots = self._slots()
        content = {
            "schema_version": 1,
            "slug": self._slug,
            **self._texts(),
            **self._pages(),
            "environment": {},
            "limits": {"wall_time": format_duration(timedelta(seconds=self._wall_time()))},
            "submission": {"output": "submission.zip"},
            "metrics": self._metrics(slots),
            "tasks": [self._task(slot) for slot in slots],
            "phases": self._phases(names, slots),
        }
        own = card_within(self._bundle)
        if own:
            self._notes.clear()
            content = merge(own, self._bundle, content)
        else:
            self._place_data(names, slots)
        try:
            card = Card.model_validate(content)
        except ValidationError as error:
            raise FindingsError(
                Finding(NAME, detail["msg"].removeprefix("Value error, "), key=".".join(map(str, detail["loc"])))
                for detail in error.errors()
            ) from None
        if own:
            text = "the private data is not in the bundle: copy it from where the challenge was exported"
            self._note("left out", "tasks.input_data, tasks.reference_data", text)
            pages = {place: self._bundle.path(name) for place, name in self._files.items() if place.startswith(PAGES)}
            pages = {place: path for place, path in pages.items() if path.name not in (OWN_IMAGE, OWN_TERMS)}
            return Translation(card, pages | files_of(own, self._bundle), self._notes, own=True)
        self._tell_rest()
        self._tell_bits(card)
        files = {place: self._source(place, name) for place, name in self._files.items()}
        return Translation(card, files, list(dict.fromkeys(self._notes)))

    def _source(self, place: str, name: str) -> Path:
        return self._bundle.path(name) if place.startswith(f"{PAGES}/") else self._bundle.folder(name)

    def _note(self, kind: Kind, key: str, text: str) -> None:
        self._notes.append(Note(kind, key, text))

    # ------------------------------------------------------------------ texts

    def _texts(self) -> dict[str, Any]:
        title, summary = self._competition.title, self._competition.description
        if len(title) > 200:
            self._note("changed", "title", f"cut to 200 of its {len(title)} characters: {title}")
        if len(summary) > 1000:
            self._note("changed", "description", f"cut to 1000 of its {len(summary)} characters: {summary}")
        return {"title": title[:200], "summary": summary[:1000]}

    def _pages(self) -> dict[str, Any]:
        pages = []
        for number, page in enumerate(self._competition.pages):
            title = page.title.strip()[:100] or f"Page {number + 1}"
            if title != page.title:
                self._note("changed", f"pages.{number}.title", f"{page.title!r} is {title!r}")
            pages.append({"title": title, "file": self._page(page.file)})
        texts = {key: self._page(getattr(self._competition, key)) for key in ("terms", "image")}
        return {"pages": pages, **texts}

    def _page(self, name: str) -> str:
        """What a page, the terms or the image is called here; the same file is called the same."""
        taken = {place.removeprefix(f"{PAGES}/"): source for place, source in self._files.items()}
        known = next((place for place, source in taken.items() if source == name), None)
        if known is None:
            known = file_name(name, taken)
            self._files[f"{PAGES}/{known}"] = name
        return known

    # ------------------------------------------------------------------ tasks

    def _slots(self) -> list[_Slot]:
        """Our tasks. Those of Codabench's with the same programs and the same place in their phases are one."""
        phases = [[self._bundle.task(index) for index in phase.tasks] for phase in self._bundle.phases]
        used = {task.index: task for tasks in phases for task in tasks}
        for number, task in enumerate(self._competition.tasks):
            if task.index not in used:
                self._note("left out", f"tasks.{number}", f"no phase has the task {task.name!r}")
        keys = [[self._programs_of(task) for task in tasks] for tasks in phases]
        if any(tasks != phases[0] for tasks in phases) and all(key == keys[0] for key in keys):
            names = ["task"] if len(keys[0]) == 1 else [f"task-{place}" for place in range(1, len(keys[0]) + 1)]
            slots = []
            for place, (name, key) in enumerate(zip(names, keys[0], strict=True)):
                slots.append(_Slot(name, *key, {number: tasks[place].index for number, tasks in enumerate(phases)}))
                said = ", ".join(repr(tasks[place].name or str(tasks[place].index)) for tasks in phases)
                self._note("changed", "tasks", f"{said} have the same programs: one task {name!r}, with data by phase")
            return slots
        found = list(used.values())
        slots = []
        for task, name in zip(found, slugs((task.name for task in found), "task"), strict=True):
            indexes = {number: task.index for number, tasks in enumerate(phases) if task in tasks}
            slots.append(_Slot(name, *self._programs_of(task), indexes))
            if task.name != name:
                self._note("changed", f"tasks.{task.index}.name", f"{task.name!r} is {name!r}")
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

    def _task(self, slot: _Slot) -> dict[str, Any]:
        content: dict[str, Any] = {"name": slot.name, "scoring": slot.scoring}
        if slot.ingestion:
            content |= {"ingestion": slot.ingestion, "beside": slot.beside}
        return content

    def _place_data(self, names: list[str], slots: list[_Slot]) -> None:
        for slot in slots:
            for number, index in slot.indexes.items():
                task = self._bundle.task(index)
                for part, data in (("input", task.input_data), ("reference", task.reference_data)):
                    if data:
                        self._files[f"{PRIVATE}/{names[number]}/{slot.name}/{part}"] = data
                if task.description:
                    self._note("left out", f"tasks.{index}.description", task.description)
        public = {phase.public_data: number for number, phase in reversed(list(enumerate(self._bundle.phases)))}
        public.pop(None, None)
        sample = next(iter(sorted(filter(None, public), key=lambda name: public[name])), None)
        if sample is None and self._competition.make_input_data_available:
            sample = next((task.input_data for task in self._competition.tasks if task.input_data), None)
            if sample:
                self._note("changed", "make_input_data_available", f"{sample} is public, and so it is the sample")
        for slot in slots:
            if sample:
                self._files[f"{SAMPLE}/{slot.name}/input"] = sample
        if not sample:
            self._note("guessed", "phases.public_data", "there is none: put a sample into sample_data/TASK/input")
        for name, number in public.items():
            if name != sample:
                self._note("left out", f"phases.{number}.public_data", f"{name}: one sample serves all phases")
        for number, phase in enumerate(self._bundle.phases):
            if phase.starting_kit and phase.starting_kit not in self._files.values():
                self._files[f"starting_kit/{names[number]}"] = phase.starting_kit
                text = f"is in starting_kit/{names[number]}; turn what serves into starter_notebooks/"
                self._note("kept", f"phases.{number}.starting_kit", text)
        titles = [solution.name or solution.path or "" for solution in self._competition.solutions]
        for solution, name in zip(self._competition.solutions, slugs(titles, "solution"), strict=True):
            self._files[f"solutions/{name}"] = solution.path or ""
            tasks = ", ".join(repr(self._bundle.task(index).name) for index in solution.tasks)
            said = f"is in solutions/{name}, to try {tasks} with. {solution.description}".strip()
            self._note("kept", f"solutions.{solution.index}", said)

    # ------------------------------------------------------------------ phases

    def _wall_time(self) -> int:
        limits = [phase.execution_time_limit or DEFAULT_LIMIT for phase in self._bundle.phases]
        if len(set(limits)) > 1:
            text = f"{', '.join(map(str, limits))} seconds by phase: limits.wall_time is the longest, for all"
            self._note("changed", "phases.execution_time_limit", text)
        return max(limits)

    def _phases(self, names: list[str], slots: list[_Slot]) -> list[dict[str, Any]]:
        ends = [phase.end for phase in self._bundle.phases]
        for number, (before, after) in enumerate(pairwise(self._bundle.phases)):
            if before.end == after.start - MOMENT:  # as near as Codabench lets them be
                ends[number] = after.start
        return [
            self._phase(number, phase, names[number], ends[number], slots)
            for number, phase in enumerate(self._bundle.phases)
        ]

    def _phase(
        self, number: int, phase: codabench.Phase, name: str, ends: datetime | None, slots: list[_Slot]
    ) -> dict[str, Any]:
        where = f"phases.{number}"
        if phase.name != name:
            self._note("changed", f"{where}.name", f"{phase.name!r} is {name!r}")
        if phase.description:
            self._note("left out", f"{where}.description", phase.description)
        if ends is None:
            ends = max(FOREVER, phase.start + timedelta(days=1))
            self._note("changed", f"{where}.end", f"there is none: {ends:%Y-%m-%d} stands for it")
        if phase.auto_migrate_to_this_phase:
            text = "nothing is run again by itself: participants submit to each phase"
            self._note("left out", f"{where}.auto_migrate_to_this_phase", text)
        if phase.accepts_only_result_submissions:
            text = "what is submitted is always a notebook, which may carry results in itself"
            self._note("changed", f"{where}.accepts_only_result_submissions", text)
        if phase.max_submissions_per_person is not None:
            text = f"{phase.max_submissions_per_person}; Codabench reads max_submissions instead, and so did we"
            self._note("left out", f"{where}.max_submissions_per_person", text)
        for key in phase.unknown:
            self._note("left out", f"{where}.{key}", "Codabench does not know this key either")
        self._tell_times(phase, where)
        content: dict[str, Any] = {"name": name, "starts": phase.start.isoformat(), "ends": ends.isoformat()}
        for ours, theirs in (("per_day", "max_submissions_per_day"), ("total", "max_submissions")):
            limit = getattr(phase, theirs)
            if theirs not in phase.model_fields_set:
                self._note("changed", f"{where}.{theirs}", f"not given: {limit}, as Codabench has it")
            if limit:
                content[ours] = limit
            else:
                self._note("changed", f"{where}.{theirs}", "no limit of it: the budget in bits is one")
        if self._bundle.leaderboard.hidden:
            content["leaderboard"] = "hidden"
        tasks = [slot.name for slot in slots if number in slot.indexes]
        return content | ({"tasks": tasks} if len(tasks) < len(slots) else {})

    def _tell_times(self, phase: codabench.Phase, where: str) -> None:
        """Where Codabench reads another time than what is written: an unquoted one loses its hour, any its zone."""
        number = next(number for number, other in enumerate(self._competition.phases) if other is phase)
        for key, moment in (("start", phase.start), ("end", phase.end)):
            written = self._written.get(("phases", number, key))
            if written is None or moment is None:
                continue
            text, quoted = written
            theirs = theirs_of(text, quoted)
            if theirs != moment:
                said = f"{text} is {moment:%Y-%m-%d %H:%M} in UTC here; Codabench takes it for {theirs:%Y-%m-%d %H:%M}"
                self._note("changed", f"{where}.{key}", said)

    # ------------------------------------------------------------------ metrics

    def _metrics(self, slots: list[_Slot]) -> list[dict[str, Any]]:
        board = self._bundle.leaderboard
        columns = {column.index: column for column in sorted(board.columns, key=lambda column: column.index)}
        primary = columns[board.primary_index]
        shown = self._shown(columns, primary)
        several = any(sum(number in slot.indexes for slot in slots) > 1 for number in range(len(self._bundle.phases)))
        tasks: list[str | None] = [slot.name for slot in slots] if several else [None]
        metrics = [self._metric(column, columns, task) for task in tasks for column in shown]
        if several:
            metrics.append(self._over_tasks(primary, columns, [slot.name for slot in slots]))
        else:
            next(metric for metric in metrics if metric["name"] == primary.key)["primary"] = True
        return self._few(metrics)

    def _shown(self, columns: dict[int, codabench.Column], primary: codabench.Column) -> list[codabench.Column]:
        """The columns that become metrics: those that are not hidden, and what the others are computed of."""
        shown = []
        wanted = [column for column in columns.values() if not column.hidden or column is primary]
        wanted = [column for column in wanted if self._computable(column, columns, primary)]
        needed = {index for column in wanted for index in column.computation_indexes or []}
        for index, column in columns.items():
            where = f"leaderboards.0.columns.{index}"
            if column.title != column.key:
                self._note("changed", f"{where}.title", f"{column.title!r} is called by its key, {column.key!r}")
            if column in wanted or index in needed:
                shown.append(column)
                if column.hidden:
                    why = "it ranks" if column is primary else "another column is computed of it"
                    self._note("changed", f"{where}.hidden", f"{column.key!r} is released, because {why}")
            elif column.hidden:
                bits = math.log2(Figure(name=column.key, **self._range(column, quiet=True)).levels)
                text = f"{column.key!r} does not leave; to let it, add it to metrics: {bits:.1f} bits each time"
                self._note("closed", f"{where}.hidden", text)
            for key in column.unknown:
                self._note("left out", f"{where}.{key}", "Codabench does not know this key either")
        return shown

    def _computable(
        self, column: codabench.Column, columns: dict[int, codabench.Column], primary: codabench.Column
    ) -> bool:
        if not column.computation or not any(columns[index].computation for index in column.computation_indexes or []):
            return True
        where = f"leaderboards.0.columns.{column.index}.computation_indexes"
        if column is primary:
            line = line_of(self._bundle.root / NAME, "leaderboards", 0, "columns")
            raise FindingsError(
                [Finding(NAME, "columns that are not computed", f"{column.key!r}, computed", where, line)]
            )
        self._note("left out", where, f"{column.key!r} is computed of columns that are computed")
        return False

    def _metric(
        self, column: codabench.Column, columns: dict[int, codabench.Column], task: str | None
    ) -> dict[str, Any]:
        def named(key: str) -> str:
            return f"{task}_{key}" if task else key

        content = {
            "name": named(column.key),
            "higher_is_better": column.sorting == "desc",
            **self._range(column),
        }
        if column.computation:
            of = [named(columns[index].key) for index in column.computation_indexes or []]
            return content | {"computation": column.computation, "of": of}
        return content | ({"task": task, "key": column.key} if task else {})

    def _over_tasks(
        self, primary: codabench.Column, columns: dict[int, codabench.Column], tasks: list[str]
    ) -> dict[str, Any]:
        """What ranks where a phase has several tasks. Codabench adds them up; their mean ranks the same."""
        parts = [columns[index] for index in primary.computation_indexes or []] or [primary]
        computation = primary.computation if primary.computation in ("min", "max") else "avg"
        text = f"Codabench ranks by the sum of {primary.key!r} over a phase's tasks, and this by their {computation}"
        self._note("changed", "leaderboards.0.primary_index", text)
        return {
            "name": primary.key,
            "higher_is_better": primary.sorting == "desc",
            **self._range(parts[0], quiet=True),
            "decimals": min(primary.precision, 9),
            "computation": computation,
            "of": [f"{task}_{part.key}" for task in tasks for part in parts],
            "primary": True,
        }

    def _range(self, column: codabench.Column, *, quiet: bool = False) -> dict[str, Any]:
        where = f"leaderboards.0.columns.{column.index}"
        if column.key in self._ranges:
            low, high = self._ranges[column.key]
        else:
            found = guess_range(column, self._bundle.leaderboard.columns, self._ranges, float(self._longest()))
            low, high = found.low, found.high
            if not quiet:
                text = f"the range of {column.key!r} is {low:g} to {high:g}, {found.said}; a score beyond it is cut off"
                self._note("guessed", where, f"{text}. To give it: --range {column.key}=LOW:HIGH")
        decimals = min(column.precision, 9)
        if decimals < column.precision and not quiet:
            self._note("changed", f"{where}.precision", f"{decimals} decimals instead of {column.precision}")
        return {"range": [low, high], "decimals": decimals}

    def _longest(self) -> int:
        return max(phase.execution_time_limit or DEFAULT_LIMIT for phase in self._bundle.phases)

    def _few(self, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """At most as many as a card has: those that rank, then the others in their order."""
        if len(metrics) <= MAX_METRICS:
            return metrics
        primary = next(metric for metric in metrics if metric.get("primary"))
        names = [primary["name"], *primary.get("of", [])]
        names += [metric["name"] for metric in metrics if metric["name"] not in names and "computation" not in metric]
        kept = [metric for metric in metrics if metric["name"] in names[:MAX_METRICS]]
        for metric in metrics:
            if metric not in kept:
                text = f"{metric['name']!r}: a card has {MAX_METRICS} metrics at most"
                self._note("left out", "leaderboards.0.columns", text)
        return kept

    # ------------------------------------------------------------------ the rest

    def _tell_rest(self) -> None:
        competition, board = self._competition, self._bundle.leaderboard
        for number in range(1, len(competition.leaderboards)):
            title = competition.leaderboards[number].title
            self._note("left out", f"leaderboards.{number}", f"{title!r}: Codabench itself reads the first alone")
        self._note("changed", "leaderboards.0.submission_rule", _RULES[board.submission_rule])
        self._note("left out", "leaderboards.0.title", f"{board.title!r}, key {board.key!r}: there is one leaderboard")
        image = f"{competition.docker_image!r}: notebooks and programs run in an environment of requirements.txt"
        self._note("kept", "docker_image", image)
        if competition.queue:
            self._note("kept", "queue", f"{competition.queue!r}: here the holder's own runner is the only worker")
        if competition.fact_sheet:
            asked = ", ".join(map(str, competition.fact_sheet))
            self._note("left out", "fact_sheet", f"nothing is asked at a submission; it asked: {asked}")
        for key in ("reward", "contact_email"):
            if value := getattr(competition, key):
                self._note("left out", key, f"{value}: write it on a page")
        for key, text in _SETTINGS.items():
            if key in competition.model_fields_set:
                self._note("left out", key, f"{str(getattr(competition, key)).lower()}: {text}")
        for key in ("show_detailed_results_in_submission_panel", "show_detailed_results_in_leaderboard"):
            if key in competition.model_fields_set:
                self._note("left out", key, "detailed results never leave")
        if any(task.is_public for task in competition.tasks):
            self._note("left out", "tasks.is_public", "a task here is part of its challenge")
        for what, parts in (("", [competition]), ("leaderboards.0.", [board]), ("tasks.", competition.tasks)):
            for key in sorted({key for part in parts for key in part.unknown}):
                self._note("left out", f"{what}{key}", "Codabench does not know this key either")
        for key, line in self._bundle.repeated:
            self._note("changed", key, f"stands again in line {line}: the last one counts, as on Codabench")
        if self._bundle.litter:
            self._note("left out", "(files)", f"{self._bundle.litter} that a file manager left behind (__MACOSX)")

    def _tell_bits(self, card: Card) -> None:
        """What is open on Codabench and off here, and what it would cost to allow."""
        alphabet = alphabet_of(card)
        detailed = card.model_copy(
            update={"release": card.release.model_copy(update={"failure_detail": "cell-and-class"})}
        )
        failure = sum(part.bits for part in alphabet_of(detailed).failure)
        log = (
            "logs of the real data never leave; the nearest is release.failure_detail: cell-and-class, which tells "
            f"the cell and one of {len(REASONS)} reasons: {failure:.1f} bits, not {alphabet.failure[0].bits:.0f}"
        )
        for key, text in (
            ("hide_output", log),
            ("hide_prediction_output", "what a notebook writes stays inside and is destroyed; nothing allows it"),
            ("hide_score_output", "scores leave as numbers of the card, and no file; nothing allows it"),
        ):
            if not all(getattr(phase, key) for phase in self._bundle.phases):
                self._note("closed", f"phases.{key}", text)
        if self._competition.enable_detailed_results:
            text = (
                "detailed_results.html has no bound in bits; numbers in it can be release.figures, at the bits of each"
            )
            self._note("closed", "enable_detailed_results", text)
        if self._competition.make_programs_available:
            text = "the programs stay here; publish them yourself if they show no data"
            self._note("closed", "make_programs_available", text)
        budget = card.release.budget_bits
        times = int(budget // alphabet.bits)
        for phase in card.phases:
            if phase.total is None or phase.total > times:
                wanted = "without end" if phase.total is None else f"{phase.total} submissions"
                needed = "" if phase.total is None else f", {phase.total * alphabet.bits:.0f} bits for all"
                text = (
                    f"a submission may tell {alphabet.bits:.1f} bits; release.budget_bits: {budget:g} allows {times} "
                    f"of them in {phase.name!r}, and Codabench {wanted}. Raise it to allow more{needed}"
                )
                self._note("closed", "phases.max_submissions", text)


_RULES: dict[str, str] = {
    "Add": "the participant chose one submission; here the best one stands",
    "Add_And_Delete": "the participant chose one submission; here the best one stands, and stays",
    "Add_And_Delete_Multiple": "the participant chose several submissions; here the best one stands, and stays",
    "Force_Last": "the last submission stood; here the best one stands",
    "Force_Latest_Multiple": "every submission stood; here the best of each participant stands",
    "Force_Best": "the best submission stands, as here; how much of it is told, release.leaderboard_mechanism says",
}

_SETTINGS = {
    "registration_auto_approve": "who is let in, the gateway's invitations say (pkit challenge invite)",
    "auto_run_submissions": "the runner takes each; release.review waits for the data holder's yes before a release",
    "can_participants_make_submissions_public": "a submission is sealed to the runners and never public",
    "forum_enabled": "there is no forum",
    "competition_type": "there is one kind of challenge",
}


def _digest(folder: Path) -> str:
    """The same files, the same digest."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            whole.update(file.relative_to(folder).as_posix().encode() + b"\0")
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
