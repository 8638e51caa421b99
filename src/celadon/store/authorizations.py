"""Authorizations: tokens with scopes, known by their hash."""

import sqlalchemy as sa

from celadon.model.account import Authorization
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.authorizations


def find(tx: Transaction, account_id: str, authorization_id: str) -> Authorization | None:
    query = sa.select(_t).where(_t.c.account_id == account_id, _t.c.id == authorization_id)
    return rows.one(tx, Authorization, query)


def find_by_token_hash(tx: Transaction, token_hash: str) -> Authorization | None:
    return rows.one(tx, Authorization, sa.select(_t).where(_t.c.token_hash == token_hash))


def list_of(tx: Transaction, account_id: str) -> list[Authorization]:
    return rows.every(tx, Authorization, sa.select(_t).where(_t.c.account_id == account_id).order_by(_t.c.created_at))


def insert(tx: Transaction, authorization: Authorization) -> None:
    rows.insert(tx, _t, authorization)


def delete(tx: Transaction, authorization_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == authorization_id))
