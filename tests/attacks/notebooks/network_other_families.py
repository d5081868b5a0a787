# tries: makes a socket of every other family, raw and packet sockets among them
# success: a socket of the family is made
# wall: seccomp: no socket but unix and the private loopback's
# expect: scored
import socket

for family in range(46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            made = socket.socket(family, kind, socket.IPPROTO_ICMP if kind == socket.SOCK_RAW else 0)
        except OSError:
            continue
        if family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) or (
            kind == socket.SOCK_RAW and family != socket.AF_UNIX  # there the kernel makes a datagram socket of it
        ):
            leaked.append((family, kind))
        made.close()
