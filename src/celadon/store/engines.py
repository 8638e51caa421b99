"""Engines of add-ons."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.engine import Engine, EngineKind
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.engines


def find(tx: Transaction, engine_id: str) -> Engine | None:
    return rows.one(tx, Engine, sa.select(_t).where(_t.c.id == engine_id))


def list_all(tx: Transaction) -> list[Engine]:
    """In the order of their numbers."""
    return rows.every(tx, Engine, sa.select(_t).order_by(_t.c.number))


def shared(tx: Transaction, kind: EngineKind) -> Engine | None:
    """The one that holds what many add-ons have."""
    return rows.one(tx, Engine, sa.select(_t).where(_t.c.kind == kind, _t.c.shared).order_by(_t.c.number))


def next_number(tx: Transaction) -> int:
    """The lowest that no engine has: addresses and ports are few. Taken by whoever inserts it first."""
    taken = set(tx.connection.execute(sa.select(_t.c.number)).scalars())
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def insert(tx: Transaction, engine: Engine) -> None:
    rows.insert(tx, _t, engine)


def update(tx: Transaction, engine_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, engine_id, updated_at=now, **values)


def delete(tx: Transaction, engine_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == engine_id))
