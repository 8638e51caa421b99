"""Maintenance: a server is restarted in its window when it runs an older PostgreSQL than there is, or with settings that
only a restart brings; or at once, when its owner asks for it.

That it was asked for is in the row. A server that has begun after that is done: who is killed in between restarts nothing
twice. Of a pair the standby goes first, and the primary only when the standby has everything and can take over.
"""

import logging
import time
from datetime import datetime

import psycopg

from celadon.actions import postgres_settings
from celadon.actions.context import Context, now
from celadon.actions.postgres_settings import Served
from celadon.model import postgres_maintenance as rules
from celadon.model.engine import Engine
from celadon.model.postgres_database import PostgresDatabase
from celadon.platform.failure import PlatformFailure
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.launch import Launcher
from celadon.postgres.pairs import Pairs
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# Seconds for a server to end by itself, and between two looks at the windows.
_STOP = 60.0
_LOOK = 30.0
_FAILURES = (RuntimeFailure, ClusterFailure, PlatformFailure, psycopg.Error, OSError)


def window_of(database: PostgresDatabase | None) -> int:
    """When a database's server may be restarted; None is the shared one."""
    if database is None:
        return rules.SHARED
    chosen = database.maintenance_window
    return rules.default(database.addon_id) if chosen is None else chosen


def reasons_of(clusters: Clusters, engine: Engine) -> list[str]:
    """What of a server waits for a restart, each as some words. Raises psycopg.Error."""
    with clusters.connect(engine) as connection:
        (running,) = connection.execute("select current_setting('server_version')").fetchone() or ("",)
        pending = connection.execute("select name from pg_catalog.pg_settings where pending_restart order by name")
        names = [str(name) for (name,) in pending.fetchall()]
    version, installed = str(running).split()[0], clusters.engines.installed(f"postgresql-{engine.version}")
    found = [f"PostgreSQL {installed} in place of {version}"] if installed not in ("", version) else []
    return [*found, *(f"the setting {name}" for name in names)]


class Maintenance:
    """Restarts the servers of this machine."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self._locks = pairs.locks
        self.pairs = pairs
        self._launcher = Launcher(context, pairs)
        self._due = 0.0

    def ensure(self) -> int:
        """Restart what is to be; returns how many servers were."""
        served = postgres_settings.served(self.context)
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _LOOK
            self._open_windows(served, now())
        return self._carry_out(served)

    def _open_windows(self, served: list[Served], at: datetime) -> None:
        """Ask for a restart of each that waits for its window, which has come."""
        for one in served:
            window = window_of(one.database)
            if not rules.is_open(window, at) or not self._waits(one.engine, rules.opened(window, at)):
                continue
            if one.database is None:
                self._try(one.engine, at)
            elif one.database.maintenance_asked_at is None:
                postgres_settings.ask_for_maintenance(self.context, one.database.addon_id)

    def _waits(self, engine: Engine, opened: datetime) -> bool:
        """Once in a window is enough, also when something still waits after it."""
        try:
            began = self._began(engine)
            return began is not None and began < opened and bool(reasons_of(self.clusters, engine))
        except _FAILURES:
            return False

    def _carry_out(self, served: list[Served]) -> int:
        restarted = 0
        asked: dict[str, tuple[PostgresDatabase, list[Engine]]] = {}
        for one in served:
            if one.database is not None and one.database.maintenance_asked_at is not None:
                asked.setdefault(one.database.addon_id, (one.database, []))[1].append(one.engine)
        for database, nodes in asked.values():
            assert database.maintenance_asked_at is not None, "it is asked for"
            restarted += self._restart_next(database, nodes, database.maintenance_asked_at)
        return restarted

    def _restart_next(self, database: PostgresDatabase, nodes: list[Engine], asked: datetime) -> int:
        """One node at a time: the next look goes on."""
        try:
            began = {node.id: self._began(node) for node in nodes}
            if any(at is None for at in began.values()):
                return 0
            old = [node for node in nodes if (at := began[node.id]) is not None and at < asked]
            if not old:
                postgres_settings.maintained(self.context, database.addon_id)
                log.info("at=maintained addon=%s", database.addon_id)
                return 0
            primary = self.pairs.primary(nodes[0])
            # The standby first; sorted keeps the order of equals.
            chosen = sorted(old, key=lambda node: node.id == primary.id)[0]
            if len(nodes) > 1 and chosen.id == primary.id and not self.pairs.available(primary):
                return 0
        except _FAILURES as error:
            log.warning("at=maintenance-failed addon=%s error=%s", database.addon_id, type(error).__name__)
            return 0
        return self._try(chosen, asked)

    def _try(self, engine: Engine, asked: datetime) -> int:
        lock = self._locks.of(engine.id)
        if not lock.acquire(blocking=False):
            return 0
        try:
            began = self._began(engine)
            if began is None or began >= asked:
                return 0
            self._restart(engine)
        except _FAILURES as error:
            # Whatever has been stopped is started by who keeps servers running.
            log.warning("at=restart-failed engine=%s error=%s", engine.name, type(error).__name__)
            return 0
        finally:
            lock.release()
        log.info("at=restarted engine=%s", engine.name)
        return 1

    def _restart(self, engine: Engine) -> None:
        if engine.pair:
            # Patroni ends the server, and lets the standby take over when it was the primary.
            self.clusters.engines.stop(engine, _STOP)
            self.pairs.start(engine)
            return
        self.clusters.stop(engine, engine.name, _STOP)
        self._launcher.launch(engine)

    def _began(self, engine: Engine) -> datetime | None:
        """When its server was started; None while it does not answer."""
        if not self.clusters.engines.running(engine):
            return None
        try:
            with self.clusters.connect(engine) as connection:
                row = connection.execute("select pg_catalog.pg_postmaster_start_time()").fetchone()
        except psycopg.OperationalError:
            return None
        assert row is not None and isinstance(row[0], datetime), "a query without a table has one row"
        return row[0]
