"""YAML documents: plain, bounded, and every mistake told with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import CARD

from participant_kit.challenge.card import Card
from participant_kit.challenge.codebook import Codebook
from participant_kit.challenge.document import (
    MAX_DOCUMENT_BYTES,
    Model,
    dump_document,
    line_of,
    parse_document,
    read_document,
)
from participant_kit.challenge.finding import FindingsError, NewerSchemaError


class Inner(Model):
    size: int = 0


class Document(Model):
    title: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: [1", "challenge.yaml:1: found"),
        (b"a: 1\na: 2", "challenge.yaml:2: found 'a' twice"),
        (b"a: &x 1\nb: *x", "challenge.yaml:2: found an alias; expected valid YAML"),
        (b"a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (b"? [1, 2]\n: 3", "a key that is no text"),
        (b"a: \xff", "the byte 0xff; expected UTF-8 text"),
        (b"", "expected"),
        (b"- 1", "expected"),
        (b"a: " + b"[" * 10_000, "challenge.yaml:1: found more than 50 levels; expected valid YAML"),
        (b"- " * 10_000, "challenge.yaml:1: found more than 50 levels; expected valid YAML"),
        (b"a" * (MAX_DOCUMENT_BYTES + 1), "at most"),
        (b"\0", "expected valid YAML"),
    ],
)
def test_what_is_no_document_says_where_and_why(data: bytes, says: str) -> None:
    with pytest.raises(FindingsError) as refused:
        parse_document(data, Card, "challenge.yaml")
    assert says in str(refused.value)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(FindingsError):
        parse_document(data, Card, "challenge.yaml")


@given(st.integers(0, len(CARD) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_card_is_read_or_refused_with_findings(position: int, damage: bytes) -> None:
    try:
        parse_document(CARD[:position] + damage + CARD[position + 1 :], Card, "challenge.yaml")
    except FindingsError as error:
        assert error.findings


@pytest.mark.parametrize(
    ("text", "line", "key", "found", "expected"),
    [
        ("title: x\ninner:\n  size: big\n", 3, "inner.size", "'big'", "valid integer"),
        ("title: x\nmany:\n- size: 1\n- size: 1.5\n", 4, "many.1.size", "1.5", "valid integer"),
        (
            "title: x\nmany:\n- size: 1\n-\n  more: 1\n",
            5,
            "many.1.more",
            "the unknown key 'more'",
            "a key of the schema",
        ),
        ("\n\ninner: {}\n", 3, "title", "nothing", "this key"),
        ("title: [1, 2]\n", 1, "title", "[1, 2]", "valid string"),
        ("title: x\n5: y\n", 2, "5", "5", "Keys should be strings"),
        ("- title\n", 1, "", "['title']", "valid dictionary"),
        ("", None, "", "None", "valid dictionary"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_found_and_expected(
    text: str, line: int | None, key: str, found: str, expected: str
) -> None:
    with pytest.raises(FindingsError) as refused:
        parse_document(text.encode(), Document, "a.yaml")
    (finding,) = refused.value.findings
    assert (finding.file, finding.line, finding.key, finding.found) == ("a.yaml", line, key, found)
    assert finding.expected.startswith(expected)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(FindingsError) as refused:
        parse_document(b"inner: {size: a}\nmore: 1\n", Document, "a.yaml")
    assert [(finding.line, finding.key) for finding in refused.value.findings] == [
        (1, "title"),
        (1, "inner.size"),
        (2, "more"),
    ]


@pytest.mark.parametrize(
    "data", [b"title: " + b"9" * 5000, b"!!bool x", b"!!timestamp x", b"!!map [a]", b"!!int x", b"- " * 100_000]
)
def test_what_yaml_itself_stumbles_on_is_a_finding_as_well(data: bytes) -> None:
    with pytest.raises(FindingsError, match="expected valid YAML"):
        parse_document(data, Document, "a.yaml")


def test_a_day_that_no_calendar_has_stays_text_for_the_model_to_judge() -> None:
    assert parse_document(b"title: 2026-02-31", Document, "a.yaml").title == "2026-02-31"


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse_document(b"\xef\xbb\xbftitle: x\n", Document, "a.yaml").title == "x"


def test_a_missing_file_and_a_folder_are_findings(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"a\.yaml: found no file"):
        read_document(tmp_path / "a.yaml", Document)
    with pytest.raises(FindingsError, match="a readable file"):
        read_document(tmp_path, Document)


@pytest.mark.parametrize(
    ("loc", "line"),
    [(("a",), 1), (("a", "b"), 2), (("c", 1), 5), (("a", "x"), 1), (("c", 9), 3), ((), 1)],
)
def test_the_line_of_a_key_is_that_of_its_nearest_known_parent(
    tmp_path: Path, loc: tuple[str | int, ...], line: int
) -> None:
    (tmp_path / "a.yaml").write_text("a:\n  b: 1\nc:\n- 1\n- 2\n")
    assert line_of(tmp_path / "a.yaml", *loc) == line


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[", b"\x00"])
def test_a_file_that_cannot_be_read_has_no_lines(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.yaml").write_bytes(content)
    assert line_of(tmp_path / "a.yaml", "a") is None


@pytest.mark.parametrize("block", [False, True])
def test_what_is_dumped_is_read_back_in_its_order(block: bool) -> None:
    content = {"z": ["no", "1", "é", "\x85", "a\x85b", "\u2028\r"], "a": {"y": None, "b": 1.5}}
    text = dump_document(content, block=block)
    assert yaml.safe_load(text) == content
    assert text.index("z:") < text.index("a:")


@pytest.mark.parametrize(("name", "model"), [("challenge.yaml", Card), ("codebook.yaml", Codebook)])
def test_a_document_of_a_newer_schema_says_to_upgrade_and_nothing_else(name: str, model: type[Model]) -> None:
    text = b"# from a newer version\nschema_version: 2\nwhat: is new\n"
    with pytest.raises(NewerSchemaError) as refused:
        parse_document(text, model, name)
    (finding,) = refused.value.findings
    assert (finding.file, finding.line, finding.key, finding.found) == (name, 2, "schema_version", "2")
    assert finding.expected.startswith("at most 1,")
    assert refused.value.code == "newer_schema"
    assert "pip install -U participant-kit" in str(refused.value)


@pytest.mark.parametrize("version", [b"0", b"-1", b"2.0", b"'2'", b"[2]", b"null", b"99999999999999999999x"])
def test_a_schema_version_that_is_none_is_a_mistake_like_another(version: bytes) -> None:
    with pytest.raises(FindingsError) as refused:
        parse_document(CARD.replace(b"schema_version: 1", b"schema_version: " + version), Card, "challenge.yaml")
    assert [(finding.line, finding.key) for finding in refused.value.findings] == [(2, "schema_version")]
    assert refused.value.code == "findings"
