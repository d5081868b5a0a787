# tries: opens files without end
# success: the machine has no descriptor left
# wall: a resource limit on open files
# expect: scored
opened = []
try:
    while len(opened) < 100_000:
        opened.append(os.open("/dev/null", os.O_RDONLY))
    leaked.append("more files than allowed")
except OSError:
    pass
for descriptor in opened:
    os.close(descriptor)
