"""Another program has the terminal for a while: an editor, `psql`, `git clone`."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Its exit status. Ctrl-C is meant for it, and ends us only if it ends by that (KeyboardInterrupt); the terminal is
    as it was before, however it ends. Raises OSError when it cannot be started.
    """
    with _left_alone(), _terminal_kept():
        status = subprocess.run(argv, check=False, env=env).returncode
    if status == -signal.SIGINT:
        raise KeyboardInterrupt
    return status


@contextlib.contextmanager
def _left_alone() -> Iterator[None]:
    # A function, not SIG_IGN: that would be the program's too.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
