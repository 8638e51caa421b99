"""The rate limit: a bucket of tokens for each account, in memory; it fills up again within an hour."""

import threading
import time
from collections.abc import Callable

from celadon.model.errors import RateLimited

_REMEMBERED = 10_000
# Wrong passwords from one address: so many at once, then so many a minute.
_GUESSES, _GUESSES_PER_MINUTE = 30, 10


class Limiter:
    """Buckets of `capacity` tokens that get `per_minute` back; `clock` counts seconds. Threads may share one."""

    def __init__(self, capacity: int, per_minute: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._per_second = per_minute / 60
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, owner: str) -> int:
        """Use one token; returns how many remain. Raises RateLimited when there is none."""
        with self._lock:
            left = self._level(owner)
            if left < 1:
                raise RateLimited("Your account reached the API rate limit: wait a minute, or ask for less at a time.")
            self._keep(owner, left - 1)
            return int(left - 1)

    def remaining(self, owner: str) -> int:
        with self._lock:
            return int(self._level(owner))

    def _level(self, owner: str) -> float:
        level, at = self._buckets.get(owner, (float(self._capacity), self._clock()))
        return min(float(self._capacity), level + (self._clock() - at) * self._per_second)

    def _keep(self, owner: str, level: float) -> None:
        if owner not in self._buckets and len(self._buckets) >= _REMEMBERED:
            # Whoever was remembered first is forgotten: at worst a bucket is full again too soon.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[owner] = (level, self._clock())


def guesses() -> Limiter:
    """Buckets of wrong passwords, by the address they come from; each door has its own."""
    return Limiter(_GUESSES, _GUESSES_PER_MINUTE, time.monotonic)
