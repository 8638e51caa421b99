"""What bin/up and bin/down show: one line per step, with the time it took."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TextIO

_WIDTH = 26
# Without a terminal, what a long step is at is printed this often (seconds).
_EVERY = 5.0


class Step:
    """One step while it happens: `tell` says what it is at, `result` what came of it."""

    def __init__(self, title: str, out: TextIO) -> None:
        self.title = title
        self.result = ""
        self._out = out
        self._terminal = out.isatty()
        self._started = self._told = time.monotonic()

    def tell(self, text: str) -> None:
        """Show what is going on now, in place where there is a terminal."""
        now = time.monotonic()
        if self._terminal:
            columns = os.get_terminal_size(self._out.fileno()).columns
            line = f"  … {self.title:<{_WIDTH}} {text}"
            self._out.write(f"\r\x1b[K{line[: columns - 1]}")
        elif now - self._told >= _EVERY:
            self._told = now
            self._out.write(f"    {self.title:<{_WIDTH}} {text}\n")
        self._out.flush()

    def close(self, mark: str) -> None:
        seconds = time.monotonic() - self._started
        line = f"  {mark} {self.title:<{_WIDTH}} {self.result}"
        self._out.write(("\r\x1b[K" if self._terminal else "") + f"{line:<70} {seconds:6.1f} s\n")
        self._out.flush()


class Steps:
    """Prints the steps of one command as they end."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.out = out
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        step = Step(title, self.out)
        step.tell("")
        try:
            yield step
        except BaseException:
            step.close("✗")
            raise
        step.close("✓")

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()
