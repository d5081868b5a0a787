"""Codabench's phases as ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from participant_kit.challenge.document import scalars_of
from participant_kit.organizer.codabench import competition as codabench
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.competition import NAME
from participant_kit.organizer.codabench.moment import MOMENT, theirs_of
from participant_kit.organizer.codabench.note import Notes
from participant_kit.organizer.codabench.to_tasks import Slot

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
"""The end of a phase that has none."""
DEFAULT_LIMIT = 600


def wall_time_of(bundle: Bundle) -> int:
    """Seconds that the longest phase gives a submission; here all have the same."""
    return max(phase.execution_time_limit or DEFAULT_LIMIT for phase in bundle.phases)


class Phases:
    """The phases of ``bundle``."""

    def __init__(self, bundle: Bundle, notes: Notes) -> None:
        self._bundle, self._competition, self._notes = bundle, bundle.competition, notes
        self._written = scalars_of(bundle.root / NAME)

    def content(self, names: list[str], slots: list[Slot]) -> list[dict[str, Any]]:
        """What the card says of them; ``names`` are theirs here."""
        ends = [phase.end for phase in self._bundle.phases]
        for number, (before, after) in enumerate(pairwise(self._bundle.phases)):
            if before.end == after.start - MOMENT:  # as near as Codabench lets them be
                ends[number] = after.start
        limits = [phase.execution_time_limit or DEFAULT_LIMIT for phase in self._bundle.phases]
        if len(set(limits)) > 1:
            text = f"{', '.join(map(str, limits))} seconds by phase: limits.wall_time is the longest, for all"
            self._notes.add("changed", "phases.execution_time_limit", text)
        return [
            self._phase(number, phase, names[number], ends[number], slots)
            for number, phase in enumerate(self._bundle.phases)
        ]

    def _phase(
        self, number: int, phase: codabench.Phase, name: str, ends: datetime | None, slots: list[Slot]
    ) -> dict[str, Any]:
        where = f"phases.{number}"
        if phase.name != name:
            self._notes.add("changed", f"{where}.name", f"{phase.name!r} is {name!r}")
        if phase.description:
            self._notes.add("left out", f"{where}.description", phase.description)
        if ends is None:
            ends = max(FOREVER, phase.start + timedelta(days=1))
            self._notes.add("changed", f"{where}.end", f"there is none: {ends:%Y-%m-%d} stands for it")
        if phase.auto_migrate_to_this_phase:
            text = "nothing is run again by itself: participants submit to each phase"
            self._notes.add("left out", f"{where}.auto_migrate_to_this_phase", text)
        if phase.accepts_only_result_submissions:
            text = "what is submitted is always a notebook, which may carry results in itself"
            self._notes.add("changed", f"{where}.accepts_only_result_submissions", text)
        if phase.max_submissions_per_person is not None:
            text = f"{phase.max_submissions_per_person}; Codabench reads max_submissions instead, and so did we"
            self._notes.add("left out", f"{where}.max_submissions_per_person", text)
        for key in phase.unknown:
            self._notes.add("left out", f"{where}.{key}", "Codabench does not know this key either")
        self._tell_times(phase, where)
        content: dict[str, Any] = {"name": name, "starts": phase.start.isoformat(), "ends": ends.isoformat()}
        for ours, theirs in (("per_day", "max_submissions_per_day"), ("total", "max_submissions")):
            limit = getattr(phase, theirs)
            if theirs not in phase.model_fields_set:
                self._notes.add("changed", f"{where}.{theirs}", f"not given: {limit}, as Codabench has it")
            if limit:
                content[ours] = limit
            else:
                self._notes.add("changed", f"{where}.{theirs}", "no limit of it: the budget in bits is one")
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
                self._notes.add("changed", f"{where}.{key}", said)
