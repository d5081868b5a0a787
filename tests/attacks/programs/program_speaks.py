# tries: prints the labels, and writes them beside the scores, in other files and in more fields
# success: they are outside
# wall: the gate takes the card's metrics, finite numbers in their range, and nothing else
# expect: scored
import json
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

print(canary, flush=True)
print(canary, file=sys.stderr)
(target / canary).write_text(canary)
(target / "detailed_results.html").write_text(canary)
(target / "scores.json").write_text(json.dumps({**good, canary: 1, "note": canary}))
