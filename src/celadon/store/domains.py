"""Domains of apps; a destroyed app has none."""

from collections.abc import Collection

import sqlalchemy as sa

from celadon.model.domain import Domain
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.domains


def list_of(tx: Transaction, app_id: str) -> list[Domain]:
    return rows.every(tx, Domain, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.hostname))


def find(tx: Transaction, app_id: str, id_or_hostname: str) -> Domain | None:
    same = sa.or_(_t.c.id == id_or_hostname, _t.c.hostname == id_or_hostname)
    return rows.one(tx, Domain, sa.select(_t).where(_t.c.app_id == app_id, same))


def apps_by_hostname(tx: Transaction) -> dict[str, str]:
    """Host name → app id, of all."""
    return {row.hostname: row.app_id for row in tx.connection.execute(sa.select(_t.c.hostname, _t.c.app_id))}


def owners(tx: Transaction, hostnames: Collection[str], below: str | None) -> list[tuple[str, str]]:
    """Those of these names that are in use, and all names under `below`, each with the id of its app's owner."""
    apps = tables.apps.c
    named: sa.ColumnElement[bool] = _t.c.hostname.in_(hostnames)
    if below is not None:
        named = sa.or_(named, _t.c.hostname == below, _t.c.hostname.endswith(f".{below}", autoescape=True))
    query = sa.select(_t.c.hostname, apps.owner_id).join(tables.apps, apps.id == _t.c.app_id).where(named)
    return [(row.hostname, row.owner_id) for row in tx.connection.execute(query)]


def insert(tx: Transaction, domain: Domain) -> None:
    rows.insert(tx, _t, domain)


def delete(tx: Transaction, domain_ids: Collection[str]) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id.in_(domain_ids)))
