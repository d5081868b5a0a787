# tries: speaks to the hypervisor by vsock
# success: a socket of the family is made
# wall: seccomp: no socket but unix and the private loopback's
# expect: scored
import socket

for cid in (0, 1, 2, 3):
    try:
        client = socket.socket(40, socket.SOCK_STREAM)
        leaked.append("a socket")
        client.connect((cid, 1024))
    except OSError:
        pass
