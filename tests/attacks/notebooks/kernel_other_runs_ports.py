# tries: looks for the connection files, ports and sockets of other kernels on this machine
# success: a port answers
# wall: a network namespace of its own, with nothing but a private loopback; kernels speak over unix sockets in their
#   own work folder
# expect: scored
import glob
import json
import socket

from ipykernel.connect import get_connection_file

own = get_connection_file()
for name in glob.glob("/tmp/**/kernel-*.json", recursive=True) + glob.glob("/root/.local/share/jupyter/runtime/*"):
    if os.path.realpath(name) != os.path.realpath(own):
        leaked.append(name)
with open(own) as file:
    own_sockets = json.load(file)["ip"]
for pattern in ("/tmp/**/*-ipc-*", "/root/**/*-ipc-*", f"{outside['temporary']}/**/*-ipc-*"):
    leaked += [name for name in glob.glob(pattern, recursive=True) if not os.path.realpath(name).startswith("/work/")]
with open("/proc/net/unix") as file:
    leaked += [line for line in file if "-ipc-" in line and own_sockets not in line]
for port in [*range(8880, 8900), *range(5550, 5570), outside["port"], outside["tcp"]]:
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", port)) == 0:
            leaked.append(port)
