"""What a database holds at the moment of its backup: a snapshot that pg_dump reads, and the rows counted in the same one."""

import contextlib
import threading
import time
from typing import Any, Self

import psycopg
from psycopg import sql

from celadon.postgres.cluster import Clusters
from celadon.postgres.programs import Login, login_to

# Seconds for the rows of all tables, and the most tables whose rows are counted.
_SECONDS = 60.0
_MOST = 500

_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.relpages limit %(most)s
"""


def count(connection: psycopg.Connection[Any], seconds: float = _SECONDS) -> dict[str, int]:
    """Table → its rows, of those there was time for, the smallest first.

    `connection` is the tenant's own: to read a table may be to run code of the tenant's, in the predicates of its indexes.
    """
    until, found = time.monotonic() + seconds, dict[str, int]()
    for schema, table in connection.execute(_TABLES, {"most": _MOST}).fetchall():
        left = until - time.monotonic()
        if left <= 0:
            break
        if connection.broken:
            break
        # Whatever the tenant's code says to it: that one is not counted.
        with contextlib.suppress(psycopg.Error):
            with connection.transaction():
                connection.execute("set local row_security = off")
                connection.execute(sql.SQL("set local statement_timeout = {}").format(int(left * 1000) + 1))
                query = sql.SQL("select count(*) from only {}").format(sql.Identifier(schema, table))
                (rows,) = connection.execute(query).fetchone() or (0,)
                found[f"{schema}.{table}"] = rows
    return found


class Snapshot:
    """One that lasts as long as the block; rows are counted beside whatever else reads it."""

    name: str

    def __init__(self, clusters: Clusters, login: Login) -> None:
        self._clusters = clusters
        self._login = login
        self._stack = contextlib.ExitStack()
        self._found: dict[str, int] = {}

    def __enter__(self) -> Self:
        connection = self._stack.enter_context(login_to(self._clusters, self._login))
        connection.execute("begin isolation level repeatable read read only")
        (self.name,) = connection.execute("select pg_export_snapshot()").fetchone() or ("",)  # type: ignore[assignment]
        self._connection = connection
        self._thread = threading.Thread(target=self._count, name="count", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.cancel_safe()
        self._thread.join()
        self._stack.close()

    def counted(self) -> dict[str, int]:
        """The rows of each table that were counted."""
        self._thread.join()
        return self._found

    def _count(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._found = count(self._connection)
