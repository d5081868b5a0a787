"""The card: every mistake is named with its file, line and key; its schema is one that editors understand."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support import CARD, make_card

from participant_kit.challenge.card import Card, Limits, Metric, Phase, card_schema, read_card
from participant_kit.challenge.document import dump_document, parse_document
from participant_kit.challenge.finding import Finding, FindingsError

FINAL = "\n  - {name: final, starts: 2036-01-01, ends: 2037-01-01}"


def findings_of(old: str, new: str) -> list[Finding]:
    with pytest.raises(FindingsError) as raised:
        make_card(**{old: new})
    return raised.value.findings


def test_a_card_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "challenge.yaml").write_bytes(CARD)
    assert read_card(tmp_path / "challenge.yaml") == make_card()


def test_a_card_that_was_written_is_read_back_as_the_same_card() -> None:
    card = make_card()
    text = dump_document(card.model_dump(mode="json"))
    assert parse_document(text.encode(), Card, "challenge.yaml") == card


def test_what_a_card_leaves_out_is_strict() -> None:
    said = next(line for line in CARD.decode().splitlines() if line.startswith("release:"))
    release = make_card(**{said: ""}).release
    assert (release.leaderboard_mechanism, release.failure_detail) == ("ladder", "stage")
    assert release.completion_tick == timedelta(seconds=10)


def test_units_stand_in_the_text_of_a_card() -> None:
    limits = make_card().limits
    assert (limits.wall_time, limits.memory, limits.disk) == (timedelta(seconds=60), 1 << 30, 64 << 20)
    assert limits.model_dump(mode="json")["memory"] == "1 GiB"
    assert (Limits().memory, Limits().disk) == (4 << 30, 1 << 30)


ONE_KEY = [
    # units
    ("60 s", "60", 6, "limits.wall_time", "60", '"30 min"'),
    ("60 s", "soon", 6, "limits.wall_time", "'soon'", '"30 min"'),
    ("60 s", "30 m", 6, "limits.wall_time", "'30 m'", '"30 min"'),
    ("60 s", "0 s", 6, "limits.wall_time", "'0 s'", '"1 s" and "7 days"'),
    ("60 s", "8 days", 6, "limits.wall_time", "'8 days'", '"1 s" and "7 days"'),
    ("60 s", "99999999999999 weeks", 6, "limits.wall_time", "'99999999999999 weeks'", "shorter"),
    ("1 GiB", "4", 6, "limits.memory", "4", '"4 GiB"'),
    ("1 GiB", '"4"', 6, "limits.memory", "'4'", '"4 GiB"'),
    ("1 GiB", "lots", 6, "limits.memory", "'lots'", '"4 GiB"'),
    ("1 GiB", "1 KiB", 6, "limits.memory", "'1 KiB'", '"256 MiB"'),
    ("64 MiB", "true", 6, "limits.disk", "True", '"4 GiB"'),
    ("64 MiB", "0 B", 6, "limits.disk", "'0 B'", '"1 MiB"'),
    ("100 ms", "1 ms", 13, "release.completion_tick", "'1 ms'", '"100 ms"'),
    ("release: {", "release: {budget_bits: .inf, ", 13, "release.budget_bits", "inf", "1000000"),
    ("release: {", "release: {budget_bits: 0, ", 13, "release.budget_bits", "0", "greater than 0"),
    # keys and words
    ("title:", "titel: x\ntitle:", 4, "titel", "the unknown key 'titel'", "pkit challenge schema"),
    ("cpus: 2", "cpus: 2, tpus: 2", 6, "limits.tpus", "the unknown key 'tpus'", "pkit challenge schema"),
    ("slug: small\n", "", 2, "slug", "nothing", "this key"),
    ("slug: small", "slug: Small One", 3, "slug", "'Small One'", "text like '^[a-z0-9]"),
    ("title: A small challenge", "title: ''", 4, "title", "''", "text of at least 1"),
    ("schema_version: 1", "schema_version: 2", 2, "schema_version", "2", "1"),
    ("cpus: 2", "cpus: '2'", 6, "limits.cpus", "'2'", "valid integer"),
    ("cpus: 2", "cpus: 0", 6, "limits.cpus", "0", "greater than or equal to 1"),
    ("rounded", "raw", 13, "release.leaderboard_mechanism", "'raw'", "'thresholdout' or 'rounded'"),
    ("prediction: number", "prediction: float", 7, "submission.columns.prediction", "'float'", "'integer', 'number'"),
    ("{columns", "{output: a.xls, columns", 7, "submission.output", "'a.xls'", ".csv or .parquet"),
    ("{columns", "{output: ../a.csv, columns", 7, "submission.output", "'../a.csv'", "text like"),
    ("{columns", "{max_cells: 0, columns", 7, "submission.max_cells", "0", "greater than or equal to 1"),
    ("total: 100}", "total: 0}", 12, "phases.0.total", "0", "greater than or equal to 1"),
    # dates
    ("2036-01-01", "soon", 12, "phases.0.ends", "'soon'", "2026-01-31"),
    ("2036-01-01", "2036-02-31", 12, "phases.0.ends", "'2036-02-31'", "2026-01-31"),
    ("2036-01-01", "01.02.2036", 12, "phases.0.ends", "'01.02.2036'", "2026-01-31"),
    ("2036-01-01", "2036", 12, "phases.0.ends", "2036", "2026-01-31"),
    ("2036-01-01", "null", 12, "phases.0.ends", "None", "2026-01-31"),
    ("2036-01-01", "2026-01-01", 12, "phases.0", "", "start before the end"),
    # ranges
    (
        "range: [0, 1], decimals: 3, primary",
        "range: [1, 0], primary",
        9,
        "metrics.0.range",
        "[1, 0]",
        "the lower first",
    ),
    (
        "range: [0, 1], decimals: 3, primary",
        "range: [1, 1], primary",
        9,
        "metrics.0.range",
        "[1, 1]",
        "the lower first",
    ),
    (
        "range: [0, 1], decimals: 3, primary",
        "range: [0, .inf], primary",
        9,
        "metrics.0.range",
        "[0, inf]",
        "two numbers",
    ),
    (
        "range: [0, 1], decimals: 3, primary",
        "range: [.nan, 1], primary",
        9,
        "metrics.0.range",
        "[nan, 1]",
        "two numbers",
    ),
    (
        "range: [0, 1], decimals: 3, primary",
        "range: [0, 1.0e+308], primary",
        9,
        "metrics.0.range",
        "[0, 1e+308]",
        "two",
    ),
    ("range: [0, 1], decimals: 3, primary", "range: [0], primary", 9, "metrics.0.range.1", "nothing", "this key"),
    ("decimals: 3, primary", "decimals: 10, primary", 9, "metrics.0.decimals", "10", "less than or equal to 9"),
    # names, once each
    ("brier_score_loss", "roc_auc_score", 8, "metrics", "", "each metric once"),
    ("primary: true", "primary: false", 8, "metrics", "", "primary: true"),
    ("decimals: 3}", "decimals: 3, primary: true}", 8, "metrics", "", "exactly one"),
    ("total: 100}", "total: 100}" + FINAL.replace("final", "development"), 11, "phases", "", "each phase name once"),
    ("total: 100}", "total: 100}" + FINAL.replace("2036", "2035"), 11, "phases", "", "development ends after final"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "found", "expected"), ONE_KEY)
def test_a_mistake_is_told_with_file_line_key_found_and_expected(
    old: str, new: str, line: int, key: str, found: str, expected: str
) -> None:
    (finding,) = findings_of(old, new)
    assert (finding.file, finding.line, finding.key, finding.found) == ("challenge.yaml", line, key, found)
    assert expected in finding.expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("target: ill", "target: id", "data.identifier and data.target naming two different columns"),
        ("{id: integer, prediction", "{prediction", "submission.columns holding the identifier 'id'"),
        (", prediction: number", "", "submission.columns holding at least one column of predictions"),
        ("prediction: number", "a: number, b: number", "one prediction column"),
        ("brier_score_loss", "f1_of_mine", "not f1_of_mine"),
        ("higher_is_better: false", "higher_is_better: true", "higher_is_better: false for brier_score_loss"),
    ],
)
def test_what_does_not_go_together_is_told_by_the_names_of_its_keys(old: str, new: str, expected: str) -> None:
    (finding,) = findings_of(old, new)
    assert (finding.file, finding.line) == ("challenge.yaml", 2)
    assert expected in finding.expected


def test_a_key_that_stands_twice_is_refused() -> None:
    (finding,) = findings_of("title: A small", "slug: other\ntitle: A small")
    assert (finding.line, finding.found) == (4, "'slug' twice")


def test_every_mistake_is_told_at_once() -> None:
    text = CARD.replace(b"60 s", b"60").replace(b"cpus: 2", b"cpus: 0").replace(b"2036-01-01", b"soon")
    with pytest.raises(FindingsError) as raised:
        parse_document(text, Card, "challenge.yaml")
    keys = [finding.key for finding in raised.value.findings]
    assert keys == ["limits.wall_time", "limits.cpus", "phases.0.ends"]


def test_a_scoring_program_names_its_metrics_and_columns_itself() -> None:
    card = make_card(
        **{
            "brier_score_loss": "mine",
            "prediction: number": "a: number, b: text",
            "metrics:": "scoring: program\nmetrics:",
        }
    )
    assert [metric.name for metric in card.metrics] == ["roc_auc_score", "mine"]
    assert card.primary.name == "roc_auc_score"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2036-01-01", datetime(2036, 1, 1, tzinfo=UTC)),
        ('"2036-01-01"', datetime(2036, 1, 1, tzinfo=UTC)),
        ("2036-01-01T12:00:00Z", datetime(2036, 1, 1, 12, tzinfo=UTC)),
        ("2036-01-01 12:00:00", datetime(2036, 1, 1, 12, tzinfo=UTC)),
        ("2036-01-01T12:00:00+02:00", datetime(2036, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_date_is_its_first_instant_and_a_time_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert make_card(**{"2036-01-01": text}).phases[0].ends == moment


def test_a_phase_holds_its_start_and_not_its_end() -> None:
    card = make_card(**{"total: 100}": "total: 100}" + FINAL})
    names = [
        phase.name if (phase := card.open_phase(datetime(*day, tzinfo=UTC))) else None
        for day in ((2025, 12, 31), (2026, 1, 1), (2035, 12, 31), (2036, 1, 1), (2037, 1, 1))
    ]
    assert names == [None, "development", "development", "final", None]


def test_a_phase_is_found_by_its_name() -> None:
    card = make_card()
    assert card.phase("development") is card.phases[0]
    assert card.phase("final") is None
    assert isinstance(card.phases[0], Phase)


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.12349, 0.123), (0.1235, 0.123), (7, 1.0), (-7, 0.0), (-0.0, 0.0), (1e300, 1.0)]
)
def test_a_score_is_clipped_and_rounded(value: float, rounded: float) -> None:
    found = make_card().primary.rounded(value)
    assert (found, str(found)) == (rounded, str(rounded))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_is_refused_with_the_name_of_its_metric(value: float) -> None:
    with pytest.raises(ValueError, match="roc_auc_score is not a finite number"):
        make_card().primary.rounded(value)


@given(st.floats(-5, 5), st.floats(0.01, 5), st.integers(0, 2), st.lists(st.floats(-20, 20), max_size=20))
def test_no_rounded_score_is_outside_the_counted_levels(
    low: float, width: float, decimals: int, seen: list[float]
) -> None:
    metric = Metric(name="m", higher_is_better=True, range=(low, low + width), decimals=decimals)
    first, last = metric.rounded(-100), metric.rounded(100)
    assert round((last - first) * 10**decimals) + 1 == metric.levels
    assert all(first <= metric.rounded(value) <= last for value in seen)


def every_default(schema: Any) -> list[Any]:
    if isinstance(schema, dict):
        own = [schema["default"]] if "default" in schema else []
        return own + [found for part in schema.values() for found in every_default(part)]
    return [found for part in schema for found in every_default(part)] if isinstance(schema, list) else []


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return card_schema()


def test_the_schema_is_json_schema_and_made_without_a_warning(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert json.loads(json.dumps(schema)) == schema


def test_the_schema_shows_defaults_as_they_are_written_in_a_card(schema: dict[str, Any]) -> None:
    limits = schema["$defs"]["Limits"]["properties"]
    assert [limits[key]["default"] for key in ("wall_time", "memory", "disk")] == ["30 min", "4 GiB", "1 GiB"]
    assert schema["$defs"]["Submission"]["properties"]["max_notebook"]["default"] == "10 MiB"
    assert schema["properties"]["limits"]["default"]["memory"] == "4 GiB"


def test_every_default_of_the_schema_is_one_that_the_schema_allows(schema: dict[str, Any]) -> None:
    checked = 0
    for model in (schema, *schema["$defs"].values()):
        for name, part in model["properties"].items():
            if "default" in part:
                whole = {"$defs": schema["$defs"], **part}
                assert list(Draft202012Validator(whole).iter_errors(part["default"])) == [], name
                checked += 1
    assert checked == len(every_default(schema))


def test_editors_accept_what_the_card_accepts(schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    as_text = {"tag:yaml.org,2002:timestamp": lambda loader, node: node.value}
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_constructors": {**yaml.SafeLoader.yaml_constructors, **as_text}})
    content = yaml.load(CARD, loader)
    assert list(validator.iter_errors(content)) == []
    assert list(validator.iter_errors(make_card().model_dump(mode="json"))) == []


@pytest.mark.parametrize(("key", "value"), [("titel", "x"), ("limits", {"memory": 4}), ("slug", "Small One")])
def test_editors_refuse_what_the_card_refuses(schema: dict[str, Any], key: str, value: Any) -> None:
    content = {**make_card().model_dump(mode="json"), key: value}
    assert list(Draft202012Validator(schema).iter_errors(content))


def test_figures_of_the_runner_need_no_scoring_program_and_others_do() -> None:
    def figure(name: str) -> str:
        return f"release: {{figures: [{{name: {name}, range: [0, 9]}}], "

    assert make_card(**{"release: {": figure("run_seconds")}).release.figures[0].name == "run_seconds"
    (finding,) = findings_of("release: {", figure("age_gap"))
    assert "run_seconds and run_memory_mib; others only beside a scoring program" in finding.expected


TASKS = b"""schema_version: 1
slug: two-tasks
title: Two tasks
submission: {output: submission.zip}
tasks:
  - {name: small, scoring: scoring_program, ingestion: ingestion_program}
  - {name: large, scoring: scoring_program}
metrics:
  - {name: first, task: small, key: accuracy, higher_is_better: true, range: [0, 1]}
  - {name: second, task: large, key: accuracy, higher_is_better: true, range: [0, 1]}
  - {name: both, computation: avg, of: [first, second], higher_is_better: true, range: [0, 1], primary: true}
phases:
  - {name: development, starts: 2025-01-01, ends: 2036-01-01, tasks: [large, small]}
"""


def test_a_challenge_with_tasks_names_no_columns() -> None:
    card = parse_document(TASKS, Card, "challenge.yaml")
    assert [task.name for task in card.tasks] == ["small", "large"]
    assert [task.name for task in card.tasks_of("development")] == ["small", "large"]
    assert not card.data.identifier and not card.submission.columns


def test_phases_with_one_task_each_share_their_metrics() -> None:
    phases = """tasks: [small]}
  - {name: final, starts: 2036-01-01, ends: 2037-01-01, tasks: [large]}"""
    text = TASKS.decode().replace("tasks: [large, small]}", phases).replace("task: small, ", "")
    card = parse_document(text.replace("task: large, ", "").encode(), Card, "challenge.yaml")
    assert [task.name for task in card.tasks_of("final")] == ["large"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("tasks: [large, small]", "tasks: [other]", "phases with tasks of the card (large, small), not other"),
        ("task: large", "task: other", "second of a task of the card (large, small), not other"),
        ("task: large, ", "", "task for the metric second, one of small, large"),
        ("ingestion: ingestion_program", "ingestion: private", "folder of the program's own, not private"),
        ("ingestion: ingestion_program", "beside: true", "an ingestion program, if it is to run beside scoring"),
        ("tasks: [large, small]", "tasks: [small]", "large among the tasks of the phase development"),
        ("of: [first, second]", "of: [both]", "both computed of other metrics"),
        ("name: large", "name: small", "each task name once"),
        ("submission.zip", "predictions.csv", "submission.output ending in .zip"),
        ("title: Two", "data: {identifier: x}\ntitle: Two", "no data.identifier"),
        ("title: Two", "release: {leaderboard_mechanism: parameter-free-ladder}\ntitle: Two", "ladder, with a step"),
    ],
    ids=lambda text: text[:30],
)
def test_what_does_not_go_together_with_tasks_is_told(old: str, new: str, expected: str) -> None:
    with pytest.raises(FindingsError) as raised:
        parse_document(TASKS.decode().replace(old, new, 1).encode(), Card, "challenge.yaml")
    assert expected in str(raised.value.findings)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("submission: {", "submission: {output: s.zip, ", "submission.output ending in .csv or .parquet, or tasks"),
        ("primary: true", "primary: true, task: small", "tasks, if metrics or phases speak of them"),
        ("target: ill", "target: ''", "data.identifier and data.target"),
    ],
)
def test_what_needs_tasks_is_told_where_there_are_none(old: str, new: str, expected: str) -> None:
    assert expected in str(findings_of(old, new))
