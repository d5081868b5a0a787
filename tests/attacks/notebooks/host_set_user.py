# tries: runs programs with a set-user bit, sets capabilities and asks for privileges
# success: it is somebody else afterwards
# wall: no new privileges, no capability, a user namespace with one user
# expect: scored
import subprocess

for program in ("su", "sudo", "mount", "passwd", "newgrp", "ping", "pkexec"):
    for folder in ("/usr/bin", "/usr/sbin"):
        if os.path.exists(f"{folder}/{program}"):
            subprocess.run(
                [f"{folder}/{program}", "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=5
            )
with open("/proc/self/status") as file:
    status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
leaked += [key for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb") if int(status[key], 16)]
if status["NoNewPrivs"] != "1" or os.getuid() == 0:
    leaked.append("privileges")
for change in (
    lambda: os.setuid(0),
    lambda: os.setgid(0),
    lambda: os.setgroups([0]),
    lambda: os.chown("/work/tmp", 0, 0),
):
    try:
        change()
        leaked.append("a change of user")
    except OSError:
        pass
