# tries: writes sitecustomize.py, usercustomize.py and .pth files wherever Python looks
# success: the next run, or the scorer, executes them
# wall: the environment and the system are mounted read-only, and the work folder is a tmpfs of this run
# expect: scored
import site
import sys

folders = {
    *sys.path,
    *site.getsitepackages(),
    site.getusersitepackages(),
    "/opt/package",
    "/opt/package/participant_kit",
}
for folder in filter(None, folders):
    for name in ("sitecustomize.py", "usercustomize.py", "evil.pth", "pandas.py"):
        try:
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/{name}", "w") as file:
                file.write(f"import os; os.environ['X'] = {canary!r}\n")
            if not os.path.realpath(folder).startswith("/work"):
                leaked.append(folder)
        except OSError:
            pass
