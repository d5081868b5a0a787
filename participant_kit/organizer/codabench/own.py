"""What an exported bundle carries of ours, and what of it is read when it is imported again.

The whole card travels in the scoring program. What ``competition.yaml`` can say is read there, because it may have
been changed on Codabench; the rest is the card's.
"""

from __future__ import annotations

import math
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from participant_kit.challenge.card import Card, read_card
from participant_kit.challenge.folder import CARD, SAMPLE
from participant_kit.organizer.codabench.bundle import Bundle
from participant_kit.organizer.codabench.to_competition import OWN_IMAGE, OWN_TERMS, key_of, places_of

FOLDER = "participant_kit"
"""In each exported program: our own, beside the organizer's."""
METADATA = ("metadata.yaml", "metadata")
WRITTEN = (CARD, "README.md", "DATA.md")
"""Files of a starter kit that are made anew from the challenge."""


def card_within(bundle: Bundle) -> Card | None:
    """The card that an exported bundle carries, or None."""
    task = bundle.task(bundle.phases[0].tasks[0])
    path = bundle.folder(task.scoring_program or "") / FOLDER / CARD
    return read_card(path) if path.is_file() else None


def merge(own: Card, bundle: Bundle, told: dict[str, Any]) -> dict[str, Any]:
    """The content of a card: ``own``, and of it what ``told``, read of ``competition.yaml``, says."""
    content = own.model_dump(mode="json")
    content |= {key: told[key] for key in ("title", "summary", "pages")}
    for key, standing in (("terms", OWN_TERMS), ("image", OWN_IMAGE)):
        content[key] = None if told[key] == standing else told[key]
    seconds = max(phase.execution_time_limit or 0 for phase in bundle.phases)
    if seconds and seconds != math.ceil(own.limits.wall_time / timedelta(seconds=1)):
        content["limits"]["wall_time"] = told["limits"]["wall_time"]
    content["phases"] = _phases(own, bundle, told["phases"], content["phases"])
    by_name = {metric.name: metric for metric in own.metrics}
    columns = {column.key: column for column in bundle.leaderboard.columns}
    for metric in content["metrics"]:
        if column := columns.get(key_of(by_name[metric["name"]], by_name)):
            metric |= {"decimals": min(column.precision, 9), "higher_is_better": column.sorting == "desc"}
    return content


def _phases(own: Card, bundle: Bundle, told: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_name = {phase["name"]: phase for phase in known}
    all_hidden = all(phase.leaderboard == "hidden" for phase in own.phases)
    phases = []
    for phase in told:
        before = by_name.get(phase["name"], {})
        phase = {
            "tasks": [],
            **before,
            "per_day": None,
            "total": None,
            **{k: v for k, v in phase.items() if k != "tasks"},
        }
        if bundle.leaderboard.hidden:
            phase["leaderboard"] = "hidden"
        elif all_hidden:
            phase["leaderboard"] = "live"
        phases.append(phase)
    order = [phase["name"] for phase in known]
    return sorted(phases, key=lambda phase: order.index(phase["name"]) if phase["name"] in order else len(order))


def files_of(own: Card, bundle: Bundle) -> dict[str, Path]:
    """Where the files of an exported bundle go, by their place in the challenge folder; pages are not among them."""
    files: dict[str, Path] = {}
    for phase in bundle.phases:
        if phase.starting_kit:
            for path in sorted(bundle.folder(phase.starting_kit).iterdir()):
                if path.name not in WRITTEN:
                    files[path.name] = path
        if phase.public_data:
            files[SAMPLE] = bundle.folder(phase.public_data)
    tasks = sorted(bundle.competition.tasks, key=lambda task: task.index)
    for place, task in zip(places_of(own), tasks, strict=False):
        ours = next((ours for ours in own.tasks if ours.name == place.task), None)
        if ours or own.scoring:
            files[ours.scoring if ours else own.scoring or ""] = bundle.folder(task.scoring_program or "")
        if ours and ours.ingestion and task.ingestion_program:
            files[ours.ingestion] = bundle.folder(task.ingestion_program)
    return files


def wrap(folder: Path, command: str) -> None:
    """Let a copy of the organizer's program start with ``command``; its own metadata goes beside ours."""
    for name in METADATA:
        if (folder / name).is_file():
            (folder / name).rename(folder / FOLDER / name)
    (folder / METADATA[0]).write_text(f"command: {command}\n")


def unwrap(folder: Path) -> None:
    """Undo :func:`wrap`, and drop what is ours."""
    for name in METADATA:
        (folder / name).unlink(missing_ok=True)
        if (folder / FOLDER / name).is_file():
            (folder / FOLDER / name).rename(folder / name)
    shutil.rmtree(folder / FOLDER)
