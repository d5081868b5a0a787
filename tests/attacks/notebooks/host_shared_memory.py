# tries: attaches System V shared memory, semaphores and queues of this machine
# success: one is attached
# wall: an IPC namespace; seccomp has no System V calls
# expect: scored
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
for number_of_call in (29, 30, 68, 64):
    if libc.syscall(number_of_call, 1, 4096, 0o1666) != -1:
        leaked.append(number_of_call)
for name in ("/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem"):
    if os.path.exists(name) and len(open(name).read().splitlines()) > 1:
        leaked.append(name)
leaked += os.listdir("/dev/shm")
