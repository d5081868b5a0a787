"""Every parser takes its corpus, what once was a crash, and bytes of any kind: quickly, and with one documented error.

``make fuzz`` looks for more, by coverage; what it finds is kept in ``crashes/`` and tried again here.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import SLOW, TARGETS

EXAMPLES = int(os.environ.get("PKIT_FUZZ_EXAMPLES", "100"))
HERE = Path(__file__).parent
FILES = [
    path for target in TARGETS for kind in ("corpus", "crashes") for path in sorted((HERE / kind / target).glob("*"))
]


def load(target: str) -> Callable[[bytes], None]:
    run: Callable[[bytes], None] = importlib.import_module(f"fuzz.{target}").run
    return run


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_read_or_refused_at_once(path: Path) -> None:
    run, data = load(path.parent.name), path.read_bytes()
    run(data)  # imports what it needs
    begin = time.thread_time()
    run(data)
    assert time.thread_time() - begin < SLOW


def damaged(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Pieces of what is good, of each other, and of anything, one after the other."""
    piece = st.sampled_from(seeds).flatmap(
        lambda seed: st.tuples(*[st.integers(0, len(seed))] * 2).map(lambda ends: seed[min(ends) : max(ends)])
    )
    return st.lists(piece | st.binary(max_size=9), max_size=4).map(b"".join)


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_of_any_kind_are_read_or_refused(target: str) -> None:
    run = load(target)
    seeds = [path.read_bytes() for path in sorted((HERE / "corpus" / target).iterdir())]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=200) | damaged(seeds))
    def give(data: bytes) -> None:
        run(data)

    give()
