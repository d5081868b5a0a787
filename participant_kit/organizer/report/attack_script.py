"""Runs in an environment of its own, which has anonymeter and not this package: three tables in, risks out.

Usage: ``python attack_script.py FOLDER < settings.json``. FOLDER holds ``train.parquet``, ``control.parquet`` and
``synthetic.parquet`` of the same columns: numbers as float64, everything else as text. The settings: ``attacks`` (how
many of each kind), ``secrets`` (columns to infer), ``halves`` (two lists of columns to link) and ``seed``. The
answer, on standard output, is a JSON list of attacks with their risks and rates.

Giomi, Boenisch, Wehmeyer and Tasnadi, "A unified framework for quantifying privacy risk in synthetic data", PoPETs
2023.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl  # type: ignore[import-not-found]  # this and the next are in the other environment
from anonymeter.evaluators import (  # type: ignore[import-not-found]
    InferenceEvaluator,
    LinkabilityEvaluator,
    SinglingOutEvaluator,
)

_TABLES = ("train", "control", "synthetic")
_MAX_TRIES = 100_000
"""Queries that are tried to find those that single out a synthetic row."""
_NEIGHBOURS = 10
"""Nearest synthetic rows that are looked at for a link."""
_COLUMNS = 4
"""Columns that a query of several asks for."""


def main() -> None:
    """Read, attack, print."""
    folder, settings = Path(sys.argv[1]), json.load(sys.stdin)
    warnings.simplefilter("ignore")  # of attacks worse than guessing, which the rates show
    train, control, synthetic = (pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    tables = train, control, synthetic
    _fix_seeds(settings["seed"])
    filled = _filled(*tables)
    results = _single_out(*tables, settings) + _link(*filled, settings) + _infer(*filled, settings)
    print(json.dumps(results))


def _fix_seeds(seed: int) -> None:
    """The same tables give the same figures: seeds for the generators made without one, and an order for groups."""
    seeds, make = itertools.count(seed), np.random.default_rng
    np.random.default_rng = lambda given=None: make(next(seeds) if given is None else given)  # type: ignore[assignment]
    np.random.seed(seed)
    group = pl.DataFrame.group_by
    pl.DataFrame.group_by = lambda frame, *by, **options: group(frame, *by, **options | {"maintain_order": True})


def _filled(*tables: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Without missing numbers, which have no distance: the synthetic rows' median stands for them."""
    medians = tables[-1].median(numeric_only=True).fillna(0.0)
    train, control, synthetic = (table.fillna(medians) for table in tables)
    return train, control, synthetic


def _single_out(train: Any, control: Any, synthetic: Any, settings: Any) -> list[dict[str, Any]]:
    result, several = [], min(_COLUMNS, train.shape[1])
    for mode, columns in (("univariate", 1), ("multivariate", several)):
        evaluator = SinglingOutEvaluator(
            ori=train, syn=synthetic, control=control, n_attacks=settings["attacks"], n_cols=columns,
            max_attempts=_MAX_TRIES, seed=settings["seed"],
        )  # fmt: skip
        if columns > 1 or mode == "univariate":
            result.append(_figures("singling out", evaluator.evaluate(mode=mode), columns=columns))
    return result


def _link(train: Any, control: Any, synthetic: Any, settings: Any) -> list[dict[str, Any]]:
    if not all(settings["halves"]):
        return []
    evaluator = LinkabilityEvaluator(
        ori=train, syn=synthetic, control=control, n_attacks=settings["attacks"], aux_cols=settings["halves"],
        n_neighbors=min(_NEIGHBOURS, len(synthetic)),
    )  # fmt: skip
    return [_figures("linkability", evaluator.evaluate(n_jobs=-1), columns=train.shape[1])]


def _infer(train: Any, control: Any, synthetic: Any, settings: Any) -> list[dict[str, Any]]:
    result = []
    for secret in settings["secrets"]:
        known = [name for name in train.columns if name != secret]
        if known:
            evaluator = InferenceEvaluator(
                ori=train, syn=synthetic, control=control, n_attacks=settings["attacks"], aux_cols=known,
                secret=secret, regression=bool(pd.api.types.is_numeric_dtype(train[secret])),
            )  # fmt: skip
            result.append(_figures("inference", evaluator.evaluate(n_jobs=-1), columns=len(known), secret=secret))
    return result


def _figures(kind: str, evaluator: Any, *, columns: int, secret: str | None = None) -> dict[str, Any]:
    results, risk = evaluator.results(), evaluator.risk()
    return {
        "kind": kind,
        "columns": columns,
        "secret": secret,
        "risk": {"value": risk.value, "low": risk.ci[0], "high": risk.ci[1]},
        "train_rate": results.attack_rate.value,
        "control_rate": results.control_rate.value,
    }


if __name__ == "__main__":
    main()
