"""Webhooks of apps. Their secret and Authorization header are encrypted and read by who signs."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from celadon.model.webhook import Webhook
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.webhooks
_shown = [column for column in _t.c if column.name not in ("secret", "authorization")]


def list_of(tx: Transaction, app_id: str, addon_id: str | None = None) -> list[Webhook]:
    """The app's own, or those of the provider of an add-on of it."""
    query = sa.select(*_shown).where(_t.c.app_id == app_id, of(addon_id)).order_by(_t.c.created_at, _t.c.id)
    return rows.every(tx, Webhook, query)


def list_of_apps(tx: Transaction, app_ids: Collection[str]) -> dict[str, list[Webhook]]:
    """App id → its webhooks, of those of these apps that have any."""
    found: dict[str, list[Webhook]] = {}
    query = sa.select(*_shown).where(_t.c.app_id.in_(app_ids)).order_by(_t.c.created_at, _t.c.id)
    for webhook in rows.every(tx, Webhook, query):
        found.setdefault(webhook.app_id, []).append(webhook)
    return found


def apps_told(tx: Transaction, app_ids: Collection[str], entities: Collection[str]) -> set[str]:
    """Those of these apps that have a webhook for any of these entities."""
    found = tx.connection.execute(sa.select(_t.c.app_id, _t.c.include).where(_t.c.app_id.in_(app_ids)))
    return {row.app_id for row in found if not set(entities).isdisjoint(row.include)}


def of(addon_id: str | None) -> sa.ColumnElement[bool]:
    """The condition that a webhook is of this add-on's provider, or of nobody's."""
    return _t.c.addon_id.is_(None) if addon_id is None else _t.c.addon_id == addon_id


def delete_of(tx: Transaction, addon_ids: sa.Select[tuple[str]]) -> None:
    """Those of the providers of these add-ons, with their deliveries."""
    tx.connection.execute(_t.delete().where(_t.c.addon_id.in_(addon_ids)))


def find(tx: Transaction, app_id: str, webhook_id: str) -> Webhook | None:
    query = sa.select(*_shown).where(_t.c.app_id == app_id, _t.c.id == webhook_id)
    return rows.one(tx, Webhook, query)


def lock(tx: Transaction, webhook_ids: Collection[str]) -> set[str]:
    """Those of these webhooks that are still there: none of them is removed until the transaction ends."""
    query = sa.select(_t.c.id).where(_t.c.id.in_(webhook_ids)).order_by(_t.c.id).with_for_update()
    return set(tx.connection.execute(query).scalars())


def secrets(tx: Transaction, webhook_id: str) -> tuple[str, str | None] | None:
    """Secret and Authorization header; None when the webhook is gone. Raises SecretsError."""
    query = sa.select(_t.c.secret, _t.c.authorization).where(_t.c.id == webhook_id)
    found = tx.connection.execute(query).one_or_none()
    if found is None:
        return None
    return tx.secrets.decrypt(found.secret), tx.secrets.decrypt(found.authorization) if found.authorization else None


def insert(tx: Transaction, webhook: Webhook, secret: str, authorization: str | None) -> None:
    values = {**rows.to_row(webhook), "secret": tx.secrets.encrypt(secret), "authorization": _sealed(tx, authorization)}
    tx.connection.execute(_t.insert().values(values))


def update(tx: Transaction, webhook_id: str, **values: object) -> bool:
    return rows.update(tx, _t, webhook_id, **values)


def set_secret(tx: Transaction, webhook_id: str, secret: str) -> None:
    rows.update(tx, _t, webhook_id, secret=tx.secrets.encrypt(secret))


def set_authorization(tx: Transaction, webhook_id: str, authorization: str | None) -> None:
    """Another Authorization header, or none."""
    rows.update(tx, _t, webhook_id, authorization=_sealed(tx, authorization))


def _sealed(tx: Transaction, authorization: str | None) -> bytes | None:
    return None if authorization is None else tx.secrets.encrypt(authorization)


def delete(tx: Transaction, webhook_id: str) -> None:
    """With its deliveries."""
    tx.connection.execute(_t.delete().where(_t.c.id == webhook_id))


def prune(tx: Transaction, before: datetime) -> None:
    """Forget those of apps destroyed before that moment."""
    apps = tables.apps.c
    tx.connection.execute(_t.delete().where(_t.c.app_id.in_(sa.select(apps.id).where(apps.deleted_at < before))))
