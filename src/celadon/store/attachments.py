"""Attachments: add-ons under names in apps."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from celadon.model.addon import Attachment
from celadon.store import apps, rows, tables
from celadon.store.database import Transaction

_t = tables.addon_attachments


def _select(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(_t).where(*conditions).order_by(_t.c.created_at, _t.c.id)


def list_of_app(tx: Transaction, app_id: str) -> list[Attachment]:
    return rows.every(tx, Attachment, _select(_t.c.app_id == app_id))


def list_of_addons(tx: Transaction, addon_ids: Collection[str]) -> list[Attachment]:
    return rows.every(tx, Attachment, _select(_t.c.addon_id.in_(addon_ids)))


def list_all(tx: Transaction) -> list[Attachment]:
    return rows.every(tx, Attachment, sa.select(_t))


def list_visible(tx: Transaction, account_id: str) -> list[Attachment]:
    """Those of all apps an account sees."""
    return rows.every(tx, Attachment, _select(_t.c.app_id.in_(apps.visible_ids(account_id))))


def find(tx: Transaction, attachment_id: str) -> Attachment | None:
    return rows.one(tx, Attachment, _select(_t.c.id == attachment_id))


def insert(tx: Transaction, attachment: Attachment) -> None:
    rows.insert(tx, _t, attachment)


def delete(tx: Transaction, attachment_ids: Collection[str]) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id.in_(attachment_ids)))
