# tries: makes new namespaces, enters those of others, or asks the runner's network namespace for a way out
# success: a namespace is made or entered
# wall: seccomp: no unshare, no setns, no clone with a namespace's flag; no user namespace inside
# expect: scored
import ctypes
import glob
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    if libc.unshare(flag) == 0:
        leaked.append(("unshare", hex(flag)))
    child = libc.syscall(56, flag | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child > 0:
        leaked.append(("clone", hex(flag)))
for path in glob.glob("/proc/*/ns/*"):
    try:
        if libc.setns(os.open(path, os.O_RDONLY), 0) == 0:
            leaked.append(path)
    except OSError:
        pass
if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0:
    leaked.append("unshare -rn")
