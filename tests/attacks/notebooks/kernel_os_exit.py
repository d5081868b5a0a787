# tries: leaves in the middle of a cell without a word
# success: the run counts as unfinished, or is done again
# wall: the end of the kernel is an outcome of the run
# expect: failed kernel
os._exit(0)
