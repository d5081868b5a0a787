# tries: makes the same calls through the 32-bit and x32 gates, which a filter may not look at
# success: one of them works
# wall: seccomp kills or refuses calls of another architecture
# expect: scored
import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)
for number_of_call in (101, 321, 425, 39):
    if libc.syscall(0x40000000 | number_of_call, 0, 0, 0, 0, 0, 0) != -1:
        leaked.append(number_of_call)
if os.uname().machine == "x86_64":
    code = bytes.fromhex("53 b8 14 00 00 00 cd 80 5b c3")  # push rbx; mov eax, 20 (getpid of i386); int 0x80
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    child = os.fork()
    if child == 0:
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        os._exit(0 if answer > 0 else 1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        leaked.append("a call of i386")
