"""Waiting for what the platform does by itself: ask again and again; Ctrl-C ends it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from celadon.cli.failure import Failure

T = TypeVar("T")
_INTERRUPTED = 130


@contextlib.contextmanager
def leaving(*lines: str) -> Iterator[None]:
    """Ctrl-C in here ends our watching only: these lines say what goes on, and how to follow or end it."""
    try:
        yield
    except KeyboardInterrupt:
        raise Failure(*lines, status=_INTERRUPTED) from None


def until(condition: Callable[[], T | None], *, every: float | None = None) -> T:
    """The condition's first value that is not None, asked for at once and then each so many seconds, one if not said.

    What has waited long enough says so by an exception of its own.
    """
    while (found := condition()) is None:
        time.sleep(every or 1.0)
    return found
