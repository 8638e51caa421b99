"""Formations: how many dynos of which type and size an app wants."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from celadon.model.formation import Formation
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.formations


def list_of(tx: Transaction, app_id: str) -> list[Formation]:
    return rows.every(tx, Formation, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.type))


def list_all(tx: Transaction) -> dict[str, list[Formation]]:
    """App id → its formation."""
    found: dict[str, list[Formation]] = {}
    live = sa.select(tables.apps.c.id).where(tables.apps.c.deleted_at.is_(None))
    query = sa.select(_t).where(_t.c.app_id.in_(live)).order_by(_t.c.app_id, _t.c.type)
    for formation in rows.every(tx, Formation, query):
        found.setdefault(formation.app_id, []).append(formation)
    return found


def delete(tx: Transaction, ids: Sequence[str]) -> None:
    if ids:
        tx.connection.execute(_t.delete().where(_t.c.id.in_(ids)))


def insert(tx: Transaction, formation: Formation) -> None:
    rows.insert(tx, _t, formation)


def update(tx: Transaction, formation_id: str, *, now: datetime, quantity: int, size: str) -> None:
    rows.update(tx, _t, formation_id, updated_at=now, quantity=quantity, size=size)
