# tries: hides memory in memfds, pipes and sockets, and locks what it can
# success: memory is used that is not counted
# wall: the control group counts it; what is not counted is small and has limits of its own
# expect: scored or failed memory
kept = []
try:
    for _ in range(30):
        descriptor = os.memfd_create("x")
        os.write(descriptor, bytes(16 << 20))
        kept.append(descriptor)
    for _ in range(500):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.write(writer, bytes(1 << 16))
        kept += [reader, writer]
except OSError:
    pass
for descriptor in kept:
    os.close(descriptor)
