# tries: writes into the memory of the program that drives it, to patch nbclient while it runs
# success: that program, or anything beyond it, says what the notebook wants
# wall: no ptrace, no process_vm_writev; and that program is not believed
# expect: scored
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
for pid in (os.getppid(), 1):
    if libc.ptrace(16, pid, 0, 0) == 0:
        leaked.append("ptrace")
    if libc.process_vm_readv(pid, ctypes.byref(ctypes.c_long()), 1, ctypes.byref(ctypes.c_long()), 1, 0) >= 0:
        leaked.append("process_vm_readv")
    try:
        with open(f"/proc/{pid}/maps") as file:
            start = int(next(line for line in file if "rw-p" in line).split("-")[0], 16)
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            memory.write(memory.read(0))
    except (OSError, StopIteration):
        pass
