# tries: reads its mounts, which name folders of this machine, and opens these
# success: a folder of this machine opens
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only; the names
#   themselves are inside and have no way out
# expect: scored
import re

with open("/proc/self/mountinfo") as file:
    text = file.read()
mounts = {line.split()[4] for line in text.splitlines()} - {"/"}
roots = {line.split()[3] for line in text.splitlines()}
roots |= set(re.findall(r"(?:upperdir|lowerdir|workdir)=([^,: ]+)", text))
for root in roots - {"/", ""}:
    for path in (root, os.path.dirname(root), f"/proc/1/root{root}", f"/oldroot{root}", f"/newroot{root}"):
        inside = os.path.realpath(path)
        try:
            os.stat(path)
        except OSError:
            continue
        if any(f"{inside}/".startswith(f"{mount}/") for mount in mounts):
            continue
        if inside != "/" and not any(mount.startswith(f"{inside}/") for mount in mounts):  # the way to a mount is empty
            leaked.append(path)
