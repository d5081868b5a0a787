# tries: swaps file and link under the predictions' name without pause, also after the last cell
# success: the scorer reads what the link points to
# wall: the descriptor that was checked is the one that is read (no gap between check and use)
# expect: scored or failed output
# predictions: own
import subprocess

code = """
import os, sys
data, out = sys.argv[1:]
with open(f"{out}/good", "w") as file:
    file.write(open("/work/good").read())
while True:
    for source in ("link", "good"):
        try:
            if source == "link":
                os.symlink(f"{data}/train.parquet", f"{out}/next")
            else:
                os.rename(f"{out}/good", f"{out}/next")
            os.rename(f"{out}/next", f"{out}/predictions.csv")
            if source == "good":
                os.rename(f"{out}/predictions.csv", f"{out}/good")
        except OSError:
            pass
"""
with open("/work/good", "w") as file:
    file.write("id,prediction\n")
subprocess.Popen(["/usr/bin/setsid", "/opt/environment/bin/python3", "-c", code, data_dir, output_dir])
