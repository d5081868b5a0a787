# tries: leaves holes of gigabytes, which take no room on the disk and all of it where they are read
# success: the runner's memory or disk is full
# wall: sizes are added up before anything is read, and the zip holds files as they are
# expect: failed output too_large
# predictions: own
import os

for number in range(100):
    with open(f"/app/output/{number}", "wb") as file:
        file.truncate(60 << 20)
os._exit(0)
