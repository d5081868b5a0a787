# tries: connects by IPv6, to this machine's loopback, link-local and mapped addresses
# success: a connection comes through
# wall: a network namespace of its own, with nothing but a private loopback
# expect: scored
import socket

mapped = [f"::ffff:{address}" for address in outside["addresses"]]
for address in ["::1", "fe80::1%lo", "ff02::1%lo", "2606:4700:4700::1111", *mapped]:
    try:
        with socket.create_connection((address, outside["tcp"]), timeout=1):
            leaked.append(address)
    except OSError:
        pass
