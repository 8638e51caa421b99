"""Repositories of apps: what is asked of them, and what was pushed. The git itself is a blob."""

from typing import Any

import sqlalchemy as sa

from celadon.model.app import App
from celadon.model.repository import Repository
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.repositories
_apps = tables.apps


def find(tx: Transaction, app_id: str) -> Repository:
    """An app whose repository nobody has used yet has one like any other."""
    return rows.one(tx, Repository, sa.select(_t).where(_t.c.app_id == app_id)) or Repository(app_id=app_id)


def update(tx: Transaction, app_id: str, **values: Any) -> None:
    """Change columns; the caller has the app's row locked, so that nobody else makes the first row."""
    if not tx.connection.execute(_t.update().where(_t.c.app_id == app_id).values(**values)).rowcount:
        tx.connection.execute(_t.insert().values(app_id=app_id, **values))


def list_to_reset(tx: Transaction) -> list[App]:
    """Apps whose repository is to be reset."""
    return _apps_with(tx, _t.c.reset_requested)


def list_to_pack(tx: Transaction) -> list[App]:
    """Apps whose repository is to be packed."""
    return _apps_with(tx, _t.c.gc_requested)


def _apps_with(tx: Transaction, asked: sa.ColumnElement[bool]) -> list[App]:
    query = sa.select(_apps).join(_t, _t.c.app_id == _apps.c.id)
    return rows.every(tx, App, query.where(_apps.c.deleted_at.is_(None), asked))


def list_pushed(tx: Transaction) -> list[Repository]:
    """Those of apps that are there to which something was pushed since they were packed, the most pushes first."""
    query = sa.select(_t).join(_apps, _t.c.app_id == _apps.c.id)
    pushed = query.where(_apps.c.deleted_at.is_(None), _t.c.pushes > 0)
    return rows.every(tx, Repository, pushed.order_by(_t.c.pushes.desc()))
