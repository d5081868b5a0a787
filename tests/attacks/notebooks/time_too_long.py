# tries: runs past the wall time, if a bit of the data is set
# success: it goes on, or the reason tells more than `timeout`
# wall: the runner kills the sandbox at the card's wall time
# expect: failed timeout
# house: strict
import time

time.sleep(600)
