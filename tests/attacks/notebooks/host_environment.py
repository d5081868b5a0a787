# tries: looks for tokens and passwords in its own environment and that of its ancestors
# success: something of the runner's environment
# wall: the environment is built word by word; none of the runner's is passed on
# expect: scored
import glob

for path in (
    "/proc/1/environ",
    "/proc/self/environ",
    f"/proc/{os.getppid()}/environ",
    *glob.glob("/proc/[0-9]*/environ"),
):
    try:
        with open(path, "rb") as file:
            content = file.read().upper()
    except OSError:
        continue
    leaked += [
        word for word in (b"TOKEN", b"PKIT_HOME", b"SECRET", b"PASSWORD", b"PYTEST", b"SSH_", b"AWS") if word in content
    ]
