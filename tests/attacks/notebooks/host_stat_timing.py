# tries: asks for files of this machine by path, and times the answers to find out whether they exist
# success: a path exists, or its answer takes longer than that of one that cannot
# wall: a mount namespace: nothing of this machine but its programs is in sight, and these read-only
# expect: scored
import statistics
import time


def median(path):
    times = []
    for _ in range(200):
        start = time.perf_counter_ns()
        try:
            os.stat(path)
            leaked.append(path)
        except OSError:
            pass
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times)


there, not_there = median(outside["keys"]), median(outside["keys"] + "x")
if abs(there - not_there) > 0.5 * not_there + 2000:
    leaked.append((there, not_there))
