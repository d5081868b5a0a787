# tries: writes the data into the metadata of the notebook that papermill reads and of the one that it writes
# success: the executed notebook is outside
# wall: both lie on a tmpfs of the sandbox, which nobody outside ever reads
# expect: scored
import glob
import json

wrote = 0
for name in glob.glob("/work/tmp/*.ipynb"):
    with open(name) as file:
        notebook = json.load(file)
    notebook["metadata"] |= {"note": canary, "kernelspec": {"name": canary, "display_name": canary}}
    with open(name, "w") as file:
        json.dump(notebook, file)
    wrote += 1
assert wrote, "there is a notebook to write to"
