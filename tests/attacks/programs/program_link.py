# tries: makes the scores a link to the labels
# success: the runner reads them, and quotes them in an error
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

(target / "scores.json").symlink_to(source / "ref" / "labels.parquet")
