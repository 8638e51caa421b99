"""Waiting for what the platform does by itself: ask again and again, without end; Ctrl-C ends it."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 1.0


def until(condition: Callable[[], T | None]) -> T:
    """The condition's first value that is not None."""
    pause = threading.Event()
    while (found := condition()) is None:
        pause.wait(_PAUSE)
    return found
