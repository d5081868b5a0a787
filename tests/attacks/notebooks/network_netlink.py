# tries: speaks netlink: routes, audit, and the kernel's generic families
# success: a socket of the family is made
# wall: seccomp: no socket but unix and the private loopback's
# expect: scored
import socket

for protocol in range(22):
    try:
        leaked.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))
    except OSError:
        pass
