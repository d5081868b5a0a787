# tries: leaves threads, children, and children that forked twice and have sessions of their own
# success: one of them lives on when the run is over (the next attack looks)
# wall: the sandbox's first process ends, and the kernel ends its whole process namespace
# expect: scored
import subprocess
import threading
import time

threading.Thread(target=time.sleep, args=(3600,)).start()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            os.execv("/bin/sleep", ["pkit-survivor", "3600"])
        os._exit(0)
subprocess.Popen(
    [
        "/usr/bin/setsid",
        "/usr/bin/nohup",
        "/bin/sh",
        "-c",
        "exec -a pkit-survivor sleep 3600 2>/dev/null || sleep 3600",
    ],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
)
