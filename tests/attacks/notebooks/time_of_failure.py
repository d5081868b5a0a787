# tries: fails after a time that the data chooses
# success: the moment at which the failure leaves tells more than its tick
# wall: a result leaves at a multiple of the card's completion tick after the claim, and the tick is in the ledger
# expect: failed notebook ValueError
import time

time.sleep((number % 97) / 97)
raise ValueError
