"""Keeps caches as their rows say: those that died are started, changes that were cut short are done again.

Wakes on: the change feed, and every quarter of a second. Survives: a SIGKILL; servers run on and are found again.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from celadon.actions import caches
from celadon.actions.caches import Place, Site
from celadon.actions.context import Context
from celadon.addons.backoff import Backoff
from celadon.addons.crew import Crew
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.caches.servers import ServerFailure, Servers
from celadon.model.cache import Step
from celadon.model.engine import EngineKind
from celadon.platform.failure import PlatformFailure
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

FAILURES = (RuntimeFailure, ServerFailure, PlatformFailure, OSError)
# Servers that are started at once.
_AT_ONCE = 16

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
        self._crew = Crew(_AT_ONCE)
        self._backoff = Backoff()

    def look(self) -> list[Future[int]]:
        """Begin to start what is to run and does not, and to end what was begun, each in a thread; done with 1 for each."""
        begun = [
            self._crew.begin(place.engine.id, functools.partial(self._attempt, place))
            for place in caches.list_all(self.context)
            if self._backoff.due(place.engine.id) and not self._rests(place)
        ]
        return [one for one in begun if one is not None]

    def ensure(self) -> int:
        """The same, and wait for all of it; returns how many it was."""
        return sum(one.result() for one in self.look())

    def _rests(self, place: Site) -> bool:
        """What is being made or removed its provider is asked for again."""
        if place.cache.step in (Step.PREPARING, Step.REMOVING):
            return True
        engine = place.engine
        return place.cache.step is Step.AVAILABLE and self.servers[engine.kind].engines.running(engine)

    def _attempt(self, place: Site) -> int:
        engine, lock = place.engine, self._locks.of(place.engine.id)
        # Whoever has the lock is at work on it.
        if not lock.acquire(blocking=False):
            return 0
        try:
            self.apply(place.cache.addon_id)
        except Exception:
            log.exception("at=start-failed engine=%s failures=%d", engine.name, self._backoff.failed(engine.id))
            return 0
        finally:
            lock.release()
        self._backoff.done(engine.id)
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
