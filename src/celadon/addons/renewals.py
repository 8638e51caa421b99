"""Keeps the certificates of servers from running out: a new one is written before, and read without cutting sessions.

Survives: a SIGKILL. Each server is told to read what is there once after a start of the role, whoever had written it.
"""

import logging
import time
from collections.abc import Callable, Iterable

from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.model.engine import Engine

log = logging.getLogger(__name__)

# Seconds between two looks at a certificate, and before a server that did not read one is told again.
_LOOK = 3600.0
_AGAIN = 60.0


class Renewals:
    """Of the servers that `running` lists; `reload` has one read its files, and raises one of `failures`."""

    def __init__(
        self,
        engines: Engines,
        locks: Locks,
        running: Callable[[], Iterable[Engine]],
        reload: Callable[[Engine], None],
        failures: tuple[type[Exception], ...],
    ) -> None:
        self._engines = engines
        self._locks = locks
        self._running = running
        self._reload = reload
        self._failures = failures
        # Engine id → when it is looked at again; those that have read what is there.
        self._due: dict[str, float] = {}
        self._read: set[str] = set()

    def ensure(self) -> int:
        """Renew what runs out soon; returns how many servers have read their files anew."""
        found = list(self._running())
        known = {engine.id for engine in found}
        self._due = {engine_id: due for engine_id, due in self._due.items() if engine_id in known}
        self._read &= known
        return sum(self._ensure(engine) for engine in found)

    def _ensure(self, engine: Engine) -> bool:
        lock = self._locks.of(engine.id)
        # Whoever has the lock is at work on it.
        if time.monotonic() < self._due.get(engine.id, 0.0) or not lock.acquire(blocking=False):
            return False
        try:
            # One that does not run is certified with its start.
            if not self._engines.running(engine):
                return False
            self._due[engine.id] = time.monotonic() + _LOOK
            if self._engines.certify(engine):
                self._read.discard(engine.id)
            if engine.id in self._read:
                return False
            self._reload(engine)
            self._read.add(engine.id)
        except self._failures:
            self._due[engine.id] = time.monotonic() + _AGAIN
            log.exception("at=renew-failed engine=%s", engine.name)
            return False
        finally:
            lock.release()
        log.info("at=certificate-read engine=%s", engine.name)
        return True
