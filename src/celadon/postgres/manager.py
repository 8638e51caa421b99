"""Keeps the clusters running that are to run, and files ready for the next one.

Wakes on: the change feed, and every quarter of a second. Survives: a SIGKILL; clusters run on and are found again.
"""

import functools
import logging
import uuid
from concurrent.futures import Future

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.addons.backoff import Backoff
from celadon.addons.crew import Crew
from celadon.addons.ports import Ports
from celadon.model.engine import MOST, Engine, EngineKind, EngineState
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.launch import Launcher
from celadon.postgres.pairs import Pairs
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# Servers that are started at once: one that recovers from a crash takes minutes.
_AT_ONCE = 16
_STOP = 60.0
_ASK_AGAIN = 1.0
# What files for the next cluster are called among what is tried again.
_SPARE = "spare"


class Manager:
    """Starts what has died."""

    def __init__(self, context: Context, pairs: Pairs, ports: Ports | None = None) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.locks = pairs.locks
        self.pairs = pairs
        self._launcher = Launcher(context, pairs)
        self._ports = ports or Ports(pairs.clusters.engines, (self.pairs.published,))
        self._crew = Crew(_AT_ONCE)
        self._backoff = Backoff()
        # Ids of the engines that are known to run with what this version writes.
        self._current: set[str] = set()

    def look(self) -> list[Future[int]]:
        """Begin to start each cluster that is to run and does not, each in a thread; done with 1 for each that is started."""
        for etcd in databases.running(self.context, EngineKind.ETCD):
            # Before those that agree by it; it is there at once.
            if not self.clusters.engines.running(etcd):
                self._attempt(etcd)
        begun = [
            self._crew.begin(engine.id, functools.partial(self._attempt, engine))
            for engine in databases.running(self.context, EngineKind.POSTGRESQL)
            if self._backoff.due(engine.id) and not self._is_current(engine)
        ]
        return [one for one in begun if one is not None]

    def ensure(self) -> int:
        """The same, and wait for all of them; returns how many were started."""
        return sum(one.result() for one in self.look())

    def _is_current(self, engine: Engine) -> bool:
        return engine.id in self._current and self.clusters.engines.running(engine)

    def _attempt(self, engine: Engine) -> int:
        lock = self.locks.of(engine.id)
        # Whoever has the lock is at work on it.
        if not self._backoff.due(engine.id) or not lock.acquire(blocking=False):
            return 0
        try:
            return self._ensure(engine)
        except Exception:
            failures = self._backoff.failed(engine.id)
            log.exception("at=start-failed engine=%s failures=%d", engine.name, failures)
            return 0
        finally:
            lock.release()

    def _ensure(self, engine: Engine) -> int:
        # Anew: who had the lock until now may have made it another one.
        current = databases.engine(self.context, engine.id)
        if current is None or current.state is not EngineState.RUNNING:
            return 0
        engine = current
        if not self._startable(engine) or self._runs(engine):
            return 0
        self._start(engine)
        self._current.add(engine.id)
        self._backoff.done(engine.id)
        log.info("at=started engine=%s", engine.name)
        return 1

    def _runs(self, engine: Engine) -> bool:
        """Whether it runs; one that an older version of the platform started is ended, once, to be started anew."""
        if not self.clusters.engines.running(engine):
            return False
        if engine.kind is EngineKind.ETCD or engine.id in self._current:
            return True
        try:
            outdated = self.clusters.outdated(engine)
        except psycopg.Error:
            # It begins, or is a standby that is still being filled: it is asked again.
            self._backoff.done(engine.id, _ASK_AGAIN)
            return True
        if outdated:
            log.info("at=restart engine=%s", engine.name)
            if engine.pair:
                self.clusters.engines.stop(engine, _STOP)
            else:
                self.clusters.stop(engine, engine.name, _STOP)
            return False
        self._current.add(engine.id)
        return True

    def _startable(self, engine: Engine) -> bool:
        """Whether there is something to start; a node of a pair without files gets them from the primary that is there."""
        if engine.kind is EngineKind.ETCD or self.clusters.made(engine):
            return True
        return engine.pair is not None and self.pairs.has_primary(engine)

    def _start(self, engine: Engine) -> None:
        if engine.kind is EngineKind.ETCD:
            self.pairs.start_etcd(engine)
        elif engine.pair:
            self.pairs.start(engine)
        else:
            self._launcher.launch(engine)

    def publish(self) -> bool:
        """Lead each port to its engine, those of pairs to their primaries; whether anything was led elsewhere."""
        return self._ports.ensure()

    def keep_spare(self) -> None:
        """Have files ready for the next cluster."""
        if not self._backoff.due(_SPARE):
            return
        try:
            self.clusters.keep_spare(_nobody(self.clusters.version))
        except (RuntimeFailure, ClusterFailure, OSError):
            log.exception("at=spare-failed failures=%d", self._backoff.failed(_SPARE))
        else:
            self._backoff.done(_SPARE)


def _nobody(version: str) -> Engine:
    """An engine that is no engine: its number is beyond all others'."""
    return Engine(
        id=str(uuid.UUID(int=0)),
        number=MOST + 1,
        kind=EngineKind.POSTGRESQL,
        version=version,
        shared=False,
        memory=256 << 20,
        storage=0,
        connections=0,
        state=EngineState.RESTORING,
        created_at=now(),
        updated_at=now(),
    )
