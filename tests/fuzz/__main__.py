"""``python -m fuzz SECONDS``: each parser for so long; ``python -m fuzz SECONDS TARGET``: one of them, by atheris.

What a parser should not have done is kept in ``crashes/TARGET/``, one file for each place in the code.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from fuzz import SLOW, TARGETS

HERE = Path(__file__).parent
OURS = ("participant_kit", "fuzz", "support", "yaml", "zipfile", "nbformat", "fastjsonschema", "securesystemslib")
MEMORY = 1500
"""MiB that a process with its parsers may have."""


def fuzz(target: str, seconds: int) -> None:
    """Does not return."""
    import atheris

    with atheris.instrument_imports(include=list(OURS)):
        run: Callable[[bytes], None] = importlib.import_module(f"fuzz.{target}").run
    crashes, grown = HERE / "crashes" / target, tempfile.mkdtemp()
    crashes.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    runs, started = 0, time.monotonic()

    def once(data: bytes) -> None:
        nonlocal runs
        runs, begin = runs + 1, time.thread_time()  # of this thread: others may load the machine
        try:
            run(data)
            where = "slow" if time.thread_time() - begin > SLOW else ""
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        if where and where not in seen:
            seen.add(where)
            (crashes / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
            print(f"CRASH {where} {data[:200]!r}", flush=True)
        if (took := time.monotonic() - started) > seconds:
            print(f"DONE {runs} {took:.0f}", flush=True)
            shutil.rmtree(grown)
            os._exit(0)  # libFuzzer would wait for threads of pyarrow, which wait for the interpreter, which waits

    limits = ["-timeout=30", f"-rss_limit_mb={MEMORY}", "-max_len=65536", f"-artifact_prefix={crashes}/"]
    atheris.Setup([sys.argv[0], *limits, grown, str(HERE / "corpus" / target), str(crashes)], once)
    atheris.Fuzz()


def main() -> int:
    """One line for each target; not 0 when anything was found."""
    seconds, failed = int(sys.argv[1]), False
    if len(sys.argv) > 2:
        fuzz(sys.argv[2], seconds)
    for target in TARGETS:
        command = [sys.executable, "-m", "fuzz", str(seconds), target]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
        crashes = re.findall(r"^CRASH .*", ended.stdout, re.MULTILINE)
        done = re.search(r"^DONE (\d+) (\d+)", ended.stdout, re.MULTILINE)
        if not done:  # a hang, or too much memory: libFuzzer says which, and where
            crashes.append(ended.stderr[-4000:])
        runs, took = (int(done[1]), int(done[2])) if done else (0, 1)
        print(f"{target:12}{runs:10,} runs,{runs // max(took, 1):7,} a second, {len(crashes)} crashes", flush=True)
        print("".join(f"  {crash}\n" for crash in crashes), end="", flush=True)
        failed = failed or bool(crashes)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
