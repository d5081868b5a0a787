# tries: sends the labels by every network
# success: they arrive
# wall: the scorer's sandbox is as closed as the notebook's
# expect: scored
import json
import sys
from pathlib import Path

import pandas as pd

source, target = map(Path, sys.argv[1:])
labels = pd.read_parquet(source / "ref" / "labels.parquet")
canary = labels.note[0]
good = {"roc_auc_score": 0.5, "brier_score_loss": 0.5}

import socket

for address in ("127.0.0.1", "::1", "1.1.1.1"):
    for port in (*range(40_000, 40_010), 53, 80):
        try:
            socket.create_connection((address, port), timeout=0.2).sendall(canary.encode())
        except OSError:
            pass
try:
    socket.getaddrinfo(f"{canary}.example.com", 80)
except OSError:
    pass
(target / "scores.json").write_text(json.dumps(good))
