# tries: takes memory in many children at once, each below the bound
# success: the machine has none left
# wall: the control group counts them together
# expect: failed or scored
import time

for _ in range(40):
    if os.fork() == 0:
        block = bytearray(os.urandom(1 << 20) * 100)
        time.sleep(3600)
time.sleep(3)
