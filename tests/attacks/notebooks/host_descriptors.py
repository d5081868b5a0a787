# tries: uses the descriptors that it has inherited, to climb out by `..` or to read pipes of the runner
# success: a descriptor leads out
# wall: no folder is open across the wall; only the three streams are, and none of them holds data
# expect: scored
import stat

for pid in ("self", os.getppid(), 1):
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        continue
    for fd in numbers:
        try:
            target = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        if stat.S_ISDIR(os.fstat(target).st_mode):
            up = target
            for _ in range(10):
                up = os.open("..", os.O_RDONLY, dir_fd=up)
            if "root" in os.listdir(up) or "srv" in os.listdir(up):
                leaked.append(fd)
