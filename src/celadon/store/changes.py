"""The change feed: how one process learns that another has written something.

A change is a wake-up without payload. A reader remembers `latest()` first, then looks at everything, then waits for
something newer: whatever it sees, it has missed nothing.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Database, Transaction

# How often SQLite is asked for something new; one look costs some 10 µs.
LOOK = 0.02
# The net under PostgreSQL's bell.
NET = 1.0


def next_number(tx: Transaction) -> int:
    """The next sequence number; the counter row stays locked until the transaction ends, so numbers appear in order."""
    return int(
        tx.connection.execute(
            tables.counter.update().values(last=tables.counter.c.last + 1).returning(tables.counter.c.last)
        ).scalar_one()
    )


def record(tx: Transaction, topic: str, app_id: str | None = None) -> None:
    """Say that something of this topic (a noun: `formation`, `release`, `dyno`, `build` …) has changed.

    The last statement of an action's transaction: it takes the counter's lock.
    """
    tx.connection.execute(
        tables.changes.insert().values(seq=next_number(tx), topic=topic, app_id=app_id, at=datetime.now(UTC))
    )
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(sa.text("notify celadon_changes"))


def latest(database: Database) -> int:
    """The sequence number of the last change that is visible."""
    with database.read() as tx:
        return int(
            tx.connection.execute(sa.select(sa.func.coalesce(sa.func.max(tables.changes.c.seq), 0))).scalar_one()
        )


def wait(database: Database, after: int, timeout: float) -> int:
    """Wait until there is a change beyond `after` or `timeout` seconds have passed; returns the latest number."""
    if database.sqlite:
        return _wait_sqlite(database, after, timeout)
    return _wait_postgresql(database, after, timeout)


def _wait_sqlite(database: Database, after: int, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    # The driver's own connection: a look by way of SQLAlchemy costs ten times as much, 50 times a second.
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        while (seen := _look(cursor)) <= after and (left := deadline - time.monotonic()) > 0:
            # SQLite has no bell across processes: looking is how one waits.
            time.sleep(min(LOOK, left))
        cursor.close()
    finally:
        connection.close()
    return seen


def _look(cursor: Any) -> int:
    cursor.execute("select max(seq) from changes")
    return int(cursor.fetchone()[0] or 0)


def _wait_postgresql(database: Database, after: int, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    connection = database.engine.raw_connection()
    try:
        listener = connection.driver_connection
        assert listener is not None
        listener.autocommit = True
        listener.execute("listen celadon_changes")
        while (seen := latest(database)) <= after and (left := deadline - time.monotonic()) > 0:
            for _ in listener.notifies(timeout=min(NET, left), stop_after=1):
                pass
        listener.execute("unlisten celadon_changes")
        listener.autocommit = False
    finally:
        connection.close()
    return seen


def prune(tx: Transaction, older_than: timedelta = timedelta(hours=1)) -> None:
    """Forget old wake-ups, but the newest: `latest` never goes back."""
    newest = sa.select(sa.func.max(tables.changes.c.seq)).scalar_subquery()
    tx.connection.execute(
        tables.changes.delete().where(
            tables.changes.c.at < datetime.now(UTC) - older_than, tables.changes.c.seq < newest
        )
    )
