"""A program of this machine that has the terminal to itself: a prompt of a database, an editor."""

import signal
import subprocess
from collections.abc import Mapping, Sequence


def run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Run it to its end; returns its exit status, 128 + signal for a killed one. Ctrl-C and Ctrl-\\ are its own."""
    # Not ignored, which it would inherit: a function of ours is none of its.
    before = {signum: signal.signal(signum, _leave_it) for signum in (signal.SIGINT, signal.SIGQUIT)}
    try:
        with subprocess.Popen(argv, env=environment) as program:
            before[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda signum, _: program.send_signal(signum))
            status = program.wait()
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    return status if status >= 0 else 128 - status


def _leave_it(_signum: int, _frame: object) -> None:
    """It has got the signal, too."""
