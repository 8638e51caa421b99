"""Upgrades of databases: the last one of each."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.postgres_upgrade import BUSY, Upgrade
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.postgres_upgrades


def find(tx: Transaction, addon_id: str) -> Upgrade | None:
    return rows.one(tx, Upgrade, sa.select(_t).where(_t.c.addon_id == addon_id))


def list_unfinished(tx: Transaction) -> list[Upgrade]:
    """Those that the platform has something to do for, or to remove, who waits longest first."""
    wanted = sa.or_(_t.c.status.in_(BUSY), _t.c.scratch_id.is_not(None))
    return rows.every(tx, Upgrade, sa.select(_t).where(wanted).order_by(_t.c.created_at))


def put(tx: Transaction, upgrade: Upgrade) -> None:
    """In place of the one before."""
    delete(tx, upgrade.addon_id)
    rows.insert(tx, _t, upgrade)


def update(tx: Transaction, addon_id: str, *, now: datetime, **values: object) -> None:
    tx.connection.execute(_t.update().where(_t.c.addon_id == addon_id).values(updated_at=now, **values))


def delete(tx: Transaction, addon_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.addon_id == addon_id))
