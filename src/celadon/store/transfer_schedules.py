"""Schedules of backups, one of a database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.transfer_schedule import TransferSchedule
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.transfer_schedules


def _select(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(_t).where(*conditions).order_by(_t.c.created_at, _t.c.id)


def list_of_app(tx: Transaction, app_id: str) -> list[TransferSchedule]:
    return rows.every(tx, TransferSchedule, _select(_t.c.app_id == app_id))


def of_addon(tx: Transaction, addon_id: str) -> TransferSchedule | None:
    return rows.one(tx, TransferSchedule, _select(_t.c.addon_id == addon_id))


def any_due(tx: Transaction, now: datetime) -> bool:
    return tx.connection.execute(sa.select(_t.c.id).where(_t.c.next_at <= now).limit(1)).first() is not None


def list_due(tx: Transaction, now: datetime) -> list[TransferSchedule]:
    """Locked: of two that look, one sees them."""
    return rows.every(tx, TransferSchedule, _select(_t.c.next_at <= now).with_for_update(skip_locked=True))


def insert(tx: Transaction, schedule: TransferSchedule) -> None:
    rows.insert(tx, _t, schedule)


def update(tx: Transaction, schedule_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, schedule_id, updated_at=now, **values)


def delete_of_addon(tx: Transaction, addon_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.addon_id == addon_id))
