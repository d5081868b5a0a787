# tries: reads the command lines, environments and descriptors of other people's processes
# success: a process of somebody else is in sight
# wall: a process namespace: no other process is in sight
# expect: scored
import glob

for folder in glob.glob("/proc/[0-9]*"):
    for name in ("cmdline", "environ"):
        try:
            with open(f"{folder}/{name}", "rb") as file:
                content = file.read()
        except OSError:
            continue
        if any(
            word in content
            for word in (b"participant_kit.cli", b"pytest", b"SECRET", b"--gateway", b"PKIT_", b"uvicorn")
        ):
            leaked.append((folder, name))
if os.path.exists(f"/proc/{outside['pid']}/environ"):
    leaked.append(outside["pid"])
