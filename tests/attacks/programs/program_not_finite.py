# tries: writes NaN and infinity, which JSON has not and Python's reader takes
# success: they leave, or the receipt cannot be written
# wall: the gate takes the card's metrics, finite numbers in their range, and nothing else
# expect: failed scoring
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

(target / "scores.json").write_text('{"roc_auc_score": NaN, "brier_score_loss": -Infinity}')
