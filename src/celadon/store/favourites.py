"""Which apps an account likes to see first."""

from datetime import datetime

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Transaction

_t = tables.favourites


def app_ids(tx: Transaction, account_id: str) -> frozenset[str]:
    """Also of apps that the account sees no more."""
    query = sa.select(_t.c.app_id).where(_t.c.account_id == account_id)
    return frozenset(tx.connection.execute(query).scalars())


def is_one(tx: Transaction, account_id: str, app_id: str) -> bool:
    query = sa.select(_t.c.app_id).where(_t.c.account_id == account_id, _t.c.app_id == app_id)
    return tx.connection.execute(query).first() is not None


def insert(tx: Transaction, account_id: str, app_id: str, now: datetime) -> None:
    """Raises IntegrityError for one that is there already."""
    tx.connection.execute(_t.insert().values(account_id=account_id, app_id=app_id, created_at=now))


def delete(tx: Transaction, account_id: str, app_id: str) -> bool:
    """Whether it was one."""
    gone = _t.delete().where(_t.c.account_id == account_id, _t.c.app_id == app_id)
    return bool(tx.connection.execute(gone).rowcount)
