"""Why operators look at apps of others, and until when."""

from datetime import datetime

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Transaction

_t = tables.operator_visits


def put(tx: Transaction, account_id: str, app_id: str, reason: str, ends_at: datetime) -> None:
    same = sa.and_(_t.c.account_id == account_id, _t.c.app_id == app_id)
    values = {"reason": reason, "ends_at": ends_at}
    if not tx.connection.execute(_t.update().where(same).values(values)).rowcount:
        tx.connection.execute(_t.insert().values(account_id=account_id, app_id=app_id, **values))


def holds(tx: Transaction, account_id: str, app_id: str, now: datetime) -> bool:
    query = sa.select(_t.c.app_id).where(_t.c.account_id == account_id, _t.c.app_id == app_id, _t.c.ends_at > now)
    return tx.connection.execute(query).first() is not None


def prune(tx: Transaction, now: datetime) -> None:
    tx.connection.execute(_t.delete().where(_t.c.ends_at <= now))
