"""Accounts."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.account import Account
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.accounts


def find(tx: Transaction, account_id: str) -> Account | None:
    return rows.one(tx, Account, sa.select(_t).where(_t.c.id == account_id))


def find_by_email(tx: Transaction, email: str) -> Account | None:
    return rows.one(tx, Account, sa.select(_t).where(_t.c.email == email.lower()))


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Account]:
    return {account.id: account for account in rows.every(tx, Account, sa.select(_t).where(_t.c.id.in_(ids)))}


def operator(tx: Transaction) -> Account | None:
    """The first operator's account."""
    return rows.one(tx, Account, sa.select(_t).where(_t.c.operator).order_by(_t.c.created_at))


def lock(tx: Transaction, account_id: str) -> None:
    """Keep the account's row until the transaction ends: what counts against its limits starts so."""
    tx.connection.execute(sa.select(_t.c.id).where(_t.c.id == account_id).with_for_update())


def insert(tx: Transaction, account: Account) -> None:
    rows.insert(tx, _t, account)


def update(tx: Transaction, account_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, account_id, updated_at=now, **values)
