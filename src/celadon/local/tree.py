"""All that was started from here, also what has left its parent and its group behind."""

import ctypes
import os
import signal
from pathlib import Path

_PROC = Path("/proc")
_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Whoever loses its parent below us becomes our child (Linux), so that `remaining` finds it."""
    if _PROC.joinpath("self/stat").exists():
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def remaining(root: int, besides: set[int]) -> set[int]:
    """The ids of what runs below `root`, at any depth, but for those of ours; empty where there is no /proc.

    Children that have ended and that nobody waits for are let go.
    """
    children: dict[int, list[int]] = {}
    ended = set()
    for entry in _PROC.iterdir() if _PROC.joinpath("self/stat").exists() else ():
        if entry.name.isdigit() and (found := _parent(entry)):
            state, parent = found
            children.setdefault(parent, []).append(int(entry.name))
            if state == "Z":
                ended.add(int(entry.name))
    for pid in ended.intersection(children.get(root, ())) - besides:
        _let_go(pid)
    below: set[int] = set()
    waiting = [root]
    while waiting:
        found_here = children.get(waiting.pop(), [])
        below.update(found_here)
        waiting += found_here
    return below - ended - besides


def send(pids: set[int], number: signal.Signals) -> None:
    """The signal to each of them that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            # Gone meanwhile, or another user's by a set-uid program: not ours to end.
            continue


def _parent(entry: Path) -> tuple[str, int] | None:
    """Its state and its parent; None when it has gone meanwhile."""
    try:
        text = (entry / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _let_go(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
