# tries: stops, hangs up and kills the driving program and everything else it can see
# success: the runner hangs or dies
# wall: a process namespace: signals reach its own processes, and its first one alone as it allows
# expect: failed kernel or failed timeout
import signal

for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
    for pid in (os.getppid(), 1, -1, outside["pid"]):
        try:
            os.kill(pid, number)
            if pid == outside["pid"]:
                leaked.append("a signal to a process outside")
        except OSError:
            pass
os.kill(os.getpid(), signal.SIGKILL)
