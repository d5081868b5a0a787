# tries: leaves marks for the next run in every file, socket, lock and process that it can make
# success: the next attack finds one
# wall: a sandbox serves one run; files, processes, sockets and shared memory end with it
# expect: scored
import ctypes
import fcntl
import socket
import subprocess

for folder in (
    "/tmp",
    "/dev/shm",
    "/var/tmp",
    "/work",
    "/run",
    os.path.expanduser("~"),
    "/dev",
    "/usr",
    "/data",
    "/opt/environment",
):
    try:
        os.makedirs(f"{folder}/pkit-mark", exist_ok=True)
    except OSError:
        pass
libc = ctypes.CDLL(None)
libc.syscall(29, 47113, 4096, 0o1666)
server = socket.socket(socket.AF_UNIX)
server.bind("\0pkit-mark")
server.listen()
lock = open("/usr/bin/env", "rb")
fcntl.flock(lock, fcntl.LOCK_EX)
code = "import time, os, socket; s = socket.create_server(('127.0.0.1', 47114)); time.sleep(3600)"
subprocess.Popen(
    ["/usr/bin/setsid", "/opt/environment/bin/python3", "-c", code, "pkit-survivor"],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    pass_fds=[lock.fileno(), server.fileno()],
)
import time

time.sleep(0.3)
