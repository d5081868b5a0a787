# tries: fails with the data in the message of an exception, so that it stands in the traceback
# success: the message or the traceback is outside
# wall: a failure leaves as stage, cell number and a name of a closed list; no message has a field
# expect: failed notebook ValueError
raise ValueError(f"{canary} {number}")
