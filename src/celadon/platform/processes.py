"""The machine's processes, as /proc shows them."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_LOOK = 0.02


def argv(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone."""
    try:
        content = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return content.decode("utf-8", errors="surrogateescape").split("\0")[:-1]


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Every process that has a command line."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            words = argv(int(entry.name))
            if words:
                yield int(entry.name), words


def cwd(pid: int) -> Path:
    """The working directory of a process; "/dev/null" when it is gone."""
    try:
        return (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return Path("/dev/null")


def same_root(pid: int) -> bool:
    """Whether a process sees the same root as we do: one in a chroot may have the same arguments and be none of ours.

    Who may not look is told yes.
    """
    try:
        return (_PROC / str(pid) / "root").samefile("/")
    except PermissionError:
        return True
    except OSError:
        return False


def parent(pid: int) -> int:
    """The process that started this one; 0 when it is gone."""
    try:
        status = (_PROC / str(pid) / "stat").read_text("ascii", errors="replace")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        status = (_PROC / str(pid) / "stat").read_text("ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def send(pid: int, signum: signal.Signals) -> None:
    """Send a signal; no error when the process is gone."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return


def wait_gone(pids: Iterable[int], seconds: float) -> bool:
    """Wait until none of the processes runs; False when the time is over first."""
    left = list(pids)
    deadline = time.monotonic() + seconds
    while left := [pid for pid in left if alive(pid)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
