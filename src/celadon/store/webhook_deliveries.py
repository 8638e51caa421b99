"""Deliveries of webhook events: a queue of rows, taken in order, one at a time of each webhook."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from celadon.model.webhook import OPEN, DeliveryStatus, WebhookDelivery
from celadon.store import rows, tables, webhooks
from celadon.store.database import Transaction

_t = tables.webhook_deliveries


def insert(tx: Transaction, delivery: WebhookDelivery) -> None:
    rows.insert(tx, _t, delivery)


def find(tx: Transaction, app_id: str, delivery_id: str) -> WebhookDelivery | None:
    return rows.one(tx, WebhookDelivery, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == delivery_id))


def keys(tx: Transaction, app_id: str, status: str | None, addon_id: str | None = None) -> list[tuple[int, str]]:
    """Number and id of each delivery of an app, or of those with this status; of the provider of an add-on of it."""
    whose = sa.select(tables.webhooks.c.id).where(tables.webhooks.c.app_id == app_id, webhooks.of(addon_id))
    query = sa.select(_t.c.seq, _t.c.id).where(_t.c.app_id == app_id, _t.c.webhook_id.in_(whose))
    if status is not None:
        query = query.where(_t.c.status == status)
    return [(row.seq, row.id) for row in tx.connection.execute(query)]


def by_ids(tx: Transaction, ids: Collection[str]) -> dict[str, WebhookDelivery]:
    return {one.id: one for one in rows.every(tx, WebhookDelivery, sa.select(_t).where(_t.c.id.in_(ids)))}


def count_open(tx: Transaction, webhook_id: str) -> int:
    """Deliveries of a webhook that have an end before them."""
    query = sa.select(sa.func.count()).where(_t.c.webhook_id == webhook_id, _t.c.status.in_(OPEN))
    return int(tx.connection.execute(query).scalar_one())


def list_due(tx: Transaction, now: datetime, of_owner: int, limit: int) -> list[tuple[WebhookDelivery, str]]:
    """The first due delivery of each webhook that has none under way, with the id of its app's owner, whose are a few."""
    other, apps = tables.webhook_deliveries.alias("other"), tables.apps.c
    under_way = sa.exists().where(
        other.c.webhook_id == _t.c.webhook_id,
        other.c.status == DeliveryStatus.SCHEDULED,
        other.c.next_attempt_at > now,
    )
    order = (_t.c.next_attempt_at, _t.c.seq)
    place = sa.func.row_number().over(partition_by=_t.c.webhook_id, order_by=order).label("place")
    due = sa.select(_t.c.id, place).where(_t.c.next_attempt_at <= now, sa.not_(under_way)).subquery()
    turn = sa.func.row_number().over(partition_by=apps.owner_id, order_by=order).label("turn")
    first = (
        sa.select(_t.c.id, apps.owner_id, turn)
        .join(due, due.c.id == _t.c.id)
        .join(tables.apps, apps.id == _t.c.app_id)
        .where(due.c.place == 1)
        .subquery()
    )
    query = sa.select(_t, first.c.owner_id).join(first, first.c.id == _t.c.id).where(first.c.turn <= of_owner)
    found = [dict(row) for row in tx.connection.execute(query.order_by(*order).limit(limit)).mappings()]
    return [(WebhookDelivery(**{column.name: row[column.name] for column in _t.c}), row["owner_id"]) for row in found]


def begin(tx: Transaction, delivery: WebhookDelivery, attempt_id: str, now: datetime, until: datetime) -> bool:
    """An attempt begins; False when somebody else was quicker. Whoever has not said by `until` what came of it is dead."""
    as_seen = sa.and_(
        _t.c.id == delivery.id, _t.c.num_attempts == delivery.num_attempts, _t.c.status == delivery.status
    )
    values = {
        "status": DeliveryStatus.SCHEDULED,
        "num_attempts": delivery.num_attempts + 1,
        "next_attempt_at": until,
        "attempt_id": attempt_id,
        "attempt_status": "scheduled",
        "attempt_code": None,
        "attempt_error_class": None,
        "attempt_created_at": now,
        "attempt_updated_at": now,
        "updated_at": now,
    }
    return bool(tx.connection.execute(_t.update().where(as_seen).values(values)).rowcount)


def end(tx: Transaction, delivery_id: str, attempt_id: str, **values: object) -> bool:
    """What came of an attempt; False when it is not the last one any more."""
    same = sa.and_(_t.c.id == delivery_id, _t.c.attempt_id == attempt_id)
    return bool(tx.connection.execute(_t.update().where(same).values(**values)).rowcount)


def next_due(tx: Transaction) -> datetime | None:
    """When the first delivery that waits is due."""
    query = sa.select(_t.c.next_attempt_at).where(_t.c.next_attempt_at.is_not(None))
    return tx.connection.execute(query.order_by(_t.c.next_attempt_at).limit(1)).scalar()
