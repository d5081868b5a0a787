"""The columns of a leaderboard as metrics, with ranges, which Codabench has none of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from participant_kit.challenge.card import Figure
from participant_kit.challenge.document import line_of
from participant_kit.challenge.finding import Finding, FindingsError
from participant_kit.organizer.codabench import competition as codabench
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.competition import NAME
from participant_kit.organizer.codabench.note import Notes
from participant_kit.organizer.codabench.score_range import guess_range
from participant_kit.organizer.codabench.to_phases import wall_time_of
from participant_kit.organizer.codabench.to_tasks import Slot

MAX_METRICS = 20

Ranges = Mapping[str, tuple[float, float]]


class Metrics:
    """The columns of ``bundle``; ``ranges`` are those that are known, by key."""

    def __init__(self, bundle: Bundle, ranges: Ranges, notes: Notes) -> None:
        self._bundle, self._ranges, self._notes = bundle, ranges, notes

    def content(self, slots: list[Slot]) -> list[dict[str, Any]]:
        """What the card says of them; where a phase has several of ``slots``, one metric for each."""
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
                self._notes.add("changed", f"{where}.title", f"{column.title!r} is called by its key, {column.key!r}")
            if column in wanted or index in needed:
                shown.append(column)
                if column.hidden:
                    why = "it ranks" if column is primary else "another column is computed of it"
                    self._notes.add("changed", f"{where}.hidden", f"{column.key!r} is released, because {why}")
            elif column.hidden:
                bits = math.log2(Figure(name=column.key, **self._range(column, quiet=True)).levels)
                text = f"{column.key!r} does not leave; to let it, add it to metrics: {bits:.1f} bits each time"
                self._notes.add("closed", f"{where}.hidden", text)
            for key in column.unknown:
                self._notes.add("left out", f"{where}.{key}", "Codabench does not know this key either")
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
        self._notes.add("left out", where, f"{column.key!r} is computed of columns that are computed")
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
        self._notes.add("changed", "leaderboards.0.primary_index", text)
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
            found = guess_range(
                column, self._bundle.leaderboard.columns, self._ranges, float(wall_time_of(self._bundle))
            )
            low, high = found.low, found.high
            if not quiet:
                text = f"the range of {column.key!r} is {low:g} to {high:g}, {found.said}; a score beyond it is cut off"
                self._notes.add("guessed", where, f"{text}. To give it: --range {column.key}=LOW:HIGH")
        decimals = min(column.precision, 9)
        if decimals < column.precision and not quiet:
            self._notes.add("changed", f"{where}.precision", f"{decimals} decimals instead of {column.precision}")
        return {"range": [low, high], "decimals": decimals}

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
                self._notes.add("left out", "leaderboards.0.columns", text)
        return kept
