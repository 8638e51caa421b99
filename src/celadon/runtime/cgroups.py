"""The control groups of a platform's containers: on cgroup v2, on v1, and where both are mounted ("hybrid").

Every container is in `<root>/<container id>` of each hierarchy; the runtime program makes that group, this module reads
it, finds its processes and removes it. Monitors get a group of their own, so that stopping the role that started them
(systemd stops a unit by its group) leaves them alone.
"""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from celadon.runtime import protocol

MOUNT = Path("/sys/fs/cgroup")
_MONITORS = "monitors"
_PAUSE = 0.002
# Seconds; on a machine that has much else to do the kernel takes its time with what processes leave.
_EMPTY_TIMEOUT = 10.0


class Hierarchy(StrEnum):
    """How this machine mounts control groups."""

    UNIFIED = "v2"
    LEGACY = "v1"
    HYBRID = "v1 and v2"


def hierarchy(mount: Path = MOUNT) -> Hierarchy:
    """Which of the three this machine has. Raises RuntimeFailure when there are no control groups at all."""
    if (mount / "cgroup.controllers").exists():
        return Hierarchy.UNIFIED
    if (mount / "unified" / "cgroup.controllers").exists():
        return Hierarchy.HYBRID
    if (mount / "memory").exists():
        return Hierarchy.LEGACY
    raise protocol.RuntimeFailure(f"cannot limit containers: no control groups are mounted at {mount}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    """The groups below `root` (such as `/celadon0`), in all hierarchies of this machine."""

    root: str
    kind: Hierarchy
    mount: Path = MOUNT

    def path(self, container_id: str) -> str:
        """Where its group is; "" stands for all containers."""
        return f"{self.root}/{container_id}".rstrip("/")

    @property
    def counts_swap(self) -> bool:
        """Whether the kernel can limit memory and swap together."""
        if self.kind is Hierarchy.UNIFIED:
            return True
        return (self.mount / "memory" / "memory.memsw.limit_in_bytes").exists()

    def _hierarchies(self) -> list[Path]:
        if self.kind is Hierarchy.UNIFIED:
            return [self.mount]
        # Names such as `cpu` may be links to `cpu,cpuacct`: one hierarchy, to be seen once.
        found = (path for path in self.mount.iterdir() if path.is_dir() and not path.is_symlink())
        return sorted(path for path in found if (path / "cgroup.procs").exists())

    def _groups(self, container_id: str) -> list[Path]:
        return [path / self.path(container_id).lstrip("/") for path in self._hierarchies()]

    def pids(self, container_id: str) -> set[int]:
        """Every process of the container, in any hierarchy and any group below its own."""
        found: set[int] = set()
        for group in self._groups(container_id):
            for directory in _tree(group):
                with contextlib.suppress(OSError):
                    found.update(int(word) for word in (directory / "cgroup.procs").read_text().split())
        return found - {0}

    def alive(self, container_id: str) -> bool:
        """Whether any of its processes has not ended: one that is only not reaped yet, which v1 still lists, has."""
        return any(state(pid) not in ("", "Z", "X") for pid in self.pids(container_id))

    def holds(self, container_id: str, pid: int) -> bool:
        """Whether the process exists and belongs to the container."""
        try:
            text = Path(f"/proc/{pid}/cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        wanted = self.path(container_id)
        paths = (line.split(":", 2)[2] for line in text.splitlines())
        return any(path == wanted or path.startswith(f"{wanted}/") for path in paths)

    def signal(self, container_id: str, signum: int, *, except_pid: int | None = None) -> None:
        """Send a signal to every process of the container but one."""
        for pid in self.pids(container_id):
            if pid == except_pid:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # The descriptor keeps the number from being given to another process between the look and the signal.
                descriptor = os.pidfd_open(pid)
                try:
                    if self.holds(container_id, pid):
                        signal.pidfd_send_signal(descriptor, signum)
                finally:
                    os.close(descriptor)

    def kill(self, container_id: str, deadline: float) -> None:
        """SIGKILL until nothing is left, at most until `deadline` (time.monotonic)."""
        while self.alive(container_id):
            self.signal(container_id, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise protocol.RuntimeFailure(f"cannot kill {container_id}: its processes do not go away")
            time.sleep(_PAUSE)

    def remove(self, container_id: str, deadline: float) -> None:
        """Kill what is left in the container's groups and remove them."""
        self.kill(container_id, deadline)
        for group in self._groups(container_id):
            for directory in reversed(list(_tree(group))):
                _remove_directory(directory, deadline)

    def remove_root(self) -> None:
        """Remove the platform's own group; its containers must be gone."""
        for path in self._hierarchies():
            top = path / self.root.lstrip("/")
            for directory in reversed(list(_tree(top))):
                _remove_directory(directory, time.monotonic() + _EMPTY_TIMEOUT)

    def keep_monitor(self, pid: int) -> None:
        """Move a monitor out of the group of the role that started it, where a hierarchy is used to stop roles."""
        names = {Hierarchy.UNIFIED: [""], Hierarchy.LEGACY: ["systemd"], Hierarchy.HYBRID: ["systemd", "unified"]}
        for name in names[self.kind]:
            top = self.mount / name
            if not (top / "cgroup.procs").exists():
                continue
            group = top / self.root.lstrip("/") / _MONITORS
            group.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(ProcessLookupError):
                (group / "cgroup.procs").write_text(str(pid))

    def join(self, part: str, pid: int) -> None:
        """Put a process of a container into a group of its own below the container's, `<container id>/<name>`.

        It is one of names only, in one hierarchy and without limits: what is in it is counted as the container's.
        """
        top = self.mount if self.kind is Hierarchy.UNIFIED else self.mount / "pids"
        group = top / self.path(part).lstrip("/")
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(pid))

    def refused_processes(self, container_id: str) -> bool:
        """Whether the container was ever refused another process or thread, for it had as many as it may."""
        top = self.mount if self.kind is Hierarchy.UNIFIED else self.mount / "pids"
        try:
            return _numbers(top / self.path(container_id).lstrip("/") / "pids.events").get("max", 0) > 0
        except OSError:
            return False

    def active(self, container_id: str) -> int:
        """Threads of the container that run or wait for a processor or a disk."""
        return sum(_active_threads(pid) for pid in self.pids(container_id))

    def memory(self, container_id: str) -> protocol.MemoryUse | None:
        """What the container uses now, or None when it has no group (any more)."""
        try:
            if self.kind is Hierarchy.UNIFIED:
                return _memory_v2(self.mount / self.path(container_id).lstrip("/"))
            return _memory_v1(self.mount / "memory" / self.path(container_id).lstrip("/"))
        except OSError:
            return None


def weigh(group: str, share: float, kind: Hierarchy, mount: Path = MOUNT) -> None:
    """Make a group (`/celadon0`) and give it so many times the share of an ordinary process or group beside it.

    Of the processors, and of the disks where the kernel shares those out: by BFQ, on v2 also by iocost.
    """
    weigh_processors(group, share, kind, mount)
    if kind is Hierarchy.UNIFIED:
        for file in ("io.weight", "io.bfq.weight"):
            _share(mount / group.lstrip("/"), file, share)
        return
    disks = mount / "blkio" / group.lstrip("/")
    with contextlib.suppress(OSError):  # A kernel may have no such hierarchy.
        disks.mkdir(parents=True, exist_ok=True)
        _weigh(disks / "blkio.bfq.weight", share)


def weigh_processors(group: str, share: float, kind: Hierarchy, mount: Path = MOUNT) -> None:
    """As `weigh`, of the processors alone."""
    if kind is Hierarchy.UNIFIED:
        path = mount / group.lstrip("/")
        path.mkdir(parents=True, exist_ok=True)
        _share(path, "cpu.weight", share)
        return
    path = mount / "cpu" / group.lstrip("/")
    path.mkdir(parents=True, exist_ok=True)
    (path / "cpu.shares").write_text(str(round(1024 * share)))


@dataclass(frozen=True, slots=True)
class ProcessorUse:
    """What a group and those below it have had of the processors, in seconds, and how many of its threads want one now."""

    seconds: float
    wanting: int


def processor_use(group: str, kind: Hierarchy, mount: Path = MOUNT) -> ProcessorUse:
    """Nothing when there is no such group (yet)."""
    unified, name = kind is Hierarchy.UNIFIED, group.lstrip("/")
    seconds, wanting = 0.0, 0
    with contextlib.suppress(OSError):  # It may go while it is read.
        if unified:
            seconds = _numbers(mount / name / "cpu.stat")["usage_usec"] / 1e6
        else:
            seconds = int((mount / "cpuacct" / name / "cpuacct.usage").read_text()) / 1e9
    for path in _tree(mount / name if unified else mount / "cpu" / name):
        with contextlib.suppress(OSError):  # A container's group may go at any moment.
            wanting += sum(_active_threads(int(pid), "R") for pid in (path / "cgroup.procs").read_text().split())
    return ProcessorUse(seconds, wanting)


def _share(group: Path, file: str, share: float) -> None:
    """Set a weight of a v2 group, whose parent must share this out; somebody else may have the say on that here."""
    with contextlib.suppress(OSError):
        (group.parent / "cgroup.subtree_control").write_text(f"+{file.partition('.')[0]}")
    with contextlib.suppress(OSError):
        _weigh(group / file, share)


def _weigh(file: Path, share: float) -> None:
    """100 is the weight of whoever has been given none."""
    if file.exists():
        file.write_text(str(min(max(round(100 * share), 1), 1000)))


def join(group: str, pid: int, kind: Hierarchy, mount: Path = MOUNT) -> None:
    """Let a process have its part of the processors from a group, if there is one; nothing on v2, where a group is more."""
    if kind is Hierarchy.UNIFIED:
        return
    for members in processor_members(group, mount):
        if members.exists():
            members.write_text(str(pid))


def processor_members(group: str, mount: Path = MOUNT) -> list[Path]:
    """The files of v1 that take a process into a group for its part of the processors."""
    # The second counts what the first shares out; often they are one.
    return [mount / name / group.lstrip("/") / "cgroup.procs" for name in ("cpu", "cpuacct")]


def state(pid: int) -> str:
    """The kernel's letter for what a process does, as `T` for a stopped one and `Z` for a zombie; empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(") ")[2][:1]
    return ""


def swap_total() -> int:
    """Bytes of swap that this machine has."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("SwapTotal:"):
            return int(line.split()[1]) << 10
    return 0


def _active_threads(pid: int, states: str = "RD") -> int:
    count = 0
    with contextlib.suppress(OSError):  # It may end at any moment.
        for task in Path(f"/proc/{pid}/task").iterdir():
            state = (task / "stat").read_text("ascii", "replace").rpartition(") ")[2][:1]
            count += state in states
    return count


def _memory_v1(group: Path) -> protocol.MemoryUse:
    found = _numbers(group / "memory.stat")
    return protocol.MemoryUse(
        rss=found.get("total_rss", 0) + found.get("total_shmem", 0),
        cache=max(found.get("total_cache", 0) - found.get("total_shmem", 0), 0),
        swap=found.get("total_swap", 0),
        pgpgin=found.get("total_pgpgin", 0),
        pgpgout=found.get("total_pgpgout", 0),
    )


def _memory_v2(group: Path) -> protocol.MemoryUse:
    found = _numbers(group / "memory.stat")
    return protocol.MemoryUse(
        rss=found.get("anon", 0) + found.get("shmem", 0),
        cache=max(found.get("file", 0) - found.get("shmem", 0), 0),
        swap=int((group / "memory.swap.current").read_text()) if (group / "memory.swap.current").exists() else 0,
        # v2 counts no pages in and out; faults are the nearest thing it has.
        pgpgin=found.get("pgfault", 0),
        pgpgout=found.get("pgsteal", 0),
    )


def _numbers(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}


def _tree(top: Path) -> Iterator[Path]:
    """A group and all below it, parents first; nothing when it does not exist."""
    if not top.is_dir():
        return
    yield top
    with contextlib.suppress(OSError):
        for entry in sorted(top.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                yield from _tree(entry)


def _remove_directory(directory: Path, deadline: float) -> None:
    """The kernel refuses for a moment after the last process is gone."""
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise protocol.RuntimeFailure(f"cannot remove control group {directory}: {error.strerror}") from error
            time.sleep(_PAUSE)
        else:
            return
