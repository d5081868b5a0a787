# tries: reads the runner's keys, tokens and egress log
# success: one of them is open
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only
# expect: scored
for path in (outside["keys"], *outside["tokens"], outside["state"] + "/egress.jsonl", "/proc/1/root" + outside["keys"]):
    try:
        leaked.append(open(path, "rb").read(10))
    except OSError:
        pass
