"""Slugs."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.slug import Slug
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.slugs


def find(tx: Transaction, slug_id: str) -> Slug | None:
    return rows.one(tx, Slug, sa.select(_t).where(_t.c.id == slug_id))


def find_of(tx: Transaction, app_id: str, slug_id: str) -> Slug | None:
    return rows.one(tx, Slug, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == slug_id))


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Slug]:
    return {slug.id: slug for slug in rows.every(tx, Slug, sa.select(_t).where(_t.c.id.in_(ids)))}


def insert(tx: Transaction, slug: Slug) -> None:
    rows.insert(tx, _t, slug)


def ids_of_live_apps(tx: Transaction, since: datetime) -> set[str]:
    """Ids of the slugs of apps that are there, or were destroyed after `since`."""
    apps = tables.apps.c
    live = sa.or_(apps.deleted_at.is_(None), apps.deleted_at >= since)
    query = sa.select(_t.c.id).join(tables.apps, apps.id == _t.c.app_id).where(live)
    return set(tx.connection.execute(query).scalars())
