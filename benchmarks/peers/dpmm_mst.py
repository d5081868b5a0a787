"""The MST of dpmm (R. McKenna et al., 2021) on coded rows. Runs in an environment of its own, made of dpmm.txt.

Run: python dpmm_mst.py FOLDER, which holds train.npy, the codes, shape (rows, columns), and request.json with the
``sizes`` of the columns, ``epsilon``, ``delta``, ``rows`` and ``seed``. Writes sample.npy; prints seconds and MiB.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from dpmm.pipelines import MSTPipeline

folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
codes, sizes = np.load(folder / "train.npy"), request["sizes"]
names = [f"c{number}" for number in range(len(sizes))]

started, worked = time.perf_counter(), time.process_time()
# The columns are coded already, so that nothing is spent on binning.
pipeline = MSTPipeline(epsilon=request["epsilon"], delta=request["delta"], disable_processing=True, n_jobs=1)
rows = pd.DataFrame(codes.astype(np.int64), columns=names)
pipeline.fit(rows, domain=dict(zip(names, sizes, strict=True)), random_state=request["seed"])
sample = pipeline.generate(n_records=request["rows"], random_state=request["seed"])[names]
seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked

np.save(folder / "sample.npy", sample.to_numpy().astype(np.uint16))
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
sys.stdout.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "mebibytes": peak / 1024}) + "\n")
