"""Sessions at a cluster that stand in a transfer's way, seen and ended by the superuser, whose search path is empty."""

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Seconds that a restore waits for a statement of the app that runs; who does nothing in a transaction has had its time.
_GRACE = 2.0

_BLOCKERS = """
select distinct b.pid
from pg_stat_activity r
cross join lateral unnest(pg_blocking_pids(r.pid)) as blocking(pid)
join pg_stat_activity b on b.pid = blocking.pid
join pg_locks l on l.pid = r.pid and not l.granted
where r.application_name = %(name)s and r.datname = %(database)s
  and b.datname = r.datname and b.pid <> r.pid
  and (b.state like 'idle in transaction%%'
       or l.waitstart < (clock_timestamp() - %(grace)s::interval))
"""


def end_blockers(connection: Connection, database: str, name: str) -> int:
    """End the sessions of a database that one of this name waits for; returns how many."""
    words = {"name": name, "database": database, "grace": f"{_GRACE} seconds"}
    found = [pid for (pid,) in connection.execute(_BLOCKERS, words).fetchall()]
    for pid in found:
        connection.execute("select pg_terminate_backend(%s)", [pid])
    return len(found)


def end(connection: Connection, database: str, name: str) -> None:
    """End the sessions of this name, and wait until what they had begun is undone."""
    query = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = %s and datname = %s"
    connection.execute(query, [name, database])
