# tries: reads how long this machine runs and what it is called, and sets both
# success: the name, or a change
# wall: a UTS namespace with a fixed name; no call to set clock or name
# expect: scored
import socket
import time

if socket.gethostname() != "sandbox":
    leaked.append(socket.gethostname())
for change in (
    lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
    lambda: socket.sethostname("x"),
    lambda: os.nice(-5),
):
    try:
        change()
        leaked.append("a change")
    except OSError:
        pass
