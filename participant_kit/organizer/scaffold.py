"""A challenge folder that works at once, from one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from participant_kit.challenge.codebook import Codebook, Column
from participant_kit.challenge.document import MAX_DOCUMENT_BYTES, dump_document
from participant_kit.challenge.folder import PRIVATE, ChallengeFolder
from participant_kit.challenge.table import read_table
from participant_kit.organizer.draft import draft_codebook
from participant_kit.organizer.errors import OrganizerError, near_misses
from participant_kit.organizer.new_folder import new_folder, slug_of
from participant_kit.organizer.split import split_table, write_phases
from participant_kit.organizer.starter import write_starters
from participant_kit.organizer.synthesize import Request, write_sample
from participant_kit.organizer.template import render

PACKAGES = ("ipykernel", "matplotlib", "numpy", "pandas", "papermill", "pyarrow", "scikit-learn")
"""What a scaffolded challenge offers to notebooks, in the versions that are installed here."""
PHASES = ("development", "final")


def new_challenge(
    folder: Path,
    data: Path,
    target: str,
    identifier: str,
    *,
    title: str | None = None,
    test_share: float = 0.3,
    seed: int = 0,
    tell: Callable[[str], None] = lambda text: None,
) -> ChallengeFolder:
    """Write a challenge to the new folder ``folder``, from the CSV or Parquet file ``data``.

    ``test_share``, in (0, 1), of the rows become test rows, half of them for each phase. ``seed`` fixes the
    split and the sample. ``tell`` is told what was decided. Raises :class:`OrganizerError`, or
    :class:`~participant_kit.challenge.errors.ChallengeError` for a table that cannot be read; then nothing
    is left behind.
    """
    if not 0 < test_share < 1:
        raise OrganizerError(f"The share of test rows is {test_share}.", hint="Give one between 0 and 1, as 0.3.")
    frame = _read(data, target, identifier)
    codebook, frame = draft_codebook(frame, identifier, target, tell)
    card = _card(slug_of(folder), title, identifier, target, codebook.columns)
    with new_folder(folder) as made:
        made.card_path.write_text(card)
        made.codebook_path.write_text(_codebook_text(codebook))
        made.requirements_path.write_text("".join(f"{name}=={version(name)}\n" for name in PACKAGES))
        (made.root / ".gitignore").write_text(f"/{PRIVATE}/\n")
        by_class = codebook.columns[target].type not in ("number", "integer") or _is_zero_one(codebook.columns[target])
        train, tests = split_table(frame, target, PHASES, test_share=test_share, seed=seed, by_class=by_class)
        write_phases(made, train, tests)
        write_sample(made, "schema", Request(seed=seed))
        write_starters(made)
    rows = {phase: len(test) for phase, test in tests.items()}
    tell(f"{len(train)} rows to learn from; to be predicted: {', '.join(f'{n} in {p}' for p, n in rows.items())}")
    return ChallengeFolder(folder)


def _read(data: Path, target: str, identifier: str) -> pd.DataFrame:
    frame = read_table(data)
    frame.columns = frame.columns.map(str)
    for option, name in (("--id", identifier), ("--target", target)):
        if name not in frame:
            hint = f"{near_misses(name, list(frame.columns))} Name one with {option}."
            raise OrganizerError(f"{data.name} has no column {name!r}.", hint=hint)
    if identifier == target:
        raise OrganizerError(f"{target!r} is both --id and --target.", hint="Name two columns.")
    if repeated := frame.columns[frame.columns.duplicated()].unique().tolist():
        raise OrganizerError(f"{data.name} has these columns twice: {', '.join(repeated)}.", hint="Rename one of each.")
    if frame.shape[1] < 3:
        raise OrganizerError(f"{data.name} has no column beside {identifier!r} and {target!r} to predict from.")
    if frame.empty:
        raise OrganizerError(f"{data.name} has no rows.", hint="Give a table with a row for each case.")
    return frame


def _card(slug: str, title: str | None, identifier: str, target: str, columns: dict[str, Column]) -> str:
    today = datetime.now(UTC).date()
    middle, end = today + timedelta(days=90), today + timedelta(days=104)
    development, final = PHASES
    metrics, prediction_type = _metrics(columns[target])
    return render(
        "challenge.yaml",
        slug=slug,
        title=title or f"Predict {target}",
        summary=f"Predict {target} from {len(columns) - 2} other columns.",
        identifier=identifier,
        identifier_type=columns[identifier].type,
        target=target,
        prediction="prediction" if identifier != "prediction" else "predicted",
        prediction_type=prediction_type,
        metrics=metrics,
        phases=[
            {
                "name": development,
                "starts": today,
                "ends": middle,
                "quota": ", per_day: 10, total: 100",
                "leaderboard": "live",
            },
            {"name": final, "starts": middle, "ends": end, "quota": ", total: 2", "leaderboard": "hidden"},
        ],
    )


def _metrics(target: Column) -> tuple[list[dict[str, Any]], str]:
    def metric(name: str, higher: bool, low: float, high: float, decimals: int = 3) -> dict[str, Any]:
        return {"name": name, "higher_is_better": higher, "range": [low, high], "decimals": decimals}

    if target.type == "boolean" or _is_zero_one(target) or len(target.levels or []) == 2:
        metrics, kind = [metric("roc_auc_score", True, 0, 1), metric("brier_score_loss", False, 0, 1)], "number"
    elif target.type == "category":
        metrics, kind = [metric("balanced_accuracy_score", True, 0, 1), metric("accuracy_score", True, 0, 1)], "text"
    else:
        span = float(target.maximum - target.minimum) or 1.0
        decimals = min(max(3 - math.ceil(math.log10(span)), 0), 9)
        error = metric("mean_absolute_error", False, 0, span if span % 1 else int(span), decimals)
        metrics, kind = [metric("r2_score", True, 0, 1), error], "number"
    metrics[0]["primary"] = True
    return metrics, kind


def _is_zero_one(column: Column) -> bool:
    return column.type == "integer" and (column.minimum, column.maximum) == (0, 1)


def _codebook_text(codebook: Codebook) -> str:
    head = (
        "# What each column may hold. Drafted from the data: read every line, correct it, delete its `draft: true`.\n"
        "# Everybody gets this file. Bounds, levels and shares of missing values are yours to choose; they need not\n"
        "# be those of the data, as long as every real row fits.\n"
    )
    text = head + dump_document(codebook.model_dump(exclude_defaults=True))
    if (size := len(text.encode())) > MAX_DOCUMENT_BYTES:
        longest = max(codebook.columns, key=lambda name: sum(map(len, codebook.columns[name].level_names)))
        raise OrganizerError(
            f"The codebook would have {size} bytes, and {MAX_DOCUMENT_BYTES} at most are read.",
            hint=f"Leave out columns, or merge levels; those of {longest!r} take most room.",
        )
    return text
