"""The MST of OpenDP (R. McKenna et al., 2021) on coded rows. Runs in an environment of its own, made of opendp.txt.

Run: python opendp_mst.py FOLDER, which holds train.npy, the codes, shape (rows, columns), and request.json with the
``sizes`` of the columns, ``epsilon``, ``delta``, ``rows`` and ``seed``. Writes sample.npy; prints seconds and MiB.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from pathlib import Path

import numpy as np
import opendp.prelude as dp
import polars as pl
from opendp.extras.mbi import _mst

# Its shares of the budget, rounded up, can add up to more than the budget, which then is refused (opendp issue 2789).
_mst.prior = lambda budget: budget * (1 - 1e-9)


def rho_of(epsilon: float, delta: float) -> float:
    """The rho of zero-concentrated privacy that gives ``epsilon`` at ``delta`` (C. Canonne et al., 2020)."""
    orders = 1 + np.geomspace(1e-3, 1e6, 20_000)
    low, high = 0.0, epsilon
    for _ in range(60):
        rho = (low + high) / 2
        logs = (orders - 1) * (orders * rho - epsilon) - np.log(orders - 1) + orders * np.log1p(-1 / orders)
        low, high = (rho, high) if logs.min() < math.log(delta) else (low, rho)
    return low


folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
codes, sizes = np.load(folder / "train.npy"), request["sizes"]
names = [f"c{number}" for number in range(len(sizes))]
np.random.seed(request["seed"])  # for the rows drawn; the noise has no seed

started, worked = time.perf_counter(), time.process_time()
dp.enable_features("contrib")
rho = rho_of(request["epsilon"], request["delta"])
context = dp.Context.compositor(
    data=pl.LazyFrame(dict(zip(names, codes.T.astype(np.int64), strict=True))),
    privacy_unit=dp.unit_of(contributions=1),
    privacy_loss=dp.loss_of(rho=rho),
)
keys = {name: list(range(size)) for name, size in zip(names, sizes, strict=True)}
table = context.query(rho=rho).select(*names).contingency_table(keys=keys, algorithm=dp.mbi.MST()).release()
# Rounding, which is the default, makes groups whose rows are too much alike.
sample = table.synthesize(rows=request["rows"], method="sample")
chance = np.random.default_rng(request["seed"])
columns = []
for name in names:
    values = sample[name].to_numpy().astype(float)
    known = values[~np.isnan(values)]  # each column also has a code for what is none of its keys
    columns.append(np.where(np.isnan(values), chance.choice(known, len(values)), values))
seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked

np.save(folder / "sample.npy", np.column_stack(columns).astype(np.uint16))
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
sys.stdout.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "mebibytes": peak / 1024}) + "\n")
