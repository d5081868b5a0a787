# tries: reads and writes /sys, control groups, and what can be written of /proc/sys
# success: something is read, or changed
# wall: /sys is not there, and /proc/sys is read-only or not its own
# expect: scored
if os.path.exists("/sys") and os.listdir("/sys"):
    leaked.append("/sys")
for path, value in {
    "/proc/sys/kernel/core_pattern": f"|/bin/echo {canary}",
    "/proc/sys/kernel/hostname": canary[:20],
    "/proc/sys/vm/drop_caches": "3",
    "/proc/sys/kernel/modprobe": "/work/x",
    "/proc/sysrq-trigger": "h",
    "/proc/self/oom_score_adj": "-1000",
    "/sys/fs/cgroup/release_agent": "/work/x",
}.items():
    try:
        with open(path, "w") as file:
            file.write(value)
        if path != "/proc/sysrq-trigger":
            leaked.append(path)
    except OSError:
        pass
