# tries: code for the ingestion program writes itself over the programs and into the environment that scoring uses
# success: it runs beside the labels
# wall: each sandbox has a copy of its program of its own, and the environment is read-only
# expect: scored
import contextlib
import glob

code = "import json; json.dump({'accuracy': 0.123}, open('/app/output/scores.json', 'w')); raise SystemExit\n"
for path in (
    *glob.glob("/program/*"),
    *glob.glob("/app/*program/*"),
    "/opt/environment/lib/sitecustomize.py",
    "/work/home/sitecustomize.py",
):
    with contextlib.suppress(OSError), open(path, "w") as file:
        file.write(code)
