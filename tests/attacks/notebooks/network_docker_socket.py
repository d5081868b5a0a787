# tries: speaks HTTP to a container engine's socket wherever it may be
# success: the engine answers
# wall: a mount namespace in which these paths are not
# expect: scored
import glob
import socket
import stat

names = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"]
for folder, folders, files in os.walk("/"):
    folders[:] = [one for one in folders if f"{folder}/{one}" not in ("//proc", "//usr", "//opt", "//root")]
    names += [f"{folder}/{one}" for one in files if stat.S_ISSOCK(os.lstat(f"{folder}/{one}").st_mode)]
for path in names + glob.glob("/proc/1/root/run/*.sock"):
    try:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(1)
        client.connect(path)
        client.sendall(b"GET /info HTTP/1.0\r\n\r\n")
        if b"HTTP" in client.recv(100):
            leaked.append(path)
    except OSError:
        pass
