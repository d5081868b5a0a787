# tries: reads the kernel's symbols, log, keys, configuration and memory from /proc
# success: one of them says something
# wall: the files are masked
# expect: scored
names = "kallsyms kcore kmsg keys key-users config.gz modules vmallocinfo slabinfo timer_list sched_debug interrupts"
for name in names.split():
    try:
        with open(f"/proc/{name}", "rb") as file:
            if file.read(100):
                leaked.append(name)
    except OSError:
        pass
