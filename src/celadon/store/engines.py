"""Engines of add-ons."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from celadon.model.engine import Engine, EngineKind
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.engines
SHOWN = [column for column in _t.c if column.name != "secrets"]


def find(tx: Transaction, engine_id: str) -> Engine | None:
    return rows.one(tx, Engine, sa.select(*SHOWN).where(_t.c.id == engine_id))


def list_all(tx: Transaction) -> list[Engine]:
    """In the order of their numbers."""
    return rows.every(tx, Engine, sa.select(*SHOWN).order_by(_t.c.number))


def shared(tx: Transaction, kind: EngineKind) -> Engine | None:
    """The one that holds what many add-ons have."""
    return rows.one(tx, Engine, sa.select(*SHOWN).where(_t.c.kind == kind, _t.c.shared).order_by(_t.c.number))


def next_number(tx: Transaction) -> int:
    """The lowest that no engine has: addresses and ports are few. Taken by whoever inserts it first."""
    taken = set(tx.connection.execute(sa.select(_t.c.number)).scalars())
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def of_pair(tx: Transaction, pair: str) -> list[Engine]:
    """The nodes of a pair, the first one first."""
    return rows.every(tx, Engine, sa.select(*SHOWN).where(_t.c.pair == pair).order_by(_t.c.number))


def secrets(tx: Transaction, engine_id: str) -> dict[str, str]:
    """What its nodes know each other by; raises SecretsError."""
    return rows.opened(tx, tx.connection.execute(sa.select(_t.c.secrets).where(_t.c.id == engine_id)).scalar_one())


def insert(tx: Transaction, engine: Engine, secrets: Mapping[str, str] | None = None) -> None:
    values = {**rows.to_row(engine), "secrets": rows.sealed(tx, secrets or {})}
    tx.connection.execute(_t.insert(), values)


def update(tx: Transaction, engine_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, engine_id, updated_at=now, **values)


def delete(tx: Transaction, engine_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == engine_id))
