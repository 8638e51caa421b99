"""Keeps one tenant of a shared server from taking what all of them have together: its table of locks, its queue of NOTIFY.

Wakes on: time. Reads: the servers. Writes: nothing but the operator's log; who takes too much is ended. Survives: a
SIGKILL. It keeps a connection to each server, since none can be made while the table of locks is full; its queries touch
so few tables that they take no place in it.
"""

import logging
import time
from typing import Any

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.model.engine import Engine
from celadon.postgres.cluster import Clusters
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

# Seconds between two looks at a server.
INTERVAL = 1.0
# Locks of one session; a transaction that makes a thousand tables has fewer.
MOST_LOCKS = 5_000
# Shares of what all have together, in percent, above which one is ended: who takes most of it, or holds it up.
MOST_TABLE, MOST_QUEUE = 50.0, 50.0

# Sessions that hold places in the shared table, the most first: not the superuser's. `client_addr` is none for what the
# platform runs on behalf of a tenant by the socket: a backup has a lock of each table. No view and no role's name is read:
# those are shared tables, whose locks need a place.
_LOCKS = """
select a.pid, a.datid, count(*), a.client_addr is null
from pg_catalog.pg_lock_status() l join pg_catalog.pg_stat_get_activity(null) a on a.pid = l.pid
where not l.fastpath and a.usesysid <> 10 and a.backend_type = 'client backend'
group by a.pid, a.datid, a.client_addr having count(*) > 64 order by 3 desc"""

# As PostgreSQL sizes the table, but for auxiliary processes.
_PLACES = """
select pg_catalog.current_setting('max_locks_per_transaction')::int * pg_catalog.current_setting('max_connections')::int"""

# Who listens is nowhere to be seen; the queue is held up by the oldest transaction of those that do.
_OLDEST = """
select a.pid, a.datid from pg_catalog.pg_stat_get_activity(null) a
where a.usesysid <> 10 and a.backend_type = 'client backend' and a.xact_start is not null
order by pg_catalog.age(a.backend_xmin) desc nulls last, a.xact_start limit 1"""


class Watch:
    """Over the shared servers of one machine. Only one thread may be in `ensure`."""

    def __init__(self, context: Context, clusters: Clusters, interval: float = INTERVAL) -> None:
        self.context = context
        self.clusters = clusters
        self._interval = interval
        self._due = 0.0
        self._connections: dict[str, Connection] = {}

    def ensure(self) -> int:
        """Look at each server when it is time; returns how many sessions were ended."""
        if time.monotonic() < self._due:
            return 0
        self._due = time.monotonic() + self._interval
        found = {engine.id: engine for engine in databases.running(self.context) if engine.shared}
        for gone in self._connections.keys() - found.keys():
            self._connections.pop(gone).close()
        ended = 0
        for engine in found.values():
            try:
                ended += self.look(engine)
            except (psycopg.Error, RuntimeFailure, OSError) as error:
                # A server that starts or stops now: the next look has a new connection. Or one that was too slow to
                # answer: it is asked by the same one again, for none can be made while the table of locks is full.
                log.warning("at=watch engine=%s error=%r", engine.name, str(error)[:200])
                known = self._connections.get(engine.id)
                if known is not None and known.closed:
                    del self._connections[engine.id]
        return ended

    def look(self, engine: Engine) -> int:
        """End who takes too much of one server; returns how many sessions that were. Raises psycopg.Error, RuntimeFailure."""
        connection = self._connections.get(engine.id)
        if connection is None:
            connection = self._connections[engine.id] = self.clusters.open(engine)
            connection.execute("set statement_timeout = '5s'")
        return self._end_lockers(connection, engine) + self._end_listener(connection, engine)

    def close(self) -> None:
        while self._connections:
            self._connections.popitem()[1].close()

    def _end_lockers(self, connection: Connection, engine: Engine) -> int:
        found = connection.execute(_LOCKS).fetchall()
        if not found:
            return 0
        ended = [one for one in found if one[2] > MOST_LOCKS and not one[3]]
        places = connection.execute(_PLACES).fetchone()
        if not ended and places and 100.0 * sum(one[2] for one in found) > MOST_TABLE * places[0]:
            ended = found[:1]
        for pid, database, count, _ in ended:
            self._end(engine, pid, f"database={database} locks={count}: its session took too many locks")
        return len(ended)

    def _end_listener(self, connection: Connection, engine: Engine) -> int:
        usage = connection.execute("select 100 * pg_catalog.pg_notification_queue_usage()").fetchone()
        if usage is None or usage[0] <= MOST_QUEUE:
            return 0
        oldest = connection.execute(_OLDEST).fetchone()
        if oldest is None:
            return 0
        words = "its transaction was the oldest while the queue of NOTIFY fills"
        self._end(engine, oldest[0], f"database={oldest[1]} queue={usage[0]:.0f}%: {words}")
        return 1

    def _end(self, engine: Engine, pid: int, words: str) -> None:
        """From outside, since pg_terminate_backend looks up the session's role, for which a full table has no place."""
        self.clusters.engines.runtime.exec(engine.name, ("kill", "-TERM", str(pid)), {})
        log.warning("at=session-ended engine=%s pid=%d %s", engine.name, pid, words)
