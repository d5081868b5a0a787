# tries: connects to unix sockets by path: docker, dbus, systemd, and one that somebody put into /tmp
# success: a connection comes through
# wall: a mount namespace in which these paths are not
# expect: scored
import socket

paths = [outside["socket"], "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/journal/socket"]
for path in [*paths, "/var/run/docker.sock", "/run/containerd/containerd.sock", "/dev/log"]:
    for root in ("", "/proc/1/root", "/proc/self/cwd/.."):
        try:
            socket.socket(socket.AF_UNIX).connect(root + path)
            leaked.append(path)
        except OSError:
            pass
