"""Keeps the clusters running that are to run, and files ready for the next one.

Wakes on: the change feed, and every quarter of a second. Survives: a SIGKILL; clusters run on and are found again.
"""

import logging
import time
import uuid

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.addons.ports import Ports
from celadon.model.engine import MOST, Engine, EngineKind, EngineState
from celadon.platform.failure import PlatformFailure
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.launch import Launcher
from celadon.postgres.pairs import Pairs
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# Seconds before a cluster that does not start is tried again: the first time at once.
_BACKOFF = (0.0, 1.0, 5.0, 30.0)
_STOP = 60.0
_ASK_AGAIN = 1.0


class Manager:
    """Starts what has died."""

    def __init__(self, context: Context, pairs: Pairs, ports: Ports | None = None) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.locks = pairs.locks
        self.pairs = pairs
        self._launcher = Launcher(context, pairs)
        self._ports = ports or Ports(pairs.clusters.engines, (self.pairs.published,))
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}
        # Ids of the engines that are known to run with what this version writes.
        self._current: set[str] = set()

    def ensure(self) -> int:
        """Start each cluster that is to run and does not; returns how many were started."""
        started = 0
        wanted = [engine for kind in (EngineKind.ETCD, EngineKind.POSTGRESQL) for engine in self._running(kind)]
        for engine in wanted:
            if engine.id in self._current and self.clusters.engines.running(engine):
                continue
            lock = self.locks.of(engine.id)
            # Whoever has the lock is at work on it.
            if time.monotonic() < self._due.get(engine.id, 0.0) or not lock.acquire(blocking=False):
                continue
            try:
                started += self._ensure(engine)
            finally:
                lock.release()
        return started

    def _ensure(self, engine: Engine) -> int:
        # Anew: who had the lock until now may have made it another one.
        current = databases.engine(self.context, engine.id)
        if current is None or current.state is not EngineState.RUNNING:
            return 0
        engine = current
        try:
            if not self._startable(engine) or self._runs(engine):
                return 0
            self._start(engine)
            self._current.add(engine.id)
        except (RuntimeFailure, ClusterFailure, PlatformFailure, psycopg.Error, OSError):
            failures = self._failures[engine.id] = self._failures.get(engine.id, 0) + 1
            self._due[engine.id] = time.monotonic() + _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            log.exception("at=start-failed engine=%s failures=%d", engine.name, failures)
            return 0
        self._failures.pop(engine.id, None)
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
            self._due[engine.id] = time.monotonic() + _ASK_AGAIN
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

    def _running(self, kind: EngineKind) -> list[Engine]:
        return databases.running(self.context, kind)

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
        try:
            self.clusters.keep_spare(_nobody(self.clusters.version))
        except (RuntimeFailure, ClusterFailure, OSError):
            log.exception("at=spare-failed")


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
