# tries: calls what kernels were broken with: bpf, perf, keyctl, userfaultfd, io_uring, ptrace, modules, kexec
# success: one of them does not answer with an error
# wall: seccomp: an allow-list, on which they are not
# expect: scored
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
numbers = {
    "bpf": 321,
    "perf_event_open": 298,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "init_module": 175,
    "kexec_load": 246,
    "acct": 163,
    "swapon": 167,
    "reboot": 169,
    "settimeofday": 164,
    "sethostname": 170,
    "iopl": 172,
    "ioperm": 173,
    "modify_ldt": 154,
    "kcmp": 312,
    "pidfd_getfd": 438,
    "quotactl": 179,
    "lookup_dcookie": 212,
    "move_pages": 279,
    "migrate_pages": 256,
    "mbind": 237,
    "personality": 135,
    "fanotify_init": 300,
    "name_to_handle_at": 303,
    "shmget": 29,
    "msgget": 68,
    "semget": 64,
    "mq_open": 240,
    "setuid": 105,
    "setgid": 106,
    "capset": 126,
    "clock_settime": 227,
    "clone3": 435,
    "seccomp": 317,
}
refused = (1, 38)
for name, number_of_call in numbers.items():
    ctypes.set_errno(0)
    if libc.syscall(number_of_call, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() not in refused:
        leaked.append((name, ctypes.get_errno()))
