# tries: makes and opens devices: memory, disks, KVM, terminals, loop devices
# success: one opens
# wall: no device but null, zero, full, random, urandom and a terminal of its own
# expect: scored
import stat

fine = {
    "null",
    "zero",
    "full",
    "random",
    "urandom",
    "tty",
    "ptmx",
    "pts",
    "shm",
    "fd",
    "stdin",
    "stdout",
    "stderr",
    "core",
    "console",
    "mqueue",
}
leaked += sorted(set(os.listdir("/dev")) - fine)
for major, minor in ((1, 1), (1, 2), (8, 0), (10, 232), (10, 200), (253, 0), (7, 0), (1, 11)):
    try:
        os.mknod(f"/work/device-{major}-{minor}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
        leaked.append((major, minor))
    except OSError:
        pass
