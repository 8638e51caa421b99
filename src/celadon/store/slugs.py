"""Slugs."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.slug import Slug, SlugStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.slugs


def find(tx: Transaction, slug_id: str) -> Slug | None:
    return rows.one(tx, Slug, sa.select(_t).where(_t.c.id == slug_id))


def find_of(tx: Transaction, app_id: str, slug_id: str) -> Slug | None:
    return rows.one(tx, Slug, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == slug_id))


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Slug]:
    return {slug.id: slug for slug in rows.every(tx, Slug, sa.select(_t).where(_t.c.id.in_(ids)))}


def list_uploaded(tx: Transaction) -> list[Slug]:
    """Those that wait to be packed, in the order in which they came."""
    return rows.every(tx, Slug, sa.select(_t).where(_t.c.status == SlugStatus.UPLOADED).order_by(_t.c.updated_at))


def count_awaited(tx: Transaction, app_id: str, since: datetime) -> int:
    """How many of an app, made after `since`, have no bytes that can be used yet."""
    query = sa.select(sa.func.count()).where(_t.c.app_id == app_id, _t.c.created_at > since)
    return int(tx.connection.execute(query.where(_t.c.status != SlugStatus.READY)).scalar_one())


def update(tx: Transaction, slug_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, slug_id, updated_at=now, **values)


def insert(tx: Transaction, slug: Slug) -> None:
    rows.insert(tx, _t, slug)


def ids_to_keep(tx: Transaction, count: int, since: datetime, app_id: str | None = None) -> set[str]:
    """Ids of the slugs of each app's last `count` releases and builds, and of its dynos; not of apps destroyed before `since`.

    Of one app only, when it is named.
    """
    apps, releases, dynos = tables.apps.c, tables.releases.c, tables.dynos.c
    live = sa.select(apps.id).where(sa.or_(apps.deleted_at.is_(None), apps.deleted_at >= since))
    if app_id is not None:
        live = live.where(apps.id == app_id)
    kept: set[str] = set()
    for table, order in ((tables.releases.c.slug_id, releases.version), (_t.c.id, _t.c.created_at)):
        owner = table.table.c.app_id
        rank = sa.func.row_number().over(partition_by=owner, order_by=order.desc()).label("rank")
        ranked = sa.select(table.label("slug_id"), rank).where(owner.in_(live), table.is_not(None)).subquery()
        kept |= set(tx.connection.execute(sa.select(ranked.c.slug_id).where(ranked.c.rank <= count)).scalars())
    running = sa.select(releases.slug_id).where(
        releases.id.in_(sa.select(dynos.release_id)), releases.slug_id.is_not(None)
    )
    return kept | set(tx.connection.execute(running).scalars())
