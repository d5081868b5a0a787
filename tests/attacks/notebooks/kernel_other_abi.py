# tries: makes a call of i386 from a thread of the kernel, which dies of it alone, and has the rest wait for it
# success: the run hangs until the wall time, by which one bit costs the machine half a minute
# wall: such a call ends the whole process, and the end of the kernel is an outcome of the run
# expect: failed kernel
import ctypes
import mmap
import threading

if os.uname().machine == "x86_64":
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("53 b8 14 00 00 00 cd 80 5b c3"))  # push rbx; mov eax, 20 (getpid of i386); int 0x80
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    waiting = threading.Thread(target=call)
    waiting.start()
    waiting.join()
os._exit(0)
