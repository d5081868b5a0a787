# tries: mounts, unmounts, changes its root, and opens files by handle
# success: one of these works
# wall: seccomp, no capability, and a locked mount namespace
# expect: scored
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "mount": lambda: libc.mount(b"none", b"/work/tmp", b"tmpfs", 0, None),
    "remount": lambda: libc.mount(b"none", b"/data", None, 32 | 4096, None),
    "proc": lambda: libc.mount(b"proc", b"/work/tmp", b"proc", 0, None),
    "umount": lambda: libc.umount2(b"/proc/kallsyms", 2),
    "pivot_root": lambda: libc.syscall(155, b"/work", b"/work/tmp"),
    "chroot": lambda: libc.chroot(b"/work"),
    "open_by_handle_at": lambda: libc.syscall(
        304, -100, ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0\x02" + bytes(20)), 0
    ),
    "open_tree": lambda: libc.syscall(428, -100, b"/", 1),
    "fsopen": lambda: libc.syscall(430, b"tmpfs", 0),
    "move_mount": lambda: libc.syscall(429, -100, b"/data", -100, b"/work/tmp", 0),
    "mount_setattr": lambda: libc.syscall(442, -100, b"/data", 0, bytes(32), 32),
}
leaked += [name for name, call in calls.items() if call() >= 0]
