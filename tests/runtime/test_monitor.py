"""Who still works on a bundle is found quickly, whatever else runs on the machine."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.runtime.running import until

from celadon.runtime import monitor

# Ends its own command line: the memory that holds it is given back.
NAMELESS = """
import ctypes, os, signal, sys
uid, many = map(int, sys.argv[1:])
libc = ctypes.CDLL(None)
words = open("/proc/self/stat").read().rpartition(") ")[2].split()
page = os.sysconf("SC_PAGESIZE")
first, last = int(words[45]) // page, (int(words[46]) - 1) // page
os.setgroups([])
for _ in range(many - 1):
    if os.fork() == 0:
        break
os.setuid(uid)
assert libc.munmap(ctypes.c_void_p(first * page), ctypes.c_size_t((last - first + 1) * page)) == 0
os.write(1, b"1")
signal.pause()
"""


@pytest.fixture
def nameless() -> Iterator[Callable[[int, int], None]]:
    """Starts so many of this uid that have no command line."""
    if os.geteuid() != 0:
        pytest.skip("others' processes need root")
    begun = []

    def start(uid: int, many: int) -> None:
        argv = [sys.executable, "-c", NAMELESS, str(uid), str(many)]
        # Where what the program still needs lies in the same page, which is a matter of chance, it dies of that.
        for _ in range(20):
            child = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
            begun.append(child)
            assert child.stdout
            if len(child.stdout.read(many)) == many:
                break
        assert Path(f"/proc/{child.pid}/cmdline").read_bytes() == b""

    yield start
    for child in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, and how often."""
    found: list[float] = []
    sleep, here = time.sleep, threading.get_ident()

    def pause(seconds: float) -> None:
        # A thread that another module's tests have left behind may sleep as well.
        if threading.get_ident() == here:
            found.append(seconds)
        # Others on the machine that are between two programs come to an end of that.
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", pause)
    return found


def test_what_has_no_command_line_in_a_container_is_not_waited_for(
    nameless: Callable[[int, int], None], pauses: list[float], tmp_path: Path
) -> None:
    nameless(200_001, 3)

    def quick() -> bool:
        pauses.clear()
        assert monitor.strays(tmp_path) == set()
        return sum(pauses) < 0.05

    # Another one of root's may be between two programs, for long where the disk is slow: but that comes to an end.
    until(quick, "nobody is waited for")


def test_all_that_may_be_one_in_a_moment_are_waited_for_together(
    nameless: Callable[[int, int], None], pauses: list[float], tmp_path: Path
) -> None:
    nameless(0, 3)
    argv = [sys.executable, "-c", "import time; print(flush=True); time.sleep(100)", "-b", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as stray:
        assert stray.stdout and stray.stdout.readline()
        assert monitor.strays(tmp_path) == {stray.pid}
        stray.kill()
    assert 0.09 < sum(pauses) < 0.11
