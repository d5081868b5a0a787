# tries: sends datagrams to this machine, to name servers, and to broadcast and multicast groups
# success: a datagram arrives
# wall: a network namespace of its own, with nothing but a private loopback
# expect: scored
import socket

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for address in [*outside["addresses"], "255.255.255.255", "224.0.0.251", "1.1.1.1"]:
    for port in (outside["udp"], 53):
        try:
            sender.sendto(canary.encode(), (address, port))
            if not address.startswith("127."):
                leaked.append(address)
        except OSError:
            pass
