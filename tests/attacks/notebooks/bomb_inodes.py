# tries: makes files without content until there are no inodes, and names that are as long as can be
# success: the machine's memory goes to inodes that nobody counts
# wall: the kernel counts them to the sandbox's memory; they end with the tmpfs
# expect: scored or failed
import time

until = time.monotonic() + 6
count = 0
os.mkdir("/work/many")
try:
    while time.monotonic() < until:
        os.close(os.open(f"/work/many/{count:0250d}", os.O_CREAT))
        count += 1
except OSError:
    pass
