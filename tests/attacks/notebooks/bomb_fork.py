# tries: forks without end
# success: the machine has no process left
# wall: the card's number of processes, by control group and resource limit
# expect: scored
import signal

children = []
try:
    while len(children) < 20_000:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
    leaked.append("more processes than allowed")
except OSError:
    pass
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
