"""When what has failed is tried again: ever later."""

import threading
import time
from collections.abc import Sequence

# Seconds after the first failure, the second, and all others.
_PAUSES = (1.0, 5.0, 30.0)


class Backoff:
    """Tries of many things, each known by a key. Threads share it; a restart begins anew."""

    def __init__(self, pauses: Sequence[float] = _PAUSES) -> None:
        self._pauses = pauses
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def due(self, key: str) -> bool:
        """Whether it may be tried now."""
        with self._lock:
            return self._due.get(key, 0.0) <= time.monotonic()

    def failed(self, key: str) -> int:
        """It has to wait; returns how often it has failed in a row."""
        with self._lock:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self._due[key] = time.monotonic() + self._pauses[min(failures, len(self._pauses)) - 1]
            return failures

    def done(self, key: str, again: float = 0.0) -> None:
        """It has succeeded; there is nothing more to do for it within so many seconds."""
        with self._lock:
            self._failures.pop(key, None)
            self._due.pop(key, None)
            if again:
                self._due[key] = time.monotonic() + again
