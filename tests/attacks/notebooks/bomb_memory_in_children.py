# tries: takes memory in many children at once, each below the bound
# success: the machine has none left
# wall: the control group counts them together
# expect: failed or scored
import time

for _ in range(16):
    if os.fork() == 0:
        block = b"x" * (100 << 20)
        time.sleep(3600)
time.sleep(3)
