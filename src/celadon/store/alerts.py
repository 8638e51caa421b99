"""Alerts of apps."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.alert import Alert
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.alerts


def list_of(tx: Transaction, app_id: str) -> list[Alert]:
    return rows.every(tx, Alert, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.created_at, _t.c.id))


def list_all(tx: Transaction) -> list[Alert]:
    """Of all apps that are there, those of one app together."""
    apps = tables.apps.c
    query = sa.select(_t).join(tables.apps, apps.id == _t.c.app_id).where(apps.deleted_at.is_(None))
    return rows.every(tx, Alert, query.order_by(_t.c.app_id, _t.c.id))


def find(tx: Transaction, app_id: str, alert_id: str) -> Alert | None:
    return rows.one(tx, Alert, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == alert_id))


def lock(tx: Transaction, alert_id: str) -> Alert | None:
    """The alert, its row locked until the transaction ends."""
    return rows.one(tx, Alert, sa.select(_t).where(_t.c.id == alert_id).with_for_update())


def insert(tx: Transaction, alert: Alert) -> None:
    rows.insert(tx, _t, alert)


def update(tx: Transaction, alert_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, alert_id, updated_at=now, **values)


def delete(tx: Transaction, alert_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == alert_id))
