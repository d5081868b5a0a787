# tries: reads its mounts, which name folders of this machine, and opens these
# success: a folder of this machine opens
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only; the names
#   themselves are inside and have no way out
# expect: scored
import re

with open("/proc/self/mountinfo") as file:
    text = file.read()
roots = {line.split()[3] for line in text.splitlines()} | set(re.findall(r"(?:upperdir|lowerdir|workdir)=([^,: ]+)", text))
for root in roots - {"/", ""}:
    for path in (root, os.path.dirname(root), f"/proc/1/root{root}", f"/oldroot{root}", f"/newroot{root}"):
        if path not in ("/", "/usr", "/etc", "") and not path.startswith(("/usr/", "/etc/", "/opt/", "/proc/1/root/usr", "/proc/1/root/etc")) and os.path.exists(path) and root not in text.split(" - ")[0].split()[4:5]:
            where = [line.split()[4] for line in text.splitlines()]
            if path not in where and not any(path.startswith(f"{one}/") for one in where if one != "/"):
                leaked.append(path)
