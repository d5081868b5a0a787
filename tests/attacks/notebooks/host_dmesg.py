# tries: reads the kernel's log by syslog(2), /dev/kmsg and dmesg
# success: a line of it
# wall: seccomp: no syslog; no such device
# expect: scored
import ctypes
import subprocess

buffer = ctypes.create_string_buffer(1 << 16)
for action in (2, 3, 4, 10):
    if ctypes.CDLL(None).klogctl(action, buffer, len(buffer)) > 0:
        leaked.append(action)
for path in ("/dev/kmsg", "/proc/kmsg"):
    try:
        leaked += [os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 100)] if os.path.getsize(path) else []
    except OSError:
        pass
if subprocess.run(["dmesg"], capture_output=True).stdout:
    leaked.append("dmesg")
