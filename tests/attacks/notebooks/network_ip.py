# tries: connects to this machine, the gateway, its wire and the open Internet by number
# success: a connection comes through
# wall: a network namespace of its own, with nothing but a private loopback
# expect: scored
import socket

targets = [(address, outside["tcp"]) for address in outside["addresses"]] + [("127.0.0.1", outside["port"])]
for target in [*targets, ("1.1.1.1", 443), ("169.254.169.254", 80), ("10.0.0.1", 80), ("172.17.0.1", 2375)]:
    try:
        with socket.create_connection(target, timeout=1) as connection:
            connection.sendall(canary.encode())
            leaked.append(target)
    except OSError:
        pass
