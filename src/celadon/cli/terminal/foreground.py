"""Another program has the terminal for a while: an editor, `psql`, `git clone`."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence


def run(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Its exit status, 128 + signal when it was killed. Ctrl-C and Ctrl-\\ are its own, and end us only if it ends by
    Ctrl-C (KeyboardInterrupt); whoever ends us ends it; the terminal is as it was before. Raises OSError when it cannot be
    started.
    """
    with _signals_kept() as tell, _terminal_kept(), subprocess.Popen(argv, env=env) as program:
        tell(program)
        status = program.wait()
    if status == -signal.SIGINT:
        raise KeyboardInterrupt
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _signals_kept() -> Iterator[Callable[["subprocess.Popen[bytes]"], None]]:
    """What is to happen with signals while a program runs, which is told when there is one."""
    # Not ignored, which it would inherit: a function of ours is none of its.
    own = [number for name in ("SIGINT", "SIGQUIT") if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.signal(number, lambda *_: None) for number in own}
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _: object) -> None:
        if running:
            running[0].send_signal(number)
        else:
            early.append(number)

    def tell(program: "subprocess.Popen[bytes]") -> None:
        running.append(program)
        # Whoever ends us may do so before its start has come back to us.
        for number in early:
            program.send_signal(number)

    before[signal.SIGTERM] = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield tell
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
        if not running:
            for number in early:
                signal.raise_signal(number)


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
