"""Who listens on a TCP port of this machine."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that listens; `name` is its program's name, `cgroups` the text of /proc/<pid>/cgroup."""

    pid: int
    name: str
    cgroups: str


def free(address: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder(port: int) -> Holder | None:
    """The process that listens on `port`; None when nobody does or the process cannot be seen."""
    inodes = {inode for table in _TABLES for inode in _listening(table, port)}
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds(process, wanted):
            with contextlib.suppress(OSError):
                return Holder(
                    pid=int(process.name),
                    name=(process / "comm").read_text("utf-8", errors="replace").strip(),
                    cgroups=(process / "cgroup").read_text("utf-8", errors="replace"),
                )
    return None


def _listening(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        columns = line.split()
        if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
            yield columns[9]


def _holds(process: Path, sockets: set[str]) -> bool:
    descriptors: list[Path] = []
    with contextlib.suppress(OSError):
        descriptors = list((process / "fd").iterdir())
    return any(_target(descriptor) in sockets for descriptor in descriptors)


def _target(descriptor: Path) -> str:
    """Empty when it has been closed since it was listed: the process may have the others all the same."""
    with contextlib.suppress(OSError):
        return str(descriptor.readlink())
    return ""
