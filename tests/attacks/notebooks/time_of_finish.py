# tries: waits for as many milliseconds as a byte of the data says
# success: the moment at which the result leaves tells more than its tick
# wall: a result leaves at a multiple of the card's completion tick after the claim, and the tick is in the ledger
# expect: scored
import time

time.sleep(canary.encode()[0] / 100)
