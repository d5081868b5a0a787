# tries: looks for the marks of the attack before: files, sockets, ports, locks, shared memory, processes
# success: one is there
# wall: a sandbox serves one run; files, processes, sockets and shared memory end with it
# expect: scored
# after: survive_leave
import ctypes
import fcntl
import glob
import socket

for folder, folders, _ in os.walk("/"):
    folders[:] = [one for one in folders if f"{folder}/{one}" not in ("//proc", "//usr/lib", "//usr/share")]
    leaked += [f"{folder}/{one}" for one in folders if one == "pkit-mark"]
if ctypes.CDLL(None).syscall(29, 47113, 0, 0) != -1:
    leaked.append("shared memory")
for family, address in ((socket.AF_UNIX, "\0pkit-mark"), (socket.AF_INET, ("127.0.0.1", 47114))):
    try:
        socket.socket(family).connect(address)
        leaked.append(address)
    except OSError:
        pass
try:
    fcntl.flock(open("/usr/bin/env", "rb"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    leaked.append("a lock on a shared file")
for path in glob.glob("/proc/[0-9]*/cmdline"):
    if b"pkit-survivor" in open(path, "rb").read():
        leaked.append(path)
