"""App transfers."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.app_transfer import AppTransfer, TransferState
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.app_transfers
_pending = _t.c.state == TransferState.PENDING


def find(tx: Transaction, transfer_id: str) -> AppTransfer | None:
    return rows.one(tx, AppTransfer, sa.select(_t).where(_t.c.id == transfer_id))


def pending_of_app(tx: Transaction, app_id: str) -> AppTransfer | None:
    return rows.one(tx, AppTransfer, sa.select(_t).where(_t.c.app_id == app_id, _pending))


def list_of(tx: Transaction, account_id: str) -> list[AppTransfer]:
    """Those that the account offers or is offered and nobody has answered, of apps that are there."""
    mine = sa.or_(_t.c.owner_id == account_id, _t.c.recipient_id == account_id)
    query = sa.select(_t).join(tables.apps, tables.apps.c.id == _t.c.app_id)
    return rows.every(
        tx, AppTransfer, query.where(mine, _pending, tables.apps.c.deleted_at.is_(None)).order_by(_t.c.created_at)
    )


def insert(tx: Transaction, transfer: AppTransfer) -> None:
    rows.insert(tx, _t, transfer)


def update(tx: Transaction, transfer_id: str, *, now: datetime, state: TransferState) -> None:
    rows.update(tx, _t, transfer_id, updated_at=now, state=state)


def withdraw(tx: Transaction, app_id: str, recipient_id: str) -> None:
    """End what of this app is offered to somebody."""
    tx.connection.execute(_t.delete().where(_t.c.app_id == app_id, _t.c.recipient_id == recipient_id, _pending))


def delete(tx: Transaction, transfer_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == transfer_id))
