"""Releases."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.release import Release, ReleaseStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.releases
_OF_APP = sa.select(_t).where(_t.c.app_id == sa.bindparam("app_id")).order_by(_t.c.version.desc()).limit(1)


def find(tx: Transaction, app_id: str, id_or_version: str) -> Release | None:
    """By id, by `v12` or by `12`."""
    version = id_or_version.removeprefix("v")
    same = _t.c.version == int(version) if version.isdecimal() and len(version) < 10 else _t.c.id == id_or_version
    return rows.one(tx, Release, sa.select(_t).where(_t.c.app_id == app_id, same))


def find_by_id(tx: Transaction, release_id: str) -> Release | None:
    return rows.one(tx, Release, sa.select(_t).where(_t.c.id == release_id))


def newest(tx: Transaction, app_id: str) -> Release | None:
    """The release with the highest version, whatever its status: its config is what a change of config starts from."""
    return rows.one(tx, Release, _OF_APP, app_id=app_id)


def current(tx: Transaction, app_id: str) -> Release | None:
    """The release the formation follows: the newest that succeeded."""
    query = sa.select(_t).where(_t.c.app_id == app_id, _t.c.status == ReleaseStatus.SUCCEEDED)
    return rows.one(tx, Release, query.order_by(_t.c.version.desc()).limit(1))


def before(tx: Transaction, release: Release) -> Release | None:
    """The release that served until this one came."""
    earlier = sa.and_(_t.c.app_id == release.app_id, _t.c.version < release.version)
    succeeded = _t.c.status == ReleaseStatus.SUCCEEDED
    return rows.one(tx, Release, sa.select(_t).where(earlier, succeeded).order_by(_t.c.version.desc()).limit(1))


def current_of_all(tx: Transaction) -> dict[str, Release]:
    """App id → the release its formation follows."""
    newest_version = (
        sa.select(_t.c.app_id, sa.func.max(_t.c.version).label("version"))
        .where(_t.c.status == ReleaseStatus.SUCCEEDED)
        .group_by(_t.c.app_id)
        .subquery()
    )
    same = sa.and_(_t.c.app_id == newest_version.c.app_id, _t.c.version == newest_version.c.version)
    query = sa.select(_t).join(newest_version, same).join(tables.apps, tables.apps.c.id == _t.c.app_id)
    found = rows.every(tx, Release, query.where(tables.apps.c.deleted_at.is_(None)))
    return {release.app_id: release for release in found}


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Release]:
    return {release.id: release for release in rows.every(tx, Release, sa.select(_t).where(_t.c.id.in_(ids)))}


def list_pending(tx: Transaction) -> list[Release]:
    """Releases whose phase has not ended, of apps that are there."""
    query = sa.select(_t).join(tables.apps, tables.apps.c.id == _t.c.app_id)
    pending = sa.and_(_t.c.status == ReleaseStatus.PENDING, tables.apps.c.deleted_at.is_(None))
    return rows.every(tx, Release, query.where(pending).order_by(_t.c.created_at))


def list_of(tx: Transaction, app_id: str) -> list[Release]:
    return rows.every(tx, Release, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.version))


def insert(tx: Transaction, release: Release) -> None:
    rows.insert(tx, _t, release)


def update(tx: Transaction, release_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, release_id, updated_at=now, **values)
