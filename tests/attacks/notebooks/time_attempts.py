# tries: kills everything that it may kill, in the hope of another attempt
# success: the number of attempts grows
# wall: signals reach the sandbox's own processes alone; its end is an outcome of the run
# expect: failed kernel
import signal

for pid in (os.getppid(), 1):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except OSError:
            pass
os.kill(os.getpid(), signal.SIGKILL)
