"""Every word that the page says is there in German, and nothing else is in the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from participant_kit.participant.explain import IN_THE_LOG, REASONS, STAGES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for kind in ("*.ts", "*.tsx")
    for path in (ROOT / "extension" / "src").rglob(kind)
    if "__tests__" not in path.parts
)
FORMAT_SAID = "format.ts"
"""Where sentences of ``explain.py`` are looked up; every other call has its words in it."""
CALL = re.compile(r"\b_?trans\.(__|_n|_p|_np)\(")
LITERAL = re.compile(r"""\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")\s*(?=[,)])""")
PLACEHOLDER = re.compile(r"%\d+")
GERMAN = ROOT / "participant_kit" / "locale" / "de_DE" / "LC_MESSAGES" / "participant_kit.json"


def plain(literal: str) -> str:
    """What a string of TypeScript holds."""
    return re.sub(
        r"\\(?:u([0-9a-fA-F]{4})|(.))",
        lambda found: chr(int(found[1], 16)) if found[1] else {"n": "\n", "t": "\t"}.get(found[2], found[2]),
        literal[1:-1],
    )


def calls(source: Path) -> Iterator[tuple[str, ...] | None]:
    """The words of each call for a translation: one form or two; None for a call that has them from elsewhere."""
    text = source.read_text("utf-8")
    for call in CALL.finditer(text):
        words, at = [], call.end()
        for _ in range({"__": 1, "_n": 2, "_p": 2, "_np": 3}[call[1]]):
            literal = LITERAL.match(text, at)
            if literal is None:
                break
            words.append(plain(literal[1]))
            at = literal.end() + 1
        else:
            if "p" in call[1]:  # a context and its words are one key
                words[:2] = ["\x04".join(words[:2])]
            yield tuple(words)
            continue
        yield None


def said() -> list[str]:
    """Everything that the page says, once."""
    page = {words[0] for source in SOURCES for words in calls(source) if words}
    server = {IN_THE_LOG} | {
        part for one in (*STAGES.values(), *REASONS.values()) for part in (one.sentence, one.next_step)
    }
    return sorted(page | server)


@pytest.fixture(scope="module")
def german() -> dict[str, list[str]]:
    return {words: forms for words, forms in json.loads(GERMAN.read_text("utf-8")).items() if words}


def plurals() -> dict[str, str]:
    return {words[0]: words[1] for source in SOURCES for words in calls(source) if words and len(words) == 2}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_words_of_every_call_stand_in_it(source: Path) -> None:
    others = [words for words in calls(source) if words is None]
    assert len(others) == (source.name == FORMAT_SAID)


def test_everything_that_is_said_is_there_in_german(german: dict[str, list[str]]) -> None:
    assert [words for words in said() if not all(german.get(words, [""]))] == []


def test_nothing_is_in_the_catalogue_that_is_not_said(german: dict[str, list[str]]) -> None:
    assert sorted(set(german) - set(said())) == []


def test_the_catalogue_is_sorted(german: dict[str, list[str]]) -> None:
    assert list(german) == sorted(german)


def test_what_is_filled_in_is_filled_in_in_german_too(german: dict[str, list[str]]) -> None:
    wrong = [
        (words, form)
        for words, forms in german.items()
        for form in forms
        if sorted(set(PLACEHOLDER.findall(words))) != sorted(set(PLACEHOLDER.findall(form)))
    ]
    assert wrong == []


def test_what_is_counted_has_two_forms_and_all_else_has_one(german: dict[str, list[str]]) -> None:
    assert [words for words, forms in german.items() if len(forms) != 1 + (words in plurals())] == []


def test_no_words_are_counted_here_and_not_there() -> None:
    """JupyterLab keeps both under the same key, and finds only one of them."""
    single = {words[0] for source in SOURCES for words in calls(source) if words and len(words) == 1}
    assert single & set(plurals()) == set()


def test_jupyterlab_takes_the_catalogue() -> None:
    translation = pytest.importorskip("jupyterlab_server.translation_utils")
    catalogues, message = translation.get_language_pack("de_DE")
    assert message.strip() == ""
    header = catalogues["participant_kit"][""]
    assert header["domain"] == "participant_kit"
    assert (header["language"], header["plural_forms"]) == ("de-DE", "nplurals=2; plural=(n != 1);")


def test_the_launcher_keeps_us_where_it_keeps_all_others(german: dict[str, list[str]]) -> None:
    """The launcher knows its sections by their names, in the reader's language."""
    pytest.importorskip("jupyterlab_language_pack_de_DE")
    pack = files("jupyterlab_language_pack_de_DE") / "locale" / "de_DE" / "LC_MESSAGES" / "jupyterlab.json"
    assert german["Other"] == json.loads(pack.read_text("utf-8"))["Other"]
