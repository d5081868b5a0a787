"""What a blind run can tell a rehearsal on the same machine, when the rule that keeps them apart is broken.

Run: python benchmarks/side_channel.py [BITS]

The sender is a notebook in the sandbox of a blind run, which has BITS random bits (256) in its data. The listener is a
notebook in a sandbox of a rehearsal, whose log leaves. By processor load they speak in slots of a clock that both see;
by the page cache through files of the environment that nobody else reads: cached is one, on the disk is zero. Printed
is what a binary symmetric channel with the errors seen carries (Shannon, 1948), by second of the conversation without
the start of the two; 0 where as many errors come by guessing. Each is tried at once, in turns, in turns with the page
cache dropped between them (a demonstration, as root), and under the rule: there the second runner does not start.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pandas as pd
from rich.console import Console
from rich.table import Table

from participant_kit.challenge.card import Card, read_card
from participant_kit.execution.environment import ensure_environment
from participant_kit.execution.notebook import run_notebook
from participant_kit.execution.sandbox import get_sandbox
from participant_kit.protocol.keys import Role
from participant_kit.secure_side.errors import SecureSideError
from participant_kit.secure_side.machine import claim_machine, drop_page_cache

ROOT = Path(__file__).parents[1]
START = 10.0
"""Seconds that both sandboxes are given to start."""

LOAD = """
import multiprocessing, time
def spin(until):
    while time.time() < until: pass
def sleep_to(moment): time.sleep(max(0.0, moment - time.time()))
"""
SEND_LOAD = """
for number, bit in enumerate(bits):
    sleep_to(start + number * slot)
    if bit:
        others = [multiprocessing.Process(target=spin, args=(start + (number + 0.9) * slot,)) for _ in range(4)]
        [other.start() for other in others]; [other.join() for other in others]
"""
HEAR_LOAD = """
counts = []
for number in range(count):
    sleep_to(start + (number + 0.1) * slot)
    done, end = 0, start + (number + 0.8) * slot
    while time.time() < end: done += 1
    counts.append(done)
middle = (min(counts) + max(counts)) / 2
print("HEARD", "".join(str(int(done < middle)) for done in counts))
"""
CACHE = """
import os, pathlib, time
site = next(pathlib.Path("/opt/environment/lib").glob("python3*")) / "site-packages"
files = [path for path in sorted(site.rglob("tests/test_*.py")) if path.stat().st_size > 4096]
"""
SEND_CACHE = """
for path, bit in zip(files, bits):
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    if bit: os.pread(descriptor, 1 << 20, 0)
    os.close(descriptor)
"""
HEAR_CACHE = """
time.sleep(max(0.0, start + slot - time.time()))
began, times = time.time(), []
for path in files[:count]:
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    before = time.perf_counter(); os.pread(descriptor, 1, 0); times.append(time.perf_counter() - before)
    os.close(descriptor)
middle = (sorted(times)[len(times) // 10] * sorted(times)[len(times) * 9 // 10]) ** 0.5
print("TOOK", time.time() - began)
print("HEARD", "".join(str(int(took < middle)) for took in times))
"""
CHANNELS = {"processor load": (LOAD, SEND_LOAD, HEAR_LOAD, 0.5), "page cache": (CACHE, SEND_CACHE, HEAR_CACHE, 2.0)}
WAYS = ("at once", "in turns", "in turns, cache dropped")


def main(count: int) -> None:
    """Try every channel every way, and print a table."""
    table = Table("channel", *WAYS, "under the rule", title=f"bits a second of {count} sent")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        refused = refusal(root)
        for channel in CHANNELS:
            cells = []
            for way in WAYS:
                wrong, seconds = converse(root, channel, way, count)
                cells.append(f"{rate(wrong, count) / seconds:.1f} ({wrong} wrong)")
            table.add_row(channel, *cells, "0: refused" if refused else "it started")
    Console().print(table)


def converse(root: Path, channel: str, way: str, count: int) -> tuple[int, float]:
    """How many bits were heard wrong, and how long it took to say and hear them all."""
    bits = [random.SystemRandom().randrange(2) for _ in range(count)]
    both, send, hear, slot = CHANNELS[channel]
    now = time.time() + START
    spoken = slot * count if channel == "processor load" else slot
    if way == "at once":
        with ThreadPoolExecutor() as pool:
            pool.submit(notebook, root, bits, f"start, slot, count = {now}, {slot}, {count}", both, send)
            log = notebook(root, None, f"start, slot, count = {now}, {slot}, {count}", both, hear)
    else:
        notebook(root, bits, f"start, slot, count = {now}, {slot}, {count}", both, send)
        if way.endswith("dropped"):
            drop_page_cache()
        log = notebook(root, None, f"start, slot, count = {time.time() + START}, {slot}, {count}", both, hear)
    words = dict(line.split() for line in log.splitlines() if line.startswith(("HEARD ", "TOOK ")))
    heard = [int(bit) for bit in words["HEARD"]]
    return sum(a != b for a, b in zip(bits, heard, strict=True)), spoken + float(words.get("TOOK", 0))


def notebook(root: Path, bits: list[int] | None, numbers: str, *cells: str) -> str:
    """Run ``cells`` in a sandbox; returns what they printed. A rehearsal has no ``bits`` in its data."""
    data = root / ("private" if bits else "sample")
    data.mkdir(exist_ok=True)
    for name in ("train", "test", "labels"):
        pd.DataFrame({"bit": bits or [0]}).to_parquet(data / f"{name}.parquet")
    read = 'import pyarrow.parquet as pq\nbits = pq.read_table(f"{data_dir}/train.parquet")["bit"].to_pylist()'
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source) for source in ('data_dir = output_dir = ""', read, numbers, *cells)]
    book.cells[0].metadata["tags"] = ["parameters"]
    environment = ensure_environment(ROOT / "tests" / "requirements.txt")
    done = run_notebook(
        json.dumps(book).encode(), data, card(), environment, get_sandbox("bubblewrap"), keep_log=bits is None
    )
    if done.output is None and (done.stage, done.reason) != ("output", "missing_output"):
        raise RuntimeError(f"The notebook failed: {done.stage}, cell {done.cell}, {done.message} {done.log[-500:]}")
    return done.log


def card() -> Card:
    """The demonstration's, for its limits."""
    return read_card(ROOT / "participant_kit" / "organizer" / "demonstration" / "challenge.yaml")


def rate(wrong: int, count: int) -> float:
    """Bits that came over, 0 where guessing is as good: within three standard deviations of half of them wrong."""
    error = wrong / count
    if abs(error - 0.5) < 1.5 / math.sqrt(count):
        return 0.0
    noise = sum(-share * math.log2(share) for share in (error, 1 - error) if share)
    return count * (1 - noise)


def refusal(root: Path) -> bool:
    """Whether a rehearsal's runner is refused where a blind one was started."""
    tempfile.tempdir = str(root)
    try:
        claim_machine(Role.BLIND, root)
        claim_machine(Role.REHEARSAL, root)
    except SecureSideError:
        return True
    finally:
        tempfile.tempdir = None
    return False


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
