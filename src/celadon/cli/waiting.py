"""Waiting for what the platform does by itself: ask again and again; Ctrl-C ends it."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T | None], *, every: float | None = None) -> T:
    """The condition's first value that is not None, asked for at once and then each so many seconds, one if not said.

    What has waited long enough says so by an exception of its own.
    """
    while (found := condition()) is None:
        time.sleep(every or 1.0)
    return found
