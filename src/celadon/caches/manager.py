"""Keeps caches as their rows say: those that died are started, changes that were cut short are done again.

Wakes on: the change feed, and every quarter of a second. Survives: a SIGKILL; servers run on and are found again.
"""

import logging
import time
from collections.abc import Callable, Mapping

from celadon.actions import caches
from celadon.actions.caches import Place, Site
from celadon.actions.context import Context
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.caches.servers import ServerFailure, Servers
from celadon.model.cache import Step
from celadon.model.engine import EngineKind
from celadon.platform.failure import PlatformFailure
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

FAILURES = (RuntimeFailure, ServerFailure, PlatformFailure, OSError)
# Seconds before a server that does not start is tried again: the first time at once.
_BACKOFF = (0.0, 1.0, 5.0, 30.0)

Tell = Callable[[str, Mapping[str, str]], None]


class Manager:
    """The one place where servers of caches are started, changed and removed. Threads share it.

    `tell` is called with an add-on's id and its config vars when these are others than before.
    """

    def __init__(
        self, context: Context, servers: Mapping[EngineKind, Servers], locks: Locks, ports: Ports, tell: Tell
    ) -> None:
        self.context = context
        self.servers = servers
        self._locks = locks
        self._ports = ports
        self._tell = tell
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def ensure(self) -> int:
        """Start what is to run and does not, end what was begun; returns how many it was."""
        worked = 0
        for place in caches.list_all(self.context):
            engine = place.engine
            # What is being made or removed its provider is asked for again.
            if place.cache.step in (Step.PREPARING, Step.REMOVING):
                continue
            if place.cache.step is Step.AVAILABLE and self.servers[engine.kind].engines.running(engine):
                continue
            lock = self._locks.of(engine.id)
            # Whoever has the lock is at work on it.
            if time.monotonic() < self._due.get(engine.id, 0.0) or not lock.acquire(blocking=False):
                continue
            try:
                worked += self._try(place)
            finally:
                lock.release()
        return worked

    def _try(self, place: Site) -> int:
        engine = place.engine
        try:
            self.apply(place.cache.addon_id)
        except FAILURES:
            failures = self._failures[engine.id] = self._failures.get(engine.id, 0) + 1
            self._due[engine.id] = time.monotonic() + _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            log.exception("at=start-failed engine=%s failures=%d", engine.name, failures)
            return 0
        self._failures.pop(engine.id, None)
        log.info("at=started engine=%s", engine.name)
        return 1

    def apply(self, addon_id: str) -> Place | None:
        """Have its server as its row says now, and running; None when there is no such cache any more.

        Raises RuntimeFailure, ServerFailure, PlatformFailure, OSError.
        """
        found = caches.find(self.context, addon_id)
        if found is None:
            return None
        with self._locks.of(found.engine.id):
            while True:
                place = caches.find(self.context, addon_id)
                if place is None or place.cache.step is Step.REMOVING:
                    return None
                self._step(place)
                if place.cache.step is Step.AVAILABLE or caches.done(self.context, place):
                    return place

    def _step(self, place: Place) -> None:
        servers = self.servers[place.engine.kind]
        rotating = place.cache.step is Step.ROTATING
        if place.cache.step is Step.AVAILABLE:
            servers.start(place)
        else:
            servers.change(place, cut_off=rotating)
        self._ports.publish()
        if rotating:
            self._tell(place.cache.addon_id, servers.config(place))

    def remove(self, place: Place) -> None:
        """End its server and remove its files; may be called again. Raises RuntimeFailure, OSError."""
        servers = self.servers[place.engine.kind]
        with self._locks.of(place.engine.id):
            servers.engines.remove(place.engine)
        caches.removed(self.context, place)
        self._ports.publish()
