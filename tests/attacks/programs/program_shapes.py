# tries: writes lists and dictionaries where the failure's words are expected
# success: the runner breaks, and runs it again
# wall: the gate takes the card's metrics, finite numbers in their range, and nothing else
# expect: failed
import json
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

(target / "scores.json").write_text(json.dumps({"stage": ["notebook", canary], "reason": {"a": [canary]}}))
