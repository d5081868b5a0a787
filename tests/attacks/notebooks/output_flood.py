# tries: prints for ever
# success: the runner's memory or disk is full
# wall: the driving program is inside the same bounds, and nothing is kept outside
# expect: failed
# house: strict
import sys

line = canary * 25_000
while True:
    sys.stdout.write(line)
    sys.stdout.flush()
