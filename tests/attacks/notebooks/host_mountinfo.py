# tries: reads its mounts, which name folders of this machine, by every file and call that tells them, and opens these
# success: a folder of this machine opens
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only; the names
#   themselves are inside and have no way out
# expect: scored
import ctypes
import re

text = ""
for pid in ("self", "thread-self", os.getppid(), 1):
    for name in ("mountinfo", "mounts", "mountstats"):
        try:
            with open(f"/proc/{pid}/{name}") as file:
                text += file.read()
        except OSError:
            pass
answer = ctypes.create_string_buffer(1 << 16)
request = b"".join(value.to_bytes(size, "little") for value, size in ((24, 4), (0, 4), (2**64 - 1, 8), (0xFF, 8)))
for call in (457, 458):  # statmount, listmount
    if ctypes.CDLL(None).syscall(call, request, answer, len(answer), 0) >= 0:
        leaked.append(call)
lines = [line.split() for line in text.splitlines() if line.strip()]
mounts = {word for words in lines for word in (words[1], *words[4:5]) if word.startswith("/")} - {"/"}
named = {word for words in lines for word in words[3:4] if word.startswith("/")}
named |= set(re.findall(r"(?:upperdir|lowerdir|workdir)=([^,: ]+)", text))
named |= {outside["root"], outside["private"], outside["home"]}  # and those which it would find there
for folder in named - {"/"}:
    for path in (folder, os.path.dirname(folder), f"/proc/1/root{folder}", f"/oldroot{folder}", f"/newroot{folder}"):
        try:
            os.stat(path)
        except OSError:
            continue
        try:
            inside = os.path.realpath(path)
        except OSError:
            inside = path
        if any(f"{inside}/".startswith(f"{mount}/") for mount in mounts):
            continue
        if inside != "/" and not any(mount.startswith(f"{inside}/") for mount in mounts):  # the way to a mount is empty
            leaked.append(path)
