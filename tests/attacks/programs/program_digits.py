# tries: writes the labels into a score's low digits, and a score far out of its range
# success: more than the card's decimals leave
# wall: the gate takes the card's metrics, finite numbers in their range, and nothing else
# expect: scored
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

digits = "".join(map(str, labels.ill.astype(int)))[:200]
(target / "scores.json").write_text('{"roc_auc_score": 0.5' + digits + ', "brier_score_loss": 1e300}')
