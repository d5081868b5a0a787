# tries: makes the same calls through the 32-bit and x32 gates, which a filter may not look at
# success: one of them works
# wall: seccomp kills or refuses calls of another architecture
# expect: scored
import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)


def works(call):
    """Whether ``call`` answers with more than an error; in a child, because the filter may kill who calls."""
    child = os.fork()
    if child == 0:
        os._exit(0 if call() >= 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


for number_of_call in (101, 321, 425, 39):
    if works(lambda: libc.syscall(0x40000000 | number_of_call, 0, 0, 0, 0, 0, 0)):
        leaked.append(number_of_call)
if os.uname().machine == "x86_64":
    code = bytes.fromhex("53 b8 14 00 00 00 cd 80 5b c3")  # push rbx; mov eax, 20 (getpid of i386); int 0x80
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    if works(lambda: ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()):
        leaked.append("a call of i386")
