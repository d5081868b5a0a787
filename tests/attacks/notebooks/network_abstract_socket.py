# tries: connects to abstract unix sockets of this machine
# success: a connection comes through
# wall: abstract names belong to a network namespace, and it has its own
# expect: scored
import socket

names = [outside["abstract"], "/tmp/.X11-unix/X0", "/tmp/dbus-test", "/containerd-shim/moby.sock"]
with open("/proc/net/unix") as file:
    names += [line.split()[-1][1:] for line in file if "@" in line.split()[-1] and outside["abstract"] in line]
for name in names:
    try:
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"\0{name}")
        leaked.append(name)
    except OSError:
        pass
