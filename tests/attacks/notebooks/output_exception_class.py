# tries: raises an exception whose class is named after the data
# success: the class's name is outside
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed notebook other
raise type(canary, (Exception,), {})(number)
