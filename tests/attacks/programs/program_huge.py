# tries: writes scores of fifty megabytes
# success: they leave, or the runner reads them all
# wall: a file that is too large or no object is a failure of the scoring
# expect: failed scoring
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

(target / "scores.json").write_text(
    '{"roc_auc_score": 0.5, "brier_score_loss": 0.5, "note": "' + canary * 1_300_000 + '"}'
)
