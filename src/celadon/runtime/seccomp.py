"""Which system calls a dyno may make: what is not named here does not exist for it.

The profile is compiled to BPF once per profile and machine by libseccomp, and handed to crun as it is: compiling it for
every start would cost about 40 % of the start. Namespaces, mounts, keys, BPF, tracing of the kernel, io_uring and exotic
socket families are refused: almost every local kernel exploit of the last years begins with one of them.
"""

import base64
import ctypes
import ctypes.util
import errno
import functools
import hashlib
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

from celadon.runtime import protocol

# New namespaces by clone(): mount, cgroup, UTS, IPC, user, PID, network.
NAMESPACE_FLAGS = 0x7E020000

_FILES = """
access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat
fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1
inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat
mknod mknodat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx symlink
symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes write writev
io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit memfd_create memfd_secret cachestat
"""
_NETWORK = """
accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto
setsockopt shutdown socketpair
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
poll ppoll pselect6 select signalfd signalfd4
"""
_MEMORY = """
brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap pkey_alloc
pkey_free pkey_mprotect process_mrelease remap_file_pages map_shadow_stack mseal
mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd
semctl semget semop semtimedop shmat shmctl shmdt shmget
"""
_PROCESSES = """
arch_prctl capget capset execve execveat exit exit_group fork futex futex_wait futex_waitv futex_wake futex_requeue
get_robust_list get_thread_area getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority
getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill pause pidfd_getfd pidfd_open
pidfd_send_signal prctl prlimit64 process_madvise process_vm_readv process_vm_writev ptrace restart_syscall rseq
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setpgid setpriority setregid
setresgid setresuid setreuid setrlimit setsid setuid sigaltstack tgkill tkill vfork wait4 waitid
landlock_add_rule landlock_create_ruleset landlock_restrict_self
"""
_TIME_AND_SYSTEM = """
alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times
getrandom sysinfo uname
"""
ALLOWED = tuple(sorted(set((_FILES + _NETWORK + _MEMORY + _PROCESSES + _TIME_AND_SYSTEM).split())))

# Known and refused: "not permitted" tells a program more than "no such call".
REFUSED = tuple(
    sorted(
        set(
            """
acct add_key adjtimex bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init fanotify_mark
finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module ioperm iopl kcmp
kexec_file_load kexec_load keyctl lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind
migrate_pages modify_ldt mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at
open_tree open_tree_attr perf_event_open pivot_root query_module quotactl quotactl_fd reboot request_key
set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog umount
umount2 unshare uselib vmsplice userfaultfd ustat vhangup vm86 vm86old
""".split()
        )
    )
)

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_LAST_FAMILY = 64
# IP, ICMP, TCP, UDP, ICMPv6; not SCTP, DCCP, UDP-Lite or MPTCP, whose modules a mere socket() would load.
_PROTOCOLS = (0, 1, 6, 17, 58)
_OTHER_PROTOCOLS = (33, 132, 136, 262)
_PERSONALITIES = (0x0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One argument's test: equal to `value`, after `mask` when there is one."""

    argument: int
    value: int
    mask: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to a call whose arguments fulfil all conditions: allowed, or refused with `error`."""

    call: str
    error: int | None = None
    conditions: tuple[Condition, ...] = ()


def rules() -> tuple[Rule, ...]:
    """The whole profile; a call without a rule answers ENOSYS."""
    return (
        *(Rule(call=name) for name in ALLOWED),
        *(Rule(call=name, error=errno.EPERM) for name in REFUSED),
        # clone3 keeps its flags in memory, where no filter can look: the C library falls back to clone.
        Rule(call="clone3", error=errno.ENOSYS),
        Rule(call="clone", conditions=(Condition(argument=0, value=0, mask=NAMESPACE_FLAGS),)),
        *(Rule(call="personality", conditions=(Condition(argument=0, value=value),)) for value in _PERSONALITIES),
        *_socket_rules(),
    )


def _socket_rules() -> list[Rule]:
    found = [Rule(call="socket", conditions=(Condition(argument=0, value=_UNIX),))]
    for family in (_INET, _INET6):
        for number in _PROTOCOLS:
            found.append(_socket(family, number, None))
        for number in _OTHER_PROTOCOLS:
            found.append(_socket(family, number, errno.EPROTONOSUPPORT))
    # Only the list of addresses and routes (getifaddrs); the other netlink families configure the kernel.
    found.append(_socket(_NETLINK, 0, None))
    for number in range(1, 32):
        found.append(_socket(_NETLINK, number, errno.EPROTONOSUPPORT))
    for family in range(_LAST_FAMILY):
        if family not in (_UNIX, _INET, _INET6, _NETLINK):
            found.append(
                Rule(call="socket", error=errno.EAFNOSUPPORT, conditions=(Condition(argument=0, value=family),))
            )
    return found


def _socket(family: int, number: int, error: int | None) -> Rule:
    return Rule(
        call="socket",
        error=error,
        conditions=(Condition(argument=0, value=family), Condition(argument=2, value=number)),
    )


def oci() -> dict[str, object]:
    """The profile as `linux.seccomp` of config.json, for runtimes that compile it themselves (runc)."""
    machine = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[platform.machine()]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENOSYS,
        "architectures": [machine],
        "syscalls": [_oci_rule(rule) for rule in rules()],
    }


def _oci_rule(rule: Rule) -> dict[str, object]:
    found: dict[str, object] = {"names": [rule.call], "action": "SCMP_ACT_ALLOW"}
    if rule.error is not None:
        found |= {"action": "SCMP_ACT_ERRNO", "errnoRet": rule.error}
    if rule.conditions:
        found["args"] = [_oci_condition(condition) for condition in rule.conditions]
    return found


def _oci_condition(condition: Condition) -> dict[str, object]:
    if condition.mask is not None:
        return {
            "index": condition.argument,
            "value": condition.mask,
            "valueTwo": condition.value,
            "op": "SCMP_CMP_MASKED_EQ",
        }
    return {"index": condition.argument, "value": condition.value, "op": "SCMP_CMP_EQ"}


@functools.cache
def bpf(cache: Path | None = None) -> str:
    """The profile as base64 of this machine's BPF, from `cache` (a directory) when it was compiled before.

    Raises RuntimeFailure when libseccomp is missing.
    """
    library = _library()
    digest = hashlib.sha256(repr((rules(), library.version, platform.machine())).encode()).hexdigest()[:16]
    path = cache / f"seccomp-{digest}.bpf" if cache else None
    if path and path.exists():
        return base64.b64encode(path.read_bytes()).decode()
    program = library.compile(rules())
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(program)
        Path(file.name).rename(path)
    return base64.b64encode(program).decode()


_ACT_ALLOW = 0x7FFF0000
_ACT_ERRNO = 0x00050000
_CMP_EQ, _CMP_MASKED_EQ = 4, 7
_ATTRIBUTE_BAD_ARCH_ACTION = 2


class _Compare(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


class _Seccomp:
    """The few functions of libseccomp that we call."""

    def __init__(self, path: str) -> None:
        self._lib = ctypes.CDLL(path, use_errno=True)
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._lib.seccomp_init.argtypes = [ctypes.c_uint32]
        self._lib.seccomp_release.argtypes = [ctypes.c_void_p]
        self._lib.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
        self._lib.seccomp_rule_add_array.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.POINTER(_Compare),
        ]
        self._lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self._lib.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
        self._lib.seccomp_version.restype = ctypes.POINTER(_Version)
        found = self._lib.seccomp_version().contents
        self.version = (found.major, found.minor, found.micro)

    def compile(self, profile: tuple[Rule, ...]) -> bytes:
        context = self._lib.seccomp_init(_ACT_ERRNO | errno.ENOSYS)
        if not context:
            raise protocol.RuntimeFailure("cannot compile the seccomp profile: libseccomp gives no filter")
        try:
            # 32-bit and x32 calls would need a profile of their own: none of them exist.
            self._check(
                self._lib.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCH_ACTION, _ACT_ERRNO | errno.ENOSYS), "x32"
            )
            for rule in profile:
                self._add(context, rule)
            with tempfile.TemporaryFile() as file:
                self._check(self._lib.seccomp_export_bpf(context, file.fileno()), "export")
                file.seek(0)
                return file.read()
        finally:
            self._lib.seccomp_release(context)

    def _add(self, context: int, rule: Rule) -> None:
        number = self._lib.seccomp_syscall_resolve_name(rule.call.encode())
        # Negative: not on this architecture, or newer than the library; ENOSYS is its answer anyhow.
        if number < 0:
            return
        action = _ACT_ALLOW if rule.error is None else _ACT_ERRNO | rule.error
        if action == _ACT_ERRNO | errno.ENOSYS:
            return
        compares = (_Compare * len(rule.conditions))(*(_compare(condition) for condition in rule.conditions))
        self._check(
            self._lib.seccomp_rule_add_array(context, action, number, len(rule.conditions), compares), rule.call
        )

    @staticmethod
    def _check(result: int, subject: str) -> None:
        if result < 0:
            raise protocol.RuntimeFailure(
                f"cannot compile the seccomp profile: {subject}: {errno.errorcode.get(-result, result)}"
            )


def _compare(condition: Condition) -> _Compare:
    if condition.mask is not None:
        return _Compare(condition.argument, _CMP_MASKED_EQ, condition.mask, condition.value)
    return _Compare(condition.argument, _CMP_EQ, condition.value, 0)


@functools.cache
def _library() -> _Seccomp:
    for name in ("libseccomp.so.2", ctypes.util.find_library("seccomp")):
        if name:
            try:
                return _Seccomp(name)
            except OSError:
                continue
    raise protocol.RuntimeFailure("cannot load libseccomp: apt-get install libseccomp2")
