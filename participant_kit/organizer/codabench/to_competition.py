"""Our card as a Codabench competition, with a note for everything that means something else there or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from participant_kit.challenge.card import Card, Metric, Phase
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.challenge.folder import CARD, INPUT, REFERENCE
from participant_kit.organizer.codabench.moment import MOMENT, write_moment
from participant_kit.organizer.codabench.note import Kind, Note

DEFAULT_IMAGE = "codalab/codalab-legacy:py312"
OWN_IMAGE, OWN_TERMS = "participant-kit.png", "participant-kit-terms.md"
"""What stands where a card has none of its own, and Codabench wants one."""
MAX_KEY = 36
"""Characters of a column's key and title in Codabench's database."""

MEANING: dict[Kind, str] = {
    "closed": "Open by default on Codabench, and closed in the bundle.",
    "changed": "Means something else there, or nearly the same.",
    "left out": "Has no counterpart.",
    "kept": "In the bundle for whoever imports it here again; nothing there reads it.",
}


@dataclass(frozen=True)
class Place:
    """The data of one phase, of one task where the card has some; one of Codabench's tasks."""

    phase: str
    task: str | None

    @property
    def path(self) -> str:
        """Below the challenge's folder on the worker, and below ``private/`` here."""
        return f"{self.phase}/{self.task}" if self.task else self.phase


def places_of(card: Card) -> list[Place]:
    """Every place of data, in the order of phases."""
    phases = sorted(card.phases, key=lambda phase: phase.starts)
    return [Place(phase.name, task) for phase in phases for task in _tasks(card, phase)]


def _tasks(card: Card, phase: Phase) -> list[str | None]:
    return [task.name for task in card.tasks_of(phase.name)] or [None]


def to_competition(
    card: Card, image: str = DEFAULT_IMAGE, keys: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[Note]]:
    """``competition.yaml`` for ``card``, whose programs run in the Docker ``image``.

    ``keys`` are those of data that lies on the server, by its place and part, as in ``final/input``. Raises
    :class:`FindingsError` for what Codabench has no room for.
    """
    notes: list[Note] = []
    places = places_of(card)
    columns = _columns(card, notes)
    content = {
        "version": 2,
        "title": card.title,
        "description": card.summary,
        "image": f"pages/{card.image or OWN_IMAGE}",
        "terms": f"pages/{card.terms or OWN_TERMS}",
        "pages": [{"title": page.title, "file": f"pages/{page.file}"} for page in card.pages],
        "docker_image": image,
        "registration_auto_approve": False,
        "make_programs_available": False,
        "make_input_data_available": False,
        "enable_detailed_results": False,
        "show_detailed_results_in_submission_panel": False,
        "show_detailed_results_in_leaderboard": False,
        "can_participants_make_submissions_public": False,
        "tasks": [_task(card, index, place, keys or {}) for index, place in enumerate(places)],
        "phases": _phases(card, places, notes),
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": "Force_Best",
                "hidden": all(phase.leaderboard == "hidden" for phase in card.phases),
                "primary_index": next(column["index"] for column in columns if column["key"] == _primary_key(card)),
                "columns": columns,
            }
        ],
    }
    _tell(card, notes)
    return content, notes


def _task(card: Card, index: int, place: Place, keys: Mapping[str, str]) -> dict[str, Any]:
    times = sum(place.task == other.task for other in places_of(card))
    name = place.phase if place.task is None else place.task if times == 1 else f"{place.task} ({place.phase})"
    task = next((task for task in card.tasks if task.name == place.task), None)
    content: dict[str, Any] = {
        "index": index,
        "name": name,
        "scoring_program": task.scoring if task else "scoring_program",
    }
    if task is None or task.ingestion:
        content["ingestion_program"] = task.ingestion if task else "ingestion_program"
    if task and task.beside:
        content["ingestion_only_during_scoring"] = True
    for part, kind in ((INPUT, "input_data"), (REFERENCE, "reference_data")):
        content[kind] = keys.get(f"{place.path}/{part}") or f"data/{place.path}/{kind}"
    return content


def _phases(card: Card, places: list[Place], notes: list[Note]) -> list[dict[str, Any]]:
    ordered = sorted(card.phases, key=lambda phase: phase.starts)
    ends = [phase.ends for phase in ordered]
    for number, (before, after) in enumerate(pairwise(ordered)):
        if before.ends > after.starts - MOMENT:
            ends[number] = after.starts - MOMENT
            text = f"{before.name!r} ends a second before {after.name!r} starts, as Codabench wants it"
            notes.append(Note("changed", "phases.ends", text))
    seconds = math.ceil(card.limits.wall_time / timedelta(seconds=1))
    phases = []
    for number, phase in enumerate(ordered):
        phases.append(
            {
                "index": number,
                "name": phase.name,
                "start": write_moment(phase.starts),
                "end": write_moment(ends[number]),
                "tasks": [index for index, place in enumerate(places) if place.phase == phase.name],
                "max_submissions_per_day": phase.per_day or 0,
                "max_submissions": phase.total or 0,
                "execution_time_limit": seconds,
                "hide_output": True,
                "hide_prediction_output": True,
                "hide_score_output": True,
                "starting_kit": "starting_kit",
                "public_data": "public_data",
            }
        )
    return phases


def _primary_key(card: Card) -> str:
    by_name = {metric.name: metric for metric in card.metrics}
    parts = [by_name[name] for name in card.primary.of]
    return key_of(parts[0], by_name) if len({part.task for part in parts}) > 1 else key_of(card.primary, by_name)


def key_of(metric: Metric, by_name: Mapping[str, Metric]) -> str:
    """The key of the column that ``metric`` is; what is computed within a task is called without that task."""
    task = next((by_name[name].task for name in metric.of), None)
    return metric.key or (metric.name.removeprefix(f"{task}_") if task else metric.name)


def _columns(card: Card, notes: list[Note]) -> list[dict[str, Any]]:
    """One for each key; a metric that is computed over several tasks is what Codabench ranks by there itself."""
    by_name = {metric.name: metric for metric in card.metrics}
    columns: list[dict[str, Any]] = []
    for metric in card.metrics:
        key = key_of(metric, by_name)
        of = [by_name[name] for name in metric.of]
        if metric.computation and len({part.task for part in of}) > 1:
            if len({key_of(part, by_name) for part in of}) == 1:
                text = f"{metric.name!r}, over tasks: Codabench adds them up, where they rank"
                notes.append(Note("changed", "metrics", text))
                continue
            raise FindingsError([Finding(CARD, "one key, for what is computed over tasks", metric.name, "metrics")])
        if any(column["key"] == key for column in columns):
            continue
        column: dict[str, Any] = {
            "index": len(columns),
            "title": key,
            "key": key,
            "sorting": "desc" if metric.higher_is_better else "asc",
            "precision": metric.decimals,
        }
        if metric.computation:
            column |= {"computation": metric.computation, "computation_indexes": [key_of(part, by_name) for part in of]}
        columns.append(column)
    if long := [column["key"] for column in columns if len(column["key"]) > MAX_KEY]:
        expected = f"keys of {MAX_KEY} characters at most, which is all that Codabench stores"
        raise FindingsError([Finding(CARD, expected, ", ".join(long), "metrics")])
    indexes = {column["key"]: column["index"] for column in columns}
    for column in columns:
        if "computation" in column:
            column["computation_indexes"] = [indexes[key] for key in column["computation_indexes"]]
    return columns


def _tell(card: Card, notes: list[Note]) -> None:
    def note(kind: Kind, key: str, text: str) -> None:
        notes.append(Note(kind, key, text))

    note("closed", "hide_output, hide_prediction_output, hide_score_output", "logs and files are not for participants")
    note("closed", "make_programs_available, make_input_data_available", "programs and data are not for participants")
    note("closed", "enable_detailed_results", "no detailed_results.html")
    note("closed", "registration_auto_approve", "you let each participant in")
    note("closed", "can_participants_make_submissions_public", "a submission stays its participant's")
    hidden = [phase.name for phase in card.phases if phase.leaderboard == "hidden"]
    if hidden and len(hidden) < len(card.phases):
        text = f"Codabench hides a leaderboard for all phases or none: hide it in the editor during {', '.join(hidden)}"
        note("changed", "phases.leaderboard", text)
    text = "no bound in bits, and no ledger: the number of submissions is the only bound there"
    note("left out", "release", text)
    note("left out", "metrics.range", "the scoring program clips to it and rounds; Codabench shows what that wrote")
    text = (
        f"{card.limits.memory.human_readable()} of memory and {card.limits.cpus} CPUs: the worker's operator sets them"
    )
    note("left out", "limits", text)
    note("left out", "sandbox", "a container of the worker's; whatever a notebook writes is uploaded to the site")
    note("left out", "privacy", "nothing there makes a sample")
    note("kept", "challenge.yaml", "the whole card, in the scoring program and in the starting kit")
