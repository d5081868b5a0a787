# tries: writes an integer of four hundred digits as a score
# success: the runner breaks on it; the submission is tried again, and the number of attempts tells
# wall: the gate takes the card's metrics, finite numbers in their range, and nothing else
# expect: failed scoring
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

(target / "scores.json").write_text('{"roc_auc_score": 1' + "0" * 400 + ', "brier_score_loss": 0.5}')
