# tries: beside the scoring program, makes links to the labels where that looks for answers
# success: the labels are scored against themselves
# wall: no link can be made in the shared folder (Landlock), and one that is there ends both programs
# expect: scored
# house: beside
import contextlib
import os

for name in ("answers", "new", "questions"):
    for target in ("/app/input/ref/labels.txt", "/reference/labels.txt", "../input/ref/labels.txt"):
        with contextlib.suppress(OSError):
            os.symlink(target, f"/app/shared/{name}")
            leaked.append(name)
        with contextlib.suppress(OSError):
            os.symlink(target, "/work/tmp/link")
            os.rename("/work/tmp/link", f"/app/shared/{name}")
            leaked.append(name)
