# tries: kills its own kernel by a fault of memory, if a bit of the data is set
# success: the submission is tried again, and the number of attempts tells
# wall: a crash inside is an outcome of the run, and is released like any other
# expect: failed kernel
import ctypes

ctypes.string_at(0)
