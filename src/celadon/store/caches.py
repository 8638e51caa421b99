"""Caches (Redis, memcached); their passwords are encrypted."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.cache import Cache, Step
from celadon.model.engine import Engine
from celadon.store import engines, rows, tables
from celadon.store.database import Transaction

_t = tables.caches
_e = tables.engines
_shown = [column for column in _t.c if column.name != "password"]


def find(tx: Transaction, addon_id: str) -> Cache | None:
    return rows.one(tx, Cache, sa.select(*_shown).where(_t.c.addon_id == addon_id))


def lock(tx: Transaction, addon_id: str) -> Cache | None:
    """As `find`; nobody else changes it before this transaction has ended."""
    return rows.one(tx, Cache, sa.select(*_shown).where(_t.c.addon_id == addon_id).with_for_update())


def list_all(tx: Transaction) -> list[Cache]:
    return rows.every(tx, Cache, sa.select(*_shown).order_by(_t.c.created_at, _t.c.addon_id))


def with_engines(tx: Transaction) -> list[tuple[Cache, Engine]]:
    """All, each with its engine."""
    joined = sa.select(*_shown, *engines.SHOWN).join_from(_t, _e, _e.c.id == _t.c.engine_id)
    found = rows.pairs(tx, (Cache, Engine), joined.order_by(_t.c.created_at, _t.c.addon_id))
    return [(cache, engine) for cache, engine in found if engine is not None]


def password(tx: Transaction, addon_id: str) -> str | None:
    """Raises SecretsError."""
    found = tx.connection.execute(sa.select(_t.c.password).where(_t.c.addon_id == addon_id)).scalar_one_or_none()
    return None if found is None else tx.secrets.decrypt(found)


def engines_of(tx: Transaction) -> dict[str, list[Engine]]:
    """Add-on id → its engine."""
    by_id = {engine.id: engine for engine in engines.list_all(tx)}
    return {cache.addon_id: [by_id[cache.engine_id]] for cache in list_all(tx)}


def insert(tx: Transaction, cache: Cache, password: str) -> None:
    tx.connection.execute(_t.insert(), {**rows.to_row(cache), "password": tx.secrets.encrypt(password)})


def update(tx: Transaction, addon_id: str, *, now: datetime, **values: object) -> None:
    tx.connection.execute(_t.update().where(_t.c.addon_id == addon_id).values(updated_at=now, **values))


def set_password(tx: Transaction, addon_id: str, password: str) -> None:
    values = {"password": tx.secrets.encrypt(password)}
    tx.connection.execute(_t.update().where(_t.c.addon_id == addon_id).values(values))


def done(tx: Transaction, addon_id: str, revision: int, *, now: datetime) -> bool:
    """Its step is done, unless more was asked for meanwhile, or its removal; whether it was."""
    wanted = (_t.c.addon_id == addon_id) & (_t.c.revision == revision) & (_t.c.step != Step.REMOVING)
    found = tx.connection.execute(_t.update().where(wanted).values(step=Step.AVAILABLE, updated_at=now))
    return bool(found.rowcount)


def delete(tx: Transaction, addon_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.addon_id == addon_id))
