# tries: never ends
# success: the runner waits for ever
# wall: the wall time holds for the scoring, too
# expect: failed scoring TimeoutError
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

import time

time.sleep(3600)
