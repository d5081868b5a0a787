# tries: looks for paths and keys on the command lines that it can see, up to the sandbox's own
# success: a path of this machine that helps
# wall: a process namespace: no other process is in sight
# expect: scored
import glob

for path in glob.glob("/proc/[0-9]*/cmdline"):
    with open(path, "rb") as file:
        words = file.read().decode(errors="replace").split("\0")
    leaked += [word for word in words if outside["root"] in word or "bwrap" in word or "--ro-bind" in word]
