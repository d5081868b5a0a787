# tries: asks which pages of shared files are cached, by mincore and by timing
# success: mincore tells what another run has read
# wall: seccomp has no mincore, whose truth is told to root's own processes; timing is not stopped inside
# expect: scored
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
told = set()
for name in ("/usr/bin/env", "/usr/bin/prlimit", f"{data_dir}/train.parquet"):
    size = os.path.getsize(name)
    start = libc.mmap(None, size, 1, 2, os.open(name, os.O_RDONLY), 0)
    answer = (ctypes.c_ubyte * (size // 4096 + 1))()
    if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), answer) == 0:
        told |= set(answer[: size // 4096])
if 0 in told:
    leaked.append("pages that are not cached are told apart")
