"""The system calls that code in a sandbox may make: an allow-list, compiled by libseccomp.

What is not listed answers "not implemented", as an older kernel would, so that programs fall back. Left out on
purpose: ptrace and process_vm_*, bpf, perf_event_open, keyctl, userfaultfd, io_uring_*, mount and its newer
relatives, unshare and setns, module and kexec calls, clock setting, and new namespaces through clone. memfd_create
is missing too: where there is no control group, memory that no process has mapped would count for nobody.

A call whose architecture is another (``int 0x80``, the x32 interface) kills the whole process that makes it. An OCI
runtime's own default is to kill its thread alone, and the specification has no word for more.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
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
inotify_rm_watch ioprio_get kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr
link linkat listen listxattr llistxattr lseek lstat madvise membarrier mkdir mkdirat mknod mknodat mlock
mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause
pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll pread64 preadv preadv2 prlimit64
pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg rename renameat
renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam
sched_setscheduler sched_yield select sendfile sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address
setitimer setpgid setrlimit setsid setsockopt shutdown sigaltstack signalfd signalfd4 socketpair splice stat statfs
statx symlink symlinkat sync sync_file_range sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink
unlinkat utime utimensat utimes vfork wait4 waitid write writev
""".split()  # noqa: SIM905 - a list would be three hundred lines

SOCKET_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET and AF_INET6: the network namespace leaves the last two nothing but the private loopback."""

_LAST_FAMILY = 10
"""Every family but those three answers EINVAL, which network libraries take for a kernel without it."""

NEW_NAMESPACES = 0x7E020000
"""Flags of clone(2) that make a namespace (CLONE_NEW*). clone3(2) passes them in memory, where no filter sees them."""

_IOCTL = (
    *(0x5401, 0x5402, 0x5403, 0x5404, 0x802C542A),  # TCGETS, TCSETS, TCSETSW, TCSETSF, TCGETS2: is this a terminal?
    *(0x540F, 0x5410, 0x5411, 0x5413, 0x5414, 0x5429),  # TIOC{G,S}PGRP, TIOCOUTQ, TIOC{G,S}WINSZ, TIOCGSID
    *(0x541B, 0x5421, 0x5450, 0x5451, 0x5452),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC
)
"""Requests of ioctl(2). TIOCSTI and TIOCLINUX, which type into a terminal, are not among them."""

_PR_SET_PDEATHSIG = 1
_PRCTL = (
    *(2, 3, 4, 15, 16),  # PR_GET_PDEATHSIG, PR_{GET,SET}_DUMPABLE, PR_{SET,GET}_NAME
    *(21, 22, 23, 29, 30),  # PR_{GET,SET}_SECCOMP, PR_CAPBSET_READ, PR_{SET,GET}_TIMERSLACK
    *(36, 37, 38, 39, 40, 41, 42),  # PR_{SET,GET}_{CHILD_SUBREAPER,NO_NEW_PRIVS}, PR_GET_TID_ADDRESS, THP
    *(47, 0x53564D41, 0x59616D61),  # PR_CAP_AMBIENT, PR_SET_VMA, PR_SET_PTRACER
)
"""Options of prctl(2). PR_SET_PDEATHSIG reports success and does nothing: whoever could clear it would outlive the
runner, and whoever sets it dies with the sandbox anyway."""

_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_BAD_ARCHITECTURE = 2
"""SCMP_FLTATR_ACT_BADARCH: what becomes of a call by another architecture. Else its thread alone would die, and the
rest of the process might wait for it for ever."""
_EQ, _GT, _MASKED_EQ = 4, 6, 7
_OPERATORS = {_EQ: "SCMP_CMP_EQ", _GT: "SCMP_CMP_GT", _MASKED_EQ: "SCMP_CMP_MASKED_EQ"}
_INT = 0xFFFFFFFF
"""The bits of an argument that the kernel takes, where it takes an int."""


@dataclass(frozen=True)
class _Rule:
    """``name`` is allowed, or answers ``error``, when argument ``index`` compares with ``value`` (under ``mask``)."""

    name: str
    operator: int
    value: int
    mask: int = 0
    index: int = 0
    error: int | None = None

    @property
    def operands(self) -> tuple[int, int]:
        """As libseccomp takes them: the mask first, where there is one."""
        return (self.mask, self.value) if self.operator == _MASKED_EQ else (self.value, 0)


def _rules() -> Iterator[_Rule]:
    for family in range(_LAST_FAMILY + 1):
        yield _Rule("socket", _EQ, family, error=None if family in SOCKET_FAMILIES else errno.EINVAL)
    yield _Rule("socket", _GT, _LAST_FAMILY, error=errno.EINVAL)
    yield _Rule("clone", _MASKED_EQ, 0, NEW_NAMESPACES)
    for request in _IOCTL:
        yield _Rule("ioctl", _MASKED_EQ, request, _INT, index=1)
    for option in _PRCTL:
        yield _Rule("prctl", _MASKED_EQ, option, _INT)
    yield _Rule("prctl", _MASKED_EQ, _PR_SET_PDEATHSIG, _INT, error=0)


class _Compare(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


MAKES_SANDBOXES = """
capset chroot clone ioctl memfd_create mount pivot_root prctl setgid setgroups sethostname setns setresgid setresuid
setuid socket umount2 unshare
""".split()  # noqa: SIM905 - as above
"""What the template is allowed besides, which makes sandboxes and runs nothing of a participant."""


@cache
def compile_filter(*, makes_sandboxes: bool = False) -> bytes:
    """The filter as a BPF program for this machine's architecture. Raises :class:`ExecutionError`.

    With ``makes_sandboxes`` it is that of the template.
    """
    library = _library()
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO | errno.ENOSYS)))
    try:
        if library.seccomp_attr_set(context, _BAD_ARCHITECTURE, ctypes.c_uint32(_KILL_PROCESS)):
            raise ExecutionError("libseccomp did not take the rule for other architectures.")
        for name in [*ALLOWED, *(MAKES_SANDBOXES if makes_sandboxes else ())]:
            _add(library, context, _ALLOW, name)
        for rule in () if makes_sandboxes else _rules():
            action = _ALLOW if rule.error is None else _ERRNO | rule.error
            _add(library, context, action, rule.name, _Compare(rule.index, rule.operator, *rule.operands))
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def call_number(name: str) -> int | None:
    """The number of a system call on this machine; None where it has none."""
    number = int(_library().seccomp_syscall_resolve_name(name.encode()))
    return number if number >= 0 else None


def _library() -> Any:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise ExecutionError("libseccomp is not installed.", hint="Run: apt-get install libseccomp2") from None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


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
        "syscalls": [{"names": ALLOWED, "action": "SCMP_ACT_ALLOW"}, *map(_oci_rule, _rules())],
    }


def _oci_rule(rule: _Rule) -> dict[str, Any]:
    value, second = rule.operands
    compare = {"index": rule.index, "value": value, "valueTwo": second, "op": _OPERATORS[rule.operator]}
    action = (
        {"action": "SCMP_ACT_ALLOW"} if rule.error is None else {"action": "SCMP_ACT_ERRNO", "errnoRet": rule.error}
    )
    return {"names": [rule.name], "args": [compare], **action}
