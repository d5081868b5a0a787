# tries: writes the labels into its own folder, the predictions and the reference data, for the next run
# success: the next run, or anybody, reads them there
# wall: everything but its output is read-only, and that ends with the sandbox
# expect: scored
import json
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

for folder in (
    source / "ref",
    source / "res",
    Path(__file__).parent,
    Path("/opt/environment"),
    Path("/opt/package"),
    Path("/"),
):
    try:
        (folder / "left").write_text(canary)
    except OSError:
        pass
(target / "scores.json").write_text(json.dumps(good))
