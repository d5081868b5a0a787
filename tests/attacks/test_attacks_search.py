"""The attacks' own tests: the search finds what is there, and a missing wall is seen."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from canary import Canary, new_word
from corpus import NOTEBOOKS, attacks
from support import long
from world import World, ended

WORD = new_word()
CANARY = Canary({"word": WORD, "labels": "0110" * 15 + "1" * 20})
NOISE = b'{"state": "scored", "bits": 31.17, "sha256": "' + b"0123456789abcdef" * 4 + b'"}' * 50


@pytest.mark.parametrize(
    "hide",
    [
        lambda word: word.encode(),
        lambda word: word[7:21].encode(),
        lambda word: word.lower().encode(),
        lambda word: word[::-1].encode(),
        lambda word: base64.b64encode(word.encode()),
        lambda word: base64.b64encode(b"x" + word.encode()),
        lambda word: base64.urlsafe_b64encode(b"xy" + word.encode()),
        lambda word: word.encode().hex().encode(),
        lambda word: word.encode().hex().upper().encode(),
        lambda word: b"x" + zlib.compress(word.encode()) + b"y",
        lambda word: gzip.compress(json.dumps({"a": word}).encode()),
        lambda word: base64.b64encode(zlib.compress(word.encode())),
        lambda word: base64.b64encode(json.dumps({"payload": base64.b64encode(word.encode()).decode()}).encode()),
        lambda word: "".join(f"\\u{ord(letter):04x}" for letter in word).encode(),
        lambda word: str(int.from_bytes(word.encode())).encode(),
        lambda word: str(list(word.encode())).encode(),
        lambda word: "".join(f"{byte:08b}" for byte in word.encode()).encode(),
        lambda word: word.encode("utf-16"),
        lambda word: "".join(f"%{byte:02X}" for byte in word.encode()).encode(),
    ],
)
def test_a_word_is_found_in_disguise(hide: Callable[[str], bytes]) -> None:
    assert any("word" in found for found in CANARY.find(NOISE + hide(WORD) + NOISE))


def test_labels_are_found_as_digits_and_as_bits() -> None:
    digits = CANARY.words["labels"]
    packed = bytes(int(digits[i : i + 8], 2) for i in range(0, 80, 8))
    assert CANARY.find(digits.encode()) and CANARY.find(packed)


def test_nothing_is_found_where_nothing_is() -> None:
    other = new_word().encode()
    assert CANARY.find(NOISE + other + base64.b64encode(other) + zlib.compress(other)) == set()


def test_every_attack_says_what_it_tries_and_which_wall_stops_it() -> None:
    names = [
        attack.name
        for folder in ("notebooks", "clients", "programs", "tasks")
        for attack in attacks(NOTEBOOKS.parent / folder)
    ]
    assert len(names) == len(set(names)) >= 60


def test_the_page_lists_every_attack_and_how_it_ended() -> None:
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("attacks_page", root / "docs" / "attacks.py")
    assert spec and spec.loader
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    text = pages.page()
    assert (root / "docs" / "attacks.md").read_text() == text, "run: make attacks"
    assert "not run yet" not in text and "did not hold" not in text


@pytest.mark.parametrize(
    ("door", "attack", "where"),
    [
        long("log", "output_print", "blind.log"),
        ("reason", "output_exception_class", "/result"),
        long("network", "network_ip", ""),
    ],
)
def test_a_missing_wall_is_seen(tmp_path: Path, door: str, attack: str, where: str) -> None:
    world = World(tmp_path, open_door=door)
    try:
        world.open()
        (one,) = [known for known in attacks(NOTEBOOKS) if known.name == attack]
        submission = world.attack(one)
        found = world.found()
        if door == "network":
            assert any("connection to" in each for each in found)
            assert ended(submission) == "scored"
            assert submission.scores and submission.scores["roc_auc_score"] != world.honest
        else:
            assert any("training data" in each and where in each for each in found), (ended(submission), found)
    finally:
        world.close()
