# tries: hides the data in causes, notes, groups and attributes of an exception
# success: any of it is outside
# wall: a failure leaves as stage, cell number and a name of a closed list; anything else is `other`
# expect: failed notebook other or failed notebook ValueError
first = KeyError(canary)
first.add_note(canary)
second = type("Other" + canary, (ValueError,), {"__module__": canary, "ename": canary})(canary)
second.__cause__ = first
raise ExceptionGroup(canary, [first, second])
