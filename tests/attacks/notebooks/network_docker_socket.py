# tries: speaks HTTP to a container engine's socket wherever it may be
# success: the engine answers
# wall: a mount namespace in which these paths are not
# expect: scored
import glob
import socket

for path in glob.glob("/**/*docker*.sock", recursive=True) + glob.glob("/run/**/*.sock", recursive=True):
    try:
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.sendall(b"GET /info HTTP/1.0\r\n\r\n")
        leaked.append(client.recv(100))
    except OSError:
        pass
