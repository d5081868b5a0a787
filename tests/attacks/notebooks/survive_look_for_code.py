# tries: looks for code of an earlier run that is executed in this one: caches, startup files, compiled modules
# success: code of an earlier run
# wall: a sandbox serves one run; files, processes, sockets and shared memory end with it; nothing compiles into the
#   environment
# expect: scored
# after: kernel_startup_files
import glob
import sys

if os.path.exists("/work/survived") or "X" in os.environ:
    leaked.append("code was executed")
for folder in (
    "/work/home/.ipython/profile_default/startup",
    "/work/home/.jupyter",
    "/work/home/.cache",
    "/work/home/.local",
):
    leaked += [
        path
        for path in glob.glob(f"{folder}/**", recursive=True)
        if path.endswith((".py", ".so", ".json", ".pyc", ".pth"))
    ]
leaked += [name for name in sys.modules if name in ("evil", "sitecustomize_evil")]
