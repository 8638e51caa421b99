"""Sources."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.build import BuildStatus
from celadon.model.source import Source
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.sources


def find(tx: Transaction, source_id: str, now: datetime) -> Source | None:
    """The source while it lasts."""
    return rows.one(tx, Source, sa.select(_t).where(_t.c.id == source_id, _t.c.expires_at > now))


def size_of_others(tx: Transaction, source: Source, now: datetime) -> int:
    """Bytes of all other sources of its account that last."""
    total = sa.select(sa.func.coalesce(sa.func.sum(_t.c.size), 0))
    others = sa.and_(_t.c.account_id == source.account_id, _t.c.id != source.id, _t.c.expires_at > now)
    return int(tx.connection.execute(total.where(others)).scalar_one())


def insert(tx: Transaction, source: Source) -> None:
    rows.insert(tx, _t, source)


def update(tx: Transaction, source_id: str, **values: object) -> bool:
    return rows.update(tx, _t, source_id, **values)


def prune(tx: Transaction, now: datetime) -> set[str]:
    """Forget those that have expired and that no pending build starts from; returns the ids of the others."""
    builds = tables.builds.c
    needed = sa.select(builds.source_id).where(builds.status == BuildStatus.PENDING, builds.source_id.is_not(None))
    tx.connection.execute(_t.delete().where(_t.c.expires_at <= now, _t.c.id.not_in(needed)))
    return set(tx.connection.execute(sa.select(_t.c.id)).scalars())
