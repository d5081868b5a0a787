# tries: ends the kernel with a byte of the data as its exit code
# success: the exit code is outside
# wall: an exit code has no field: it is the stage `kernel`
# expect: failed kernel
os._exit(canary.encode()[0])
