"""A sign on the terminal that something is still going on: after a second, behind the words that say what."""

import os
import threading
from typing import TextIO

_AFTER, _EACH = 1.0, 0.15
_FRAMES = "/-\\|"

_present: "Spinner | None" = None


class Spinner:
    """Turns until it is stopped. The cursor stays on it: whatever is printed next takes its place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()

    def _turn(self) -> None:
        wait, frame = _AFTER, 0
        while not self._over.wait(wait):
            print(f"{_FRAMES[frame % len(_FRAMES)]}\b", end="", file=self._out, flush=True)
            wait, frame = _EACH, frame + 1
        if frame:
            print(" \b", end="", file=self._out, flush=True)

    def stop(self) -> None:
        """Nothing is left of it."""
        self._over.set()
        self._thread.join()


def start(out: TextIO) -> None:
    """On terminals only; one at a time."""
    global _present
    stop()
    if out.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        _present = Spinner(out)


def stop() -> None:
    """Also before the user is asked something."""
    global _present
    if _present is not None:
        _present.stop()
        _present = None
