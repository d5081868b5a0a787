# tries: reads other people's notebooks: in the gateway's store, in the runner's memory and temporary files
# success: a notebook of somebody else
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only; the runner's
#   memory is another process namespace's
# expect: scored
import glob

for folder in (outside["gateway"], outside["temporary"], outside["home"], "/tmp"):
    leaked += [
        path
        for path in glob.glob(f"{folder}/**/*.ipynb", recursive=True)
        if not os.path.realpath(path).startswith("/work/tmp")
    ]
    leaked += glob.glob(f"{folder}/**/*.age", recursive=True) + glob.glob(f"{folder}/**/*.sqlite", recursive=True)
own = [
    path for path in glob.glob("/work/**/*.ipynb", recursive=True) if "notebook" not in path and "executed" not in path
]
leaked += own
