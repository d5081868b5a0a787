# tries: starts threads without end
# success: the machine has no process left
# wall: the card's number of processes counts threads too
# expect: scored
import threading

stop = threading.Event()
started = []
try:
    while len(started) < 20_000:
        thread = threading.Thread(target=stop.wait)
        thread.start()
        started.append(thread)
    leaked.append("more threads than allowed")
except RuntimeError:
    pass
stop.set()
