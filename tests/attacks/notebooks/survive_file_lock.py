# tries: takes a lock on a file that every run shares (a program of the system), for the next run to feel
# success: the next run of somebody else, at the same time, feels the lock
# wall: the lock ends with the run; one beside it may feel it, and has no more to say for that than its own bits
# expect: scored
import fcntl

locked = 0
for path in (f"{data_dir}/train.parquet", "/usr/bin/env", "/opt/environment/pyvenv.cfg", "/guest.py"):
    file = open(path, "rb")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    locked += 1
assert locked == 4
