"""The rate limit: a bucket of tokens for each account, in memory; it fills up again within an hour."""

import ipaddress
import math
import threading
import time
from collections.abc import Callable

from celadon.model.errors import RateLimited

# An account that may ask for nothing is not told to wait for ever.
_SLOWEST = 1 / 3600
_REMEMBERED = 10_000
# Wrong passwords and codes, from one address and for one account: so many at once, then so many a minute. An account
# bears more, so that nobody is locked out by one who guesses.
_OF_ADDRESS = (30, 10)
_OF_ACCOUNT = (100, 30)
# Codes of a second factor have but six digits.
_CODES_OF_ACCOUNT = (10, 10 / 60)
# What somebody without a token may ask for, from one address.
OF_STRANGER = (120, 60)


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
                raise RateLimited(
                    "Your account reached the API rate limit: wait a minute, or ask for less at a time.",
                    retry_after=math.ceil((1 - left) / max(self._per_second, _SLOWEST)),
                )
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


class Guesses:
    """Counts wrong passwords and codes; each process has its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_address = Limiter(*_OF_ADDRESS, clock)
        self._of_account = Limiter(*_OF_ACCOUNT, clock)
        self._codes = Limiter(*_CODES_OF_ACCOUNT, clock)

    def check(self, address: str | None, account: str) -> None:
        """Raises RateLimited when this address, or whoever tries this account, has been wrong too often."""
        if self._of_account.remaining(account) < 1 or (address and self._of_address.remaining(origin(address)) < 1):
            raise RateLimited("Too many wrong passwords: wait a minute.", retry_after=60)

    def check_code(self, account: str) -> None:
        """Raises RateLimited when the account's codes have been guessed at too often."""
        if self._codes.remaining(account) < 1:
            raise RateLimited("Too many wrong codes: wait some minutes.", retry_after=360)

    def wrong_code(self, account: str) -> None:
        """Count one."""
        self._codes.take(account)

    def wrong(self, address: str | None, account: str) -> None:
        """Count one."""
        self._of_account.take(account)
        if address:
            self._of_address.take(origin(address))


def origin(address: str) -> str:
    """Whose address it is: of IPv6 a whole network (/64) is one machine's."""
    return ":".join(ipaddress.IPv6Address(address).exploded.split(":")[:4]) if ":" in address else address
