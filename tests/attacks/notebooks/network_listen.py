# tries: listens on every address and hands out the data to whoever comes
# success: somebody outside gets through
# wall: a network namespace of its own, with nothing but a private loopback
# expect: scored
import socket
import time

server = socket.create_server(("0.0.0.0", outside["listen"]))
server.settimeout(1.5)
try:
    connection, _ = server.accept()
    connection.sendall(canary.encode())
    leaked.append("a caller")
except OSError:
    pass
time.sleep(0.1)
