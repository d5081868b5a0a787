"""The codebook: what each column may hold, and nothing that contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from participant_kit.challenge.codebook import DTYPES, Codebook, Column, read_codebook
from participant_kit.challenge.document import dump_document, parse_document
from participant_kit.challenge.finding import FindingsError

CODEBOOK = """
schema_version: 1
columns:
  id: {type: integer, minimum: 1, maximum: 9}
  sex: {type: category, levels: [f, m, 3]}
  x: {type: number, minimum: 0, maximum: 1.5, nullable: true, missing: 0.1, missing_when: {sex: [m]}}
  day: {type: date, minimum: 2026-01-01, maximum: 2026-02-01}
  ok: {type: boolean}
  note: {type: text, description: What was said}
"""


def parse(**replaced: str) -> Codebook:
    text = CODEBOOK
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return parse_document(text.encode(), Codebook, "codebook.yaml")


def test_a_codebook_is_read_in_the_order_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "codebook.yaml").write_text(CODEBOOK)
    codebook = read_codebook(tmp_path / "codebook.yaml")
    assert list(codebook.columns) == ["id", "sex", "x", "day", "ok", "note"]
    assert codebook.columns["sex"].level_names == ["f", "m", "3"]
    assert codebook.columns["note"].level_names == []
    assert {column.type for column in codebook.columns.values()} == {*DTYPES, "category"}


def test_a_codebook_that_was_written_is_read_back_as_the_same_codebook() -> None:
    codebook = parse()
    text = dump_document(codebook.model_dump(exclude_defaults=True))
    assert parse_document(text.encode(), Codebook, "codebook.yaml") == codebook


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "expected"),
    [
        ("levels: [f, m, 3]", "nullable: false", 5, "columns.sex", '"levels", each once'),
        ("[f, m, 3]", "[]", 5, "columns.sex", '"levels", each once'),
        ("[f, m, 3]", '[m, 1, "1"]', 5, "columns.sex", '"levels", each once'),
        ("[f, m, 3]", "[yes, no]", 5, "columns.sex.levels", "in quotes"),
        ("[f, m, 3]", "[1.5, m]", 5, "columns.sex.levels", "in quotes"),
        ("[f, m, 3]", "[null, m]", 5, "columns.sex.levels", "in quotes"),
        ("[f, m, 3]", "[2026-01-01, m]", 5, "columns.sex.levels", "in quotes"),
        ("{type: boolean}", "{type: boolean, levels: [a]}", 8, "columns.ok", '"levels" go with type: category only'),
        (", maximum: 9", "", 4, "columns.id", 'needs "minimum" and "maximum"'),
        ("maximum: 9", "maximum: 9.5", 4, "columns.id", '"minimum" and "maximum" of type integer'),
        ("maximum: 9", "maximum: true", 4, "columns.id", '"minimum" and "maximum" of type integer'),
        ("1.5", ".nan", 6, "columns.x", '"minimum" and "maximum" of type number'),
        ("1.5", ".inf", 6, "columns.x", '"minimum" and "maximum" of type number'),
        ("1.5", "-1", 6, "columns.x", "at or below the maximum (0 > -1)"),
        ("2026-02-01", "2026-02-31", 7, "columns.day", '"minimum" and "maximum" of type date'),
        ("2026-02-01", "2026-02-01T10:00:00", 7, "columns.day", '"minimum" and "maximum" of type date'),
        ("{type: boolean}", "{type: boolean, minimum: 0}", 8, "columns.ok", 'no "minimum" or "maximum"'),
        ("nullable: true, ", "", 6, "columns.x", '"nullable: true"'),
        ("missing: 0.1", "missing: 2", 6, "columns.x.missing", "less than or equal to 1"),
        ("type: text", "type: string", 9, "columns.note.type", "'boolean', 'date' or 'text'"),
        ("type: text", "type: text, color: red", 9, "columns.note.color", "a key of the schema"),
        ("schema_version: 1", "schema_version: 3", 2, "schema_version", "1"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_what_was_expected(
    old: str, new: str, line: int, key: str, expected: str
) -> None:
    with pytest.raises(FindingsError) as raised:
        parse(**{old: new})
    (finding,) = raised.value.findings
    assert (finding.file, finding.line, finding.key) == ("codebook.yaml", line, key)
    assert expected in finding.expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("{day2: [m]}", "naming another column, not 'day2'"),
        ("{x: [m]}", "naming another column, not 'x'"),
        ("{sex: [q]}", "with levels of 'sex'"),
    ],
)
def test_structural_zeros_name_another_column_and_its_levels(levels: str, expected: str) -> None:
    with pytest.raises(FindingsError, match=r"columns\.x\.missing_when") as raised:
        parse(**{"{sex: [m]}": levels})
    assert expected in str(raised.value)


def test_a_level_is_the_same_as_text_and_as_integer() -> None:
    assert parse(**{"{sex: [m]}": '{sex: ["3"]}'}).columns["x"].missing_when == {"sex": ["3"]}


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(FindingsError, match=r"codebook\.yaml:8: found 'id' twice"):
        parse(**{"  ok: {": "  id: {"})


def test_one_column_is_no_table() -> None:
    text = "schema_version: 1\ncolumns: {id: {type: text}}\n"
    with pytest.raises(FindingsError, match=r"codebook\.yaml:2 columns"):
        parse_document(text.encode(), Codebook, "codebook.yaml")


DATES = "{type: date, minimum: 2020-01-01, maximum: 2021-12-31"


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("{type: integer, minimum: 0, maximum: 9, since: {column: seen, minimum: 0, maximum: 9}}", "type: date"),
        (DATES + ", since: {column: gone, minimum: 0, maximum: 9}}", "'gone'"),
        (DATES + ", since: {column: left, minimum: 0, maximum: 9}}", "in a circle, as 'left' since 'left'"),
        (DATES + ", since: {column: seen, minimum: 0, maximum: 99999999}}", "3652059"),
        (DATES + ", since: {column: seen, minimum: 9, maximum: 0}}", "at or below the maximum"),
        (DATES + ", since: {column: seen, minimum: 0, maximum: 9}, bins: [0, 5]}", "from the minimum to the maximum"),
        (DATES.replace("2021", "2020") + ", since: {column: seen, minimum: 0, maximum: 9}}", "0 to 9 days after every"),
        (DATES + ", since: {column: seen, minimum: 1, maximum: 9}}", "1 to 9 days after every date of 'seen'"),
        (DATES + ", since: {column: seen, minimum: -9, maximum: -1}}", "-9 to -1 days after every date of 'seen'"),
    ],
)
def test_a_date_counts_from_another_date_and_has_room_after_each_of_it(left: str, expected: str) -> None:
    text = f"schema_version: 1\ncolumns:\n  seen: {DATES}}}\n  left: {left}\n"
    with pytest.raises(FindingsError, match=expected):
        parse_document(text.encode(), Codebook, "codebook.yaml")


def test_a_date_that_follows_one_that_may_be_missing_may_be_missing() -> None:
    text = f"schema_version: 1\ncolumns:\n  seen: {DATES}, nullable: true}}\n"
    text += f"  left: {DATES}, since: {{column: seen, minimum: 0, maximum: 9}}}}\n"
    with pytest.raises(FindingsError, match="nullable"):
        parse_document(text.encode(), Codebook, "codebook.yaml")


def test_dates_count_from_each_other_in_a_chain_and_not_in_a_circle() -> None:
    def chain(first: str) -> Codebook:
        text = f"schema_version: 1\ncolumns:\n  left: {DATES}, since: {{column: cut, minimum: 0, maximum: 9}}}}\n"
        text += f"  cut: {DATES}, since: {{column: seen, minimum: 0, maximum: 9}}}}\n  seen: {DATES}{first}}}\n"
        return parse_document(text.encode(), Codebook, "codebook.yaml")

    assert list(chain("").counted_dates()) == ["cut", "left"]
    with pytest.raises(FindingsError, match=r"in a circle, as .*'left' since 'cut' since 'seen'"):
        chain(", since: {column: left, minimum: 0, maximum: 9}")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("{type: integer, minimum: 0, maximum: 9, step: 0}", "greater than or equal to 1"),
        ("{type: integer, minimum: 0, maximum: 9, step: 1.5}", "step"),
        ("{type: number, minimum: 0, maximum: 9, step: 3}", "type: integer only"),
        ("{type: integer, minimum: 0, maximum: 10, step: 3}", "from the minimum to the maximum .*not 3"),
        ("{type: integer, minimum: 0, maximum: 9, step: 3, bins: [0, 5, 9]}", "to all edges of .*not 3"),
    ],
)
def test_a_step_leads_from_the_minimum_to_the_maximum_and_to_each_edge(column: str, expected: str) -> None:
    text = f"schema_version: 1\ncolumns:\n  id: {{type: text}}\n  x: {column}\n"
    with pytest.raises(FindingsError, match=expected):
        parse_document(text.encode(), Codebook, "codebook.yaml")


def test_the_bounds_are_said_with_unit_and_step() -> None:
    assert Column(type="integer", minimum=80, maximum=200, unit="mmHg", step=2).span == "80 to 200 mmHg, in steps of 2"
    assert Column(type="number", minimum=0, maximum=1.5).span == "0 to 1.5"
