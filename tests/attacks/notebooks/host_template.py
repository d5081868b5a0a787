# tries: looks for the template that it was forked from: in descriptors that were left open, in the process that holds
#   its namespaces, by joining that one's, and in the memory that they share, for the runner's key
# success: a descriptor, a look into that process, a namespace, or a key
# wall: every descriptor but the streams is closed, Landlock and the filter of system calls keep it out of the holder,
#   and the template has never had a key or a word of a run
# expect: scored
import ctypes
import re

libc = ctypes.CDLL(None, use_errno=True)
for name in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        continue
    if not target.startswith(("pipe:", "socket:", "anon_inode:", "/dev/", "/work", "/data", "/proc/")):
        leaked.append(target)
for pid in {1, os.getppid()}:
    for what in ("mem", "maps", "environ", "fd/0", "root/etc/passwd", "cwd/..", "auxv", "stack"):
        try:
            descriptor = os.open(f"/proc/{pid}/{what}", os.O_RDONLY)
            if what in ("mem", "fd/0") or os.path.isdir(f"/proc/self/fd/{descriptor}") or os.read(descriptor, 1):
                leaked.append((pid, what))
        except OSError:
            pass
    try:
        if os.listdir(f"/proc/{pid}/map_files"):
            leaked.append((pid, "map_files"))
    except OSError:
        pass
    for space in ("user", "mnt", "net", "pid"):
        try:
            descriptor = os.open(f"/proc/{pid}/ns/{space}", os.O_RDONLY)
        except OSError:
            continue
        if libc.setns(descriptor, 0) == 0:
            leaked.append((pid, space))
    try:
        if libc.setns(os.pidfd_open(pid), 0x10000000 | 0x00020000) == 0:
            leaked.append((pid, "setns"))
    except OSError:
        pass
secret = re.compile(b"AGE-SECRET" + rb"-KEY-1[A-Z0-9]{20}")
with open("/proc/self/maps") as maps:
    areas = [line.split() for line in maps]
try:
    with open("/proc/self/mem", "rb", 0) as memory:
        for area, rights, *_ in areas:
            start, end = (int(number, 16) for number in area.split("-"))
            if rights.startswith("rw") and end - start < 1 << 26:
                try:
                    memory.seek(start)
                    if secret.search(memory.read(end - start)):
                        leaked.append("a key")
                except OSError:
                    pass
except OSError:
    pass
