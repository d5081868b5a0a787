# tries: looks through temporary folders for what the runner, other runs and other people left
# success: a file of somebody else
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only
# expect: scored
import glob

for pattern in (
    "/tmp/*",
    "/var/tmp/*",
    "/dev/shm/*",
    "/run/**",
    "/home/*",
    "/root/*",
    "/mnt/*",
    "/srv/*",
    outside["temporary"] + "/*",
):
    leaked += [path for path in glob.glob(pattern) if not os.path.realpath(path).startswith("/work/")]
leaked += [
    path for path in (outside["shared"], outside["root"], outside["home"], outside["state"]) if os.path.exists(path)
]
