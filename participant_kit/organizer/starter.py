"""The notebooks that a scaffolded challenge starts with: a model, and a constant to beat."""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Column
from participant_kit.challenge.metrics import METRICS

_READ = """from pathlib import Path

import pandas as pd

train = pd.read_parquet(Path(data_dir) / "train.parquet")
test = pd.read_parquet(Path(data_dir) / "test.parquet")
train.head()"""

_FEATURES = '''identifier, target = {identifier!r}, {target!r}


def features(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as float64 with NaN for what is missing, categories as they are; text and dates are left out."""
    chosen = table.drop(columns=[identifier, target], errors="ignore")
    numbers = chosen.select_dtypes(["number", "boolean"]).columns
    return chosen.astype(dict.fromkeys(numbers, "float64")).select_dtypes(["float64", "category"])


truth = train[target]{truth}'''

_MODEL = """from sklearn.ensemble import {model}
from sklearn.model_selection import cross_val_score

model = {model}(categorical_features="from_dtype", max_iter=60, random_state=0)
scores = cross_val_score(model, features(train), truth, cv=3, scoring={scoring!r})
print(f"{scoring}: {{scores.mean():.3f}}")"""

_WRITE = """predictions = pd.DataFrame({{identifier: test[identifier], {column!r}: {prediction}}})
predictions.to_csv(Path(output_dir) / {output!r}, index=False)
predictions.head()"""


def starter_notebook(card: Card, target: Column) -> Any:
    """A notebook that fits gradient boosting to every number and category, and predicts the test rows."""
    kind = METRICS[card.primary.name].reads
    classifier = kind != "value"
    model = "HistGradientBoostingClassifier" if classifier else "HistGradientBoostingRegressor"
    scoring = {"probability": "roc_auc", "label": "accuracy", "value": "r2"}[kind]
    predict = {
        "probability": "model.predict_proba(features(test))[:, 1]",
        "label": "model.predict(features(test))",
        "value": "model.predict(features(test))",
    }[kind]
    return _notebook(
        card,
        f"# {card.title}\n\nA first model. The sample here is synthetic, so a score on it says little; the real one "
        "comes back when you submit.",
        _FEATURES.format(
            identifier=card.data.identifier, target=card.data.target, truth=".astype(str)" if classifier else ""
        ),
        _MODEL.format(model=model, scoring=scoring),
        "model.fit(features(train), truth)\n" + _write(card, predict),
    )


def baseline_notebook(card: Card, target: Column) -> Any:
    """A notebook whose prediction is the same for every row: what a model has to beat."""
    kind = METRICS[card.primary.name].reads
    positive = str(target.levels[-1]) if target.levels else "True" if target.type == "boolean" else "1"
    predict = {
        "probability": f"(truth.astype(str) == {positive!r}).mean()",
        "label": "truth.mode()[0]",
        "value": 'truth.astype("float64").median()',
    }[kind]
    return _notebook(
        card,
        f"# {card.title}: the baseline\n\nOne prediction for every row, without a look at its columns. A model that "
        "does not beat it has learned nothing.",
        f"identifier, target = {card.data.identifier!r}, {card.data.target!r}\ntruth = train[target].dropna()",
        _write(card, predict),
    )


def _write(card: Card, prediction: str) -> str:
    column = next(name for name in card.submission.columns if name != card.data.identifier)
    return _WRITE.format(column=column, prediction=prediction, output=card.submission.output)


def _notebook(card: Card, title: str, *cells: str) -> Any:
    parameters = new_code_cell('data_dir = "../sample_data"\noutput_dir = "."', metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[new_markdown_cell(title), parameters, *map(new_code_cell, (_READ, *cells))])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # nbformat's own are random, and the same challenge is to give the same file
    notebook.metadata["kernelspec"] = {
        "name": f"pkit-{card.slug}",
        "display_name": f"{card.slug} (participant-kit)",
        "language": "python",
    }
    nbformat.validate(notebook)
    return notebook
