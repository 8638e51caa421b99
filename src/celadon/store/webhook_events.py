"""Webhook events: what happened to apps that have webhooks, and how far the platform's events have been made such."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from celadon.model.webhook import WebhookEvent
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.webhook_events
_cursor = tables.webhook_cursor


def insert(tx: Transaction, event: WebhookEvent) -> None:
    rows.insert(tx, _t, event)


def find(tx: Transaction, app_id: str, event_id: str) -> WebhookEvent | None:
    return rows.one(tx, WebhookEvent, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == event_id))


def find_by_id(tx: Transaction, event_id: str) -> WebhookEvent | None:
    return rows.one(tx, WebhookEvent, sa.select(_t).where(_t.c.id == event_id))


def keys(tx: Transaction, app_id: str, addon_id: str | None = None) -> list[tuple[int, str]]:
    """Sequence and id of each event of an app, or of those that the provider of an add-on of it was told of: the order
    it is listed by.
    """
    query = sa.select(_t.c.sequence, _t.c.id).where(_t.c.app_id == app_id)
    if addon_id is not None:
        deliveries, hooks = tables.webhook_deliveries.c, tables.webhooks.c
        told = sa.select(deliveries.event_id).join(tables.webhooks, hooks.id == deliveries.webhook_id)
        query = query.where(_t.c.id.in_(told.where(hooks.addon_id == addon_id)))
    return [(row.sequence, row.id) for row in tx.connection.execute(query)]


def by_ids(tx: Transaction, ids: Collection[str]) -> dict[str, WebhookEvent]:
    return {event.id: event for event in rows.every(tx, WebhookEvent, sa.select(_t).where(_t.c.id.in_(ids)))}


def cursor(tx: Transaction) -> int:
    """The number of the last event of the platform that has been looked at."""
    return int(tx.connection.execute(sa.select(_cursor.c.seq)).scalar_one())


def advance(tx: Transaction, before: int, after: int) -> bool:
    """Move the cursor; False when somebody else has done so meanwhile."""
    moved = tx.connection.execute(_cursor.update().where(_cursor.c.seq == before).values(seq=after))
    return bool(moved.rowcount)


def prune(tx: Transaction, before: datetime) -> int:
    """Forget old ones with their deliveries; returns how many."""
    return tx.connection.execute(_t.delete().where(_t.c.created_at < before)).rowcount
