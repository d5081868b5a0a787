"""Card to bundle to card is the identity, on what both can say; with the card in the bundle, on everything."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from codabench_bundle import PNG
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from participant_kit.challenge.card import Card
from participant_kit.challenge.document import dump_document
from participant_kit.organizer.codabench.bundle import open_bundle
from participant_kit.organizer.codabench.to_card import to_card
from participant_kit.organizer.codabench.to_competition import key_of, to_competition

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], include_characters="\x85"), min_size=1, max_size=40
)
SLUG = st.from_regex(r"[a-z]([a-z0-9]{0,8}[a-z0-9])(-[a-z0-9]{1,5})?", fullmatch=True)
KEY = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True)
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # making a failure smaller would take minutes
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def phases(draw: st.DrawFn) -> list[dict[str, Any]]:
    """In order, some right after each other, but none a second apart: that gap means none there."""
    names = draw(st.lists(SLUG, min_size=1, max_size=4, unique=True))
    hidden = draw(st.sampled_from(["live", "hidden"]))
    moment, made = FIRST + timedelta(seconds=draw(st.integers(0, 10**8))), []
    for name in names:
        starts = moment
        moment = starts + timedelta(seconds=draw(st.integers(2, 10**7)))
        quota = st.one_of(st.none(), st.integers(1, 1000))
        made.append({"name": name, "starts": starts, "ends": moment, "leaderboard": hidden} | {
            "per_day": draw(quota), "total": draw(quota)
        })  # fmt: skip
        moment += timedelta(seconds=draw(st.sampled_from([0, 2, 86400])))
    return made


@st.composite
def numbers(draw: st.DrawFn, key: str) -> dict[str, Any]:
    return {
        "name": key,
        "higher_is_better": draw(st.booleans()),
        "decimals": draw(st.integers(0, 9)),
        "range": draw(st.sampled_from([[0, 1], [-1, 1], [0, 600], [-3.5, 12]])),
    }


@st.composite
def shared(draw: st.DrawFn) -> dict[str, Any]:
    """What every card has and Codabench can say."""
    files = draw(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}\.(md|html)", fullmatch=True), max_size=3, unique=True))
    title = TEXT.map(str.strip).filter(bool)
    return {
        "schema_version": 1,
        "slug": "some-challenge",
        "title": draw(TEXT),
        "summary": draw(st.one_of(st.just(""), TEXT)),
        "pages": [{"title": draw(title), "file": file} for file in files],
        "terms": "the_terms.md",
        "image": "the_logo.png",
        "limits": {"wall_time": f"{draw(st.integers(1, 10**5))} s"},
        "phases": draw(phases()),
    }


def of_task(column: dict[str, Any], task: str) -> dict[str, Any]:
    """A column as the metric of one of several tasks."""
    metric = column | {"name": f"{task}_{column['name']}"}
    if "of" in column:
        return metric | {"of": [f"{task}_{key}" for key in column["of"]]}
    return metric | {"task": task, "key": column["name"]}


@st.composite
def cards_of_tasks(draw: st.DrawFn) -> Card:
    """A card with tasks, all of whose names are those that an import gives."""
    content = draw(shared())
    count, several = draw(st.integers(1, 2)), len(content["phases"]) > 1
    names = ["task"] if count == 1 else [f"task-{number}" for number in range(1, count + 1)]
    if not several:
        names = draw(st.lists(SLUG, min_size=count, max_size=count, unique=True))
    ingestion = draw(st.booleans())
    beside = ingestion and draw(st.booleans())
    task = {"scoring": "scoring_program", "ingestion": "ingestion_program" if ingestion else None}
    content["tasks"] = [{"name": name, **task, "beside": beside} for name in names]
    keys = draw(st.lists(KEY, min_size=1, max_size=4, unique=True))
    columns = [draw(numbers(key)) for key in keys]
    computed = draw(st.none() | st.sampled_from(["sum", "avg", "min", "max"])) if len(columns) > 1 else None
    if computed:
        columns[0] |= {"computation": computed, "of": keys[1:]}
    primary = draw(st.integers(1 if computed else 0, len(columns) - 1))
    if count == 1:
        columns[primary]["primary"] = True
        content["metrics"] = columns
    else:
        content["metrics"] = [of_task(column, name) for name in names for column in columns]
        chosen = columns[primary]
        content["metrics"].append(chosen | {
            "primary": True, "computation": "avg", "of": [f"{name}_{chosen['name']}" for name in names]
        })  # fmt: skip
    content["submission"] = {"output": "submission.zip"}
    return Card.model_validate(content)


@st.composite
def cards_of_tables(draw: st.DrawFn) -> Card:
    """A card of tables, with much that Codabench cannot say."""
    content = draw(shared())
    names = draw(st.lists(st.sampled_from(["roc_auc_score", "log_loss", "brier_score_loss"]), min_size=1, unique=True))
    content["metrics"] = [draw(numbers(name)) | {"higher_is_better": name == "roc_auc_score"} for name in names]
    content["metrics"][draw(st.integers(0, len(names) - 1))]["primary"] = True
    content["data"] = {"identifier": "id", "target": "ill", "dataset": draw(st.none() | SLUG)}
    content["submission"] = {
        "columns": {"id": "integer", "prediction": "number"},
        "max_cells": draw(st.integers(1, 99)),
    }
    content["release"] = {"budget_bits": draw(st.integers(1, 9999)), "leaderboard_mechanism": "rounded"}
    content["limits"] |= {"cpus": draw(st.integers(1, 8)), "wall_time": f"{draw(st.integers(1000, 10**6))} ms"}
    for key in draw(st.sets(st.sampled_from(["terms", "image"]))):
        content[key] = None
    for phase in content["phases"]:
        phase["leaderboard"] = draw(st.sampled_from(["live", "hidden"]))
    return Card.model_validate(content)


def there_and_back(card: Card, *, with_card: bool) -> Card:
    content, _ = to_competition(card)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = {content["image"], content["terms"], *(page["file"] for page in content["pages"])}
        programs = {task[kind] for task in content["tasks"] for kind in task if kind.endswith("_program")}
        for name in programs:
            names.add(f"{name}/metadata.yaml")
        for task in content["tasks"]:
            names |= {f"{task['input_data']}/x", f"{task['reference_data']}/x"}
        names |= {"starting_kit/x", "public_data/x"}
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(PNG if name.endswith(".png") else f"text of {name}".encode())
        if with_card:
            for name in programs:
                (root / name / "participant_kit").mkdir()
                text = dump_document(card.model_dump(mode="json", exclude_defaults=True))
                (root / name / "participant_kit" / "challenge.yaml").write_text(text, "utf-8")
        (root / "competition.yaml").write_text(dump_document(content, block=True), "utf-8")
        by_name = {metric.name: metric for metric in card.metrics}
        ranges = {key_of(metric, by_name): metric.range for metric in card.metrics}
        with open_bundle(root) as bundle:
            return to_card(bundle, card.slug, ranges).card


@settings(max_examples=30, deadline=None, phases=QUICK)
@given(cards_of_tasks())
def test_a_card_with_tasks_comes_back_from_the_keys_alone(card: Card) -> None:
    assert there_and_back(card, with_card=False) == card


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(cards_of_tables())
def test_a_card_of_tables_comes_back_whole(card: Card) -> None:
    assert there_and_back(card, with_card=True) == card
