"""The notebooks that every challenge starts with, made from its card and codebook: explore, baseline, improve.

Their text is in ``templates/notebooks/``: a cell begins with a line ``# %% NAME``, which is its identifier too,
followed by ``[markdown]`` or ``[parameters]`` where it is no plain code.
"""

from __future__ import annotations

import re
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.metrics import METRICS, Kind
from participant_kit.challenge.units import format_duration, format_size
from participant_kit.organizer.errors import OrganizerError
from participant_kit.organizer.template import render

FIRST = "02_baseline.ipynb"
"""The one to submit first."""

_NAMES = ("01_explore", "02_baseline", "03_improve")
_CELL = re.compile(r"^# %% ([\w-]+)(?: \[(markdown|parameters)\])?\n", re.MULTILINE)
_STAND_IN: dict[Kind, str] = {
    "probability": "roc_auc_score",
    "label": "accuracy_score",
    "value": "mean_absolute_error",
}
"""What a notebook shows where the organizer scores with a program."""

_TOLERANT = ("mean_absolute_error", "median_absolute_error")
"""Metrics that the median does best at, and not the mean."""

_BOOSTED_LEVELS = 255
"""Levels that scikit-learn's gradient boosting takes in one category."""

_LAST_OF_FONT = "\u052f"
"""The end of the Cyrillic letters; what comes later, the font of the plots may lack."""


def starter_notebooks(card: Card, codebook: Codebook) -> dict[str, Any]:
    """The three notebooks by file name; the same card and codebook give the same.

    Raises :class:`OrganizerError` when the codebook does not describe the card's target.
    """
    if card.data.target not in codebook.columns:
        raise OrganizerError(
            f"The codebook has no column {card.data.target!r}, which is to be predicted.",
            hint="Correct data.target in the card, or the codebook.",
        )
    values = _values(card, codebook)
    return {f"{name}.ipynb": _notebook(card, render(f"notebooks/{name}.py", **values)) for name in _NAMES}


def task_notebooks(card: Card) -> dict[str, Any]:
    """One notebook for each kind of submission that the tasks take: results, code for ingestion, and one that computes.

    Files and names in them are for the organizer to replace: no card describes what a program reads.
    """
    coded = next((task for task in card.tasks if task.ingestion), None)
    kinds = {"01_results": "results", **({"02_code": "code"} if coded else {}), "03_compute": "compute"}
    return {
        f"{name}.ipynb": _notebook(card, render(f"notebooks/task_{kind}.py", card=card, task=coded or card.tasks[0]))
        for name, kind in kinds.items()
    }


def write_starters(folder: ChallengeFolder) -> None:
    """Write them into ``starter_notebooks/`` of ``folder``, which is made if it is missing."""
    folder.notebooks_dir.mkdir(parents=True, exist_ok=True)
    card = folder.card
    notebooks = task_notebooks(card) if card.tasks else starter_notebooks(card, folder.codebook)
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder.notebooks_dir / name)


def _values(card: Card, codebook: Codebook) -> dict[str, Any]:
    """What the templates ask of a challenge."""
    identifier, target = card.data.identifier, card.data.target
    features = {name: column for name, column in codebook.columns.items() if name not in (identifier, target)}
    types = {column.type for column in features.values()}
    asked = [name for name in card.submission.columns if name != identifier]
    kind = _kind(card, codebook.columns[target])
    metric = _STAND_IN[kind] if card.scoring else card.primary.name
    numbered = "text" not in map(card.submission.columns.get, asked) and _is_numbered(codebook.columns[target])
    labels = kind == "label" and not numbered  # which only a column of text can hold
    metrics = [metric.name for metric in card.metrics]
    words = [*features, target, *(level for column in codebook.columns.values() for level in column.level_names)]
    return {
        "card": card,
        "columns": codebook.columns,
        "identifier": identifier,
        "target": target,
        "output": card.submission.output,
        "asked": asked,
        "written": ", ".join(f"`{name}`" for name in card.submission.columns),
        "kind": kind,
        "positive": _positive(codebook.columns[target]),
        "numbered": numbered,
        "whole": kind != "label" and any(card.submission.columns[name] == "integer" for name in asked),
        "other": [name for name in asked if labels and card.submission.columns[name] != "text"],
        "metric": metric,
        "stand_in": card.scoring is not None,
        "decimals": card.primary.decimals,
        "tolerant": metric in _TOLERANT,
        "balanced": metric == "balanced_accuracy_score",
        "order": _order(metrics),
        "types": types,
        "categorical": "category" in types,
        "numeric": bool(types - {"category"}),
        "how": _how("category" in types, bool(types - {"category"})),
        "drawn": sum(column.type != "text" for column in features.values()),
        "nullable": any(column.nullable for column in codebook.columns.values()),
        "wide": [name for name, column in features.items() if len(column.level_names) > _BOOSTED_LEVELS],
        "foreign": any(letter > _LAST_OF_FONT for word in words for letter in word),
        "boosted": "HistGradientBoostingRegressor" if kind == "value" else "HistGradientBoostingClassifier",
        "detailed": card.release.failure_detail == "cell-and-class",
        "wall_time": format_duration(card.limits.wall_time),
        "memory": format_size(card.limits.memory),
        "disk": format_size(card.limits.disk),
    }


def _kind(card: Card, target: Column) -> Kind:
    """What is to be predicted: as the primary metric reads it, else as the target's type suggests."""
    if card.scoring is None:
        return METRICS[card.primary.name].reads
    asked = [kind for name, kind in card.submission.columns.items() if name != card.data.identifier]
    if "text" not in asked and _is_binary(target):
        return "probability"
    return "value" if target.type in ("integer", "number") else "label"


def _is_binary(target: Column) -> bool:
    two_numbers = target.type == "integer" and target.maximum - target.minimum == 1
    return target.type == "boolean" or len(target.level_names) == 2 or two_numbers


def _positive(target: Column) -> str | int | None:
    """The greater of two classes, as the metrics take it; None where 1 or True stands for it anyway."""
    if target.level_names:
        return target.level_names[-1]
    return target.maximum if target.type == "integer" and target.maximum != 1 else None


def _is_numbered(target: Column) -> bool:
    """Whether every label is a whole number."""
    whole = target.levels is not None and all(isinstance(level, int) for level in target.levels)
    return target.type in ("integer", "boolean") or whole


def _order(metrics: list[str]) -> str:
    """Which of the card's metrics look at more than the order of the probabilities."""
    valued = [f"`{name}`" for name in metrics if name in ("brier_score_loss", "log_loss")]
    ordering = [f"`{name}`" for name in metrics if name in ("roc_auc_score", "average_precision_score")]
    said = [f"{' and '.join(valued)} looks at that"] if valued else []
    said += [f"{' and '.join(ordering)} at the order of the rows alone"] if ordering else []
    text = "; ".join(said)
    return f"{text}." if text else ""


def _how(categorical: bool, numeric: bool) -> str:
    """How the baseline prepares the columns that there are."""
    said = []
    if numeric:
        said.append("Gaps in numbers are filled, with a column that says where they were, and numbers are scaled.")
    if categorical:
        said.append("Each level of a category becomes a column.")
    return " ".join(said)


def _notebook(card: Card, text: str) -> Any:
    cells = []
    _, *parts = _CELL.split(text)
    for name, kind, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        new: Any = new_markdown_cell if kind == "markdown" else new_code_cell
        tags = {"tags": ["parameters"]} if kind == "parameters" else {}
        # an identifier of its own, because those of nbformat are random
        cells.append(new(re.sub(r"\n{4,}", "\n\n\n", source.strip()), id=name, metadata=tags))
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": f"pkit-{card.slug}",
        "display_name": f"{card.slug} (participant-kit)",
        "language": "python",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return notebook
