"""The system calls that code in a sandbox may make: an allow-list, compiled by libseccomp.

What is not listed answers "not implemented", as an older kernel would, so that programs fall back. Left out on
purpose: ptrace and process_vm_*, bpf, perf_event_open, keyctl, userfaultfd, io_uring_*, mount and its newer
relatives, unshare and setns, module and kexec calls, clock setting, and new namespaces through clone.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

from participant_kit.execution.errors import ExecutionError

ALLOWED = """
accept accept4 access alarm arch_prctl bind brk capget chdir chmod chown clock_getres clock_gettime clock_nanosleep
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat
faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr
flock fork fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat
get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1
inotify_rm_watch ioctl ioprio_get kill lchown lgetxattr link linkat listen listxattr llistxattr lseek lstat madvise
membarrier memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mremap msync munlock
munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc
pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read
readahead readlink readlinkat readv recvfrom recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler sched_yield select
sendfile sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setitimer setpgid setrlimit setsid
setsockopt shutdown sigaltstack signalfd signalfd4 socketpair splice stat statfs statx symlink symlinkat sync
sync_file_range sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime
timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat
utimes vfork vmsplice wait4 waitid write writev
""".split()  # noqa: SIM905 - a list would be three hundred lines

SOCKET_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET and AF_INET6: the network namespace leaves the last two nothing but the private loopback."""

_OTHER_FAMILIES = (0, *range(3, 10))
_LAST_FAMILY = 10
"""Every other family answers EINVAL, which network libraries take for a kernel without it."""

NEW_NAMESPACES = 0x7E020000
"""Flags of clone(2) that make a namespace (CLONE_NEW*)."""

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQ, _GT, _MASKED_EQ = 4, 6, 7


class _Compare(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


@cache
def compile_filter() -> bytes:
    """The filter as a BPF program for this machine's architecture. Raises :class:`ExecutionError`."""
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise ExecutionError("libseccomp is not installed.", hint="Run: apt-get install libseccomp2") from None
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO | errno.ENOSYS)))
    try:
        for name in ALLOWED:
            _add(library, context, _ALLOW, name)
        for family in SOCKET_FAMILIES:
            _add(library, context, _ALLOW, "socket", _Compare(0, _EQ, family, 0))
        for family in _OTHER_FAMILIES:
            _add(library, context, _ERRNO | errno.EINVAL, "socket", _Compare(0, _EQ, family, 0))
        _add(library, context, _ERRNO | errno.EINVAL, "socket", _Compare(0, _GT, _LAST_FAMILY, 0))
        _add(library, context, _ALLOW, "clone", _Compare(0, _MASKED_EQ, NEW_NAMESPACES, 0))
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _add(library: Any, context: Any, action: int, name: str, *conditions: _Compare) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # unknown to this libseccomp, or to this architecture: stays forbidden
        return
    array = (_Compare * len(conditions))(*conditions)
    if library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(conditions), array):
        raise ExecutionError(f"libseccomp did not take the rule for {name}.")


def _export(library: Any, context: Any) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        if library.seccomp_export_bpf(context, descriptor):
            raise ExecutionError("libseccomp did not write the filter.")
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def oci_profile() -> dict[str, Any]:
    """The same filter in the form of the OCI runtime specification (``linux.seccomp``)."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENOSYS,
        "syscalls": [
            {"names": ALLOWED, "action": "SCMP_ACT_ALLOW"},
            *[_socket_rule("SCMP_ACT_ALLOW", "SCMP_CMP_EQ", family) for family in SOCKET_FAMILIES],
            *[_socket_rule("SCMP_ACT_ERRNO", "SCMP_CMP_EQ", family) for family in _OTHER_FAMILIES],
            _socket_rule("SCMP_ACT_ERRNO", "SCMP_CMP_GT", _LAST_FAMILY),
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
            },
        ],
    }


def _socket_rule(action: str, operator: str, family: int) -> dict[str, Any]:
    rule = {"names": ["socket"], "action": action, "args": [{"index": 0, "value": family, "op": operator}]}
    return rule if action == "SCMP_ACT_ALLOW" else {**rule, "errnoRet": errno.EINVAL}
