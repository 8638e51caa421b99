"""ACME challenges: what the router answers a certificate authority with; token → key authorization."""

from datetime import datetime

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Transaction

_t = tables.acme_challenges


def all_of(tx: Transaction) -> dict[str, str]:
    query = sa.select(_t.c.token, _t.c.key_authorization)
    return {row.token: row.key_authorization for row in tx.connection.execute(query)}


def insert(tx: Transaction, token: str, key_authorization: str, now: datetime) -> None:
    """Keep one; an authority may give the same token again."""
    delete(tx, token)
    values = {"token": token, "key_authorization": key_authorization, "created_at": now}
    tx.connection.execute(_t.insert().values(**values))


def delete(tx: Transaction, token: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.token == token))


def prune(tx: Transaction, before: datetime) -> int:
    """Remove what a killed clock has left; returns how many."""
    return int(tx.connection.execute(_t.delete().where(_t.c.created_at < before)).rowcount)
