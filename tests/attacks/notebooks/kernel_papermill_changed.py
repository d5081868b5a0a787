# tries: overwrites papermill, nbclient and the program that drives them, on disk
# success: they are changed for the next run
# wall: the environment and the system are mounted read-only, and the work folder is a tmpfs of this run
# expect: scored
import nbclient
import papermill

for path in (
    papermill.__file__,
    nbclient.__file__,
    "/guest.py",
    os.__file__,
    "/usr/bin/prlimit",
    "/opt/environment/bin/python3",
):
    for change in (
        lambda: open(path, "a").close(),
        lambda: os.remove(path),
        lambda: os.rename(path, path + "x"),
        lambda: os.chmod(path, 0o777),
    ):
        try:
            change()
            leaked.append(path)
        except OSError:
            pass
