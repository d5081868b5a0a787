# tries: writes a reply of its own, with the data in every field, into the driving program's descriptors
# success: a field of the reply is outside, or the runner breaks on it
# wall: these descriptors do not open, because that program is closed to all others; and any reply is hostile: the
#   runner reads three fields of it, and the gate takes only words of the card's alphabet
# expect: failed or scored
import json

reply = {"stage": canary, "cell": 10**400, "reason": canary, "message": canary, "log": canary, canary: canary}
content = json.dumps({**reply, "cell": number}).encode() + b"\n" + canary.encode()
wrote = 0
for pid in (1, os.getppid()):
    for fd in range(64):
        try:
            target = os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            os.write(target, content)
            wrote += 1
        except OSError:
            pass
        os.close(target)
if wrote:
    os.kill(os.getppid(), 9)
