"""Public SSH keys."""

import sqlalchemy as sa

from celadon.model.account import Key
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.keys


def find(tx: Transaction, account_id: str, id_or_fingerprint: str) -> Key | None:
    same = sa.or_(_t.c.id == id_or_fingerprint, _t.c.fingerprint == id_or_fingerprint)
    return rows.one(tx, Key, sa.select(_t).where(_t.c.account_id == account_id, same))


def find_by_fingerprint(tx: Transaction, fingerprint: str) -> Key | None:
    """Whoever's key this is: a key belongs to one account."""
    return rows.one(tx, Key, sa.select(_t).where(_t.c.fingerprint == fingerprint))


def list_of(tx: Transaction, account_id: str) -> list[Key]:
    return rows.every(tx, Key, sa.select(_t).where(_t.c.account_id == account_id).order_by(_t.c.created_at))


def insert(tx: Transaction, key: Key) -> None:
    rows.insert(tx, _t, key)


def delete(tx: Transaction, key_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == key_id))
