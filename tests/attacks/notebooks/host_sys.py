# tries: reads and writes /sys, control groups, and what can be written of /proc/sys
# success: something is read, or changed
# wall: /sys is not there, and /proc/sys is read-only or not its own
# expect: scored
if os.path.exists("/sys") and os.listdir("/sys"):
    leaked.append("/sys")
for path in (
    "/proc/sys/kernel/core_pattern",  # a program that the kernel starts, as root and outside, when a process crashes
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/fs/suid_dumpable",
    "/proc/self/oom_score_adj",
    "/sys/fs/cgroup/release_agent",
):
    try:
        os.close(os.open(path, os.O_WRONLY))  # and nothing is written: a success here would be one on your machine
        leaked.append(path)
    except OSError:
        pass
