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

_NEXT = tables.counter.update().values(last=tables.counter.c.last + 1).returning(tables.counter.c.last)

# How often SQLite is asked for something new; one look costs some 10 µs.
LOOK = 0.02
# The net under PostgreSQL's bell.
NET = 1.0


def next_number(tx: Transaction) -> int:
    """The next sequence number; the counter row stays locked until the transaction ends, so numbers appear in order."""
    return int(tx.connection.execute(_NEXT).scalar_one())


def lock(tx: Transaction) -> None:
    """From here on no other transaction records a change: for what must come one after the other on the whole platform."""
    tx.connection.execute(sa.select(tables.counter.c.last).with_for_update())


def record(tx: Transaction, topic: str, app_id: str | None = None) -> int:
    """Say that something of this topic (a noun: `formation`, `release`, `dyno`, `build` …) has changed; returns its number.

    The last statement of an action's transaction: it takes the counter's lock.
    """
    number = next_number(tx)
    tx.connection.execute(
        tables.changes.insert(), {"seq": number, "topic": topic, "app_id": app_id, "at": datetime.now(UTC)}
    )
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(sa.text("notify celadon_changes"))
    return number


def latest(database: Database) -> int:
    """The sequence number of the last change that is visible."""
    with database.read() as tx:
        return int(
            tx.connection.execute(sa.select(sa.func.coalesce(sa.func.max(tables.changes.c.seq), 0))).scalar_one()
        )


def counted(tx: Transaction) -> int:
    """The last number of changes and of events together: whoever has written either has counted on."""
    return int(tx.connection.execute(sa.select(tables.counter.c.last)).scalar_one())


def list_after(tx: Transaction, seq: int, limit: int = 1000) -> tuple[int, list[tuple[int, str, str | None]]]:
    """The number of the oldest change that is kept, and of those behind `seq` the newest: number, topic, app's id."""
    table = tables.changes
    oldest = tx.connection.execute(sa.select(sa.func.coalesce(sa.func.min(table.c.seq), 0))).scalar_one()
    wanted = sa.select(table.c.seq, table.c.topic, table.c.app_id).where(table.c.seq > seq)
    rows = tx.connection.execute(wanted.order_by(table.c.seq.desc()).limit(limit))
    return int(oldest), [(int(row.seq), str(row.topic), row.app_id) for row in rows]


def topics_after(tx: Transaction, seq: int) -> tuple[int, frozenset[str]]:
    """The number of the last change, and the topics of all beyond `seq`."""
    table = tables.changes
    rows = tx.connection.execute(sa.select(table.c.seq, table.c.topic).where(table.c.seq > seq)).all()
    return max((int(row.seq) for row in rows), default=seq), frozenset(str(row.topic) for row in rows)


class Feed:
    """One reader of the change feed; not shared between threads.

    Looks through the driver's own connection: by way of SQLAlchemy a look costs ten times as much, 50 times a second.
    """

    def __init__(self, database: Database) -> None:
        self._connection = database.engine.raw_connection()
        self._sqlite = database.sqlite
        driver = self._driver
        if not self._sqlite:
            driver.autocommit = True
            driver.execute("listen celadon_changes")

    @property
    def _driver(self) -> Any:
        return self._connection.driver_connection

    def look(self) -> int:
        """The sequence number of the last change that is visible."""
        (last,) = self._driver.execute("select max(seq) from changes").fetchone()
        if not self._sqlite:
            # The driver keeps each ring of the bell until somebody hears it.
            for _ in self._driver.notifies(timeout=0):
                pass
        return int(last or 0)

    def wait(self, after: int, timeout: float) -> int:
        """Wait until there is a change beyond `after` or `timeout` seconds have passed; returns the last number."""
        deadline = time.monotonic() + timeout
        while (seen := self.look()) <= after and (left := deadline - time.monotonic()) > 0:
            if self._sqlite:
                # SQLite has no bell across processes: looking is how one waits.
                time.sleep(min(LOOK, left))
            else:
                for _ in self._driver.notifies(timeout=min(NET, left), stop_after=1):
                    pass
        return seen

    def close(self) -> None:
        if not self._sqlite:
            self._driver.execute("unlisten celadon_changes")
            self._driver.autocommit = False
        self._connection.close()


def wait(database: Database, after: int, timeout: float) -> int:
    """As `Feed.wait`, for one who asks only once."""
    feed = Feed(database)
    try:
        return feed.wait(after, timeout)
    finally:
        feed.close()


def prune(tx: Transaction, older_than: timedelta = timedelta(hours=1)) -> None:
    """Forget old wake-ups, but the newest: `latest` never goes back."""
    newest = sa.select(sa.func.max(tables.changes.c.seq)).scalar_subquery()
    tx.connection.execute(
        tables.changes.delete().where(
            tables.changes.c.at < datetime.now(UTC) - older_than, tables.changes.c.seq < newest
        )
    )
