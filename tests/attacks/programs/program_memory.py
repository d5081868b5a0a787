# tries: takes memory without end
# success: the machine has none left, or the runner is killed
# wall: the card's memory, by control group, holds for the scoring, too
# expect: failed scoring
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

blocks = []
while True:
    blocks.append(bytearray(b"x" * (64 << 20)))
