# tries: installs a kernelspec for the next run, in every place where Jupyter looks
# success: the next run starts it
# wall: the environment and the system are mounted read-only, and the work folder is a tmpfs of this run
# expect: scored
import json

from jupyter_core.paths import jupyter_path

spec = json.dumps({"argv": ["/bin/sh", "-c", f"echo {canary}"], "display_name": "python3", "language": "python"})
for folder in [*jupyter_path("kernels"), "/usr/share/jupyter/kernels", "/opt/environment/share/jupyter/kernels"]:
    try:
        os.makedirs(f"{folder}/python3", exist_ok=True)
        with open(f"{folder}/python3/kernel.json", "w") as file:
            file.write(spec)
        if not os.path.realpath(folder).startswith("/work/"):
            leaked.append(folder)
    except OSError:
        pass
