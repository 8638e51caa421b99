"""Builds."""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from celadon.model.build import Build, BuildStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.builds
_logins = tables.registry_logins


def find(tx: Transaction, app_id: str, build_id: str) -> Build | None:
    return rows.one(tx, Build, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == build_id))


def find_by_id(tx: Transaction, build_id: str) -> Build | None:
    return rows.one(tx, Build, sa.select(_t).where(_t.c.id == build_id))


def find_by_output_key(tx: Transaction, output_key: str) -> Build | None:
    return rows.one(tx, Build, sa.select(_t).where(_t.c.output_key == output_key))


def find_of_release(tx: Transaction, app_id: str, release_id: str) -> Build | None:
    """The build that made a release; None for one that came otherwise."""
    return rows.one(tx, Build, sa.select(_t).where(_t.c.app_id == app_id, _t.c.release_id == release_id))


def pending_of(tx: Transaction, app_id: str) -> Build | None:
    """The app's build that waits or runs: there is at most one."""
    return rows.one(tx, Build, sa.select(_t).where(_t.c.app_id == app_id, _t.c.status == BuildStatus.PENDING))


def list_pending(tx: Transaction) -> list[Build]:
    return rows.every(tx, Build, sa.select(_t).where(_t.c.status == BuildStatus.PENDING).order_by(_t.c.created_at))


def list_of(tx: Transaction, app_id: str) -> list[Build]:
    return rows.every(tx, Build, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.created_at))


def by_ids(tx: Transaction, ids: Collection[str]) -> dict[str, Build]:
    return {build.id: build for build in rows.every(tx, Build, sa.select(_t).where(_t.c.id.in_(ids)))}


def insert(tx: Transaction, build: Build) -> None:
    rows.insert(tx, _t, build)


def keep_login(tx: Transaction, build_id: str, login: Mapping[str, str]) -> None:
    """Keep, encrypted, what an import fetches its image with."""
    tx.connection.execute(_logins.insert(), {"build_id": build_id, "login": rows.sealed(tx, login)})


def login_of(tx: Transaction, build_id: str) -> dict[str, str]:
    """Empty for an import without a login, and when it is over."""
    found = tx.connection.execute(sa.select(_logins.c.login).where(_logins.c.build_id == build_id)).scalar()
    return rows.opened(tx, found) if found else {}


def forget_login(tx: Transaction, build_id: str) -> None:
    tx.connection.execute(_logins.delete().where(_logins.c.build_id == build_id))


def update(tx: Transaction, build_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, build_id, updated_at=now, **values)
