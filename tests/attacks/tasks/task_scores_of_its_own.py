# tries: code for the ingestion program writes the scores, into each folder from which they could be read
# success: a score that no scoring program gave
# wall: scores are read from the scoring program's own sandbox; here it is one file of results more
# expect: scored
import contextlib

for folder in ("/app/output", "/app/input", "/app/input/res", "/app/shared", "/app/program", "/app/ingested_program"):
    for name in ("scores.json", "scores.txt", "metadata"):
        with contextlib.suppress(OSError), open(f"{folder}/{name}", "w") as file:
            file.write('{"accuracy": 0.123, "note": "' + canary + '"}')
