"""A synthesizer of the project, in a process of its own, as its peers are.

Run: python ours.py FOLDER, which holds request.json with the folder of the ``challenge``, the name of the
``synthesizer``, ``epsilon`` or null, ``rows`` and ``seed``. Writes sample.parquet; prints seconds and MiB.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from participant_kit.challenge.folder import ChallengeFolder
from participant_kit.challenge.table import write_table
from participant_kit.organizer.synthesize import get_synthesizer
from participant_kit.organizer.synthesize.base import Request

folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
synthesizer = get_synthesizer(request["synthesizer"])
seed = request["seed"] if request["epsilon"] is None else None  # with a seed there is no privacy
asked = Request(rows=request["rows"], test_rows=1, epsilon=request["epsilon"], seed=seed)

started, worked = time.perf_counter(), time.process_time()
sample = synthesizer.synthesize(ChallengeFolder(Path(request["challenge"])), asked)
seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked

write_table(sample.tables["train"], folder / "sample.parquet")
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
sys.stdout.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "mebibytes": peak / 1024}) + "\n")
