"""Domains of apps; a destroyed app has none."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from celadon.model.domain import AcmStatus, Domain, DomainStatus
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


def served(tx: Transaction) -> dict[str, list[str]]:
    """SNI endpoint id → the host names it is served for, of all."""
    found: dict[str, list[str]] = {}
    query = sa.select(_t.c.sni_endpoint_id, _t.c.hostname).where(_t.c.sni_endpoint_id.is_not(None))
    for row in tx.connection.execute(query.order_by(_t.c.hostname)):
        found.setdefault(row.sni_endpoint_id, []).append(row.hostname)
    return found


def list_to_check(tx: Transaction, now: datetime, limit: int) -> list[Domain]:
    """Domains that DNS is to be asked about now, those never asked about first."""
    due = sa.or_(_t.c.check_at.is_(None), _t.c.check_at <= now)
    return rows.every(tx, Domain, sa.select(_t).where(due).order_by(_t.c.check_at.nulls_first()).limit(limit))


def list_for_acm(tx: Transaction, now: datetime, limit: int) -> list[tuple[Domain, str]]:
    """Domains of apps with automatic certificates that want one now, renewals first, each with its app's owner's id."""
    endpoints, apps = tables.sni_endpoints.c, tables.apps.c
    query = (
        sa.select(_t, apps.owner_id)
        .join(tables.apps, apps.id == _t.c.app_id)
        .outerjoin(tables.sni_endpoints, endpoints.id == _t.c.sni_endpoint_id)
        .where(apps.acm, apps.deleted_at.is_(None), _t.c.status == DomainStatus.SUCCEEDED)
        .where(sa.not_(_t.c.hostname.startswith("*.")))
        .where(sa.or_(endpoints.id.is_(None), sa.and_(endpoints.acm, endpoints.renew_at <= now)))
        .where(sa.or_(_t.c.acm_status.is_(None), _t.c.acm_status != AcmStatus.FAILED))
        .where(sa.or_(_t.c.acm_next_at.is_(None), _t.c.acm_next_at <= now))
        .order_by(endpoints.id.is_(None), _t.c.acm_next_at.nulls_first(), _t.c.created_at)
        .limit(limit)
    )
    found = [dict(row) for row in tx.connection.execute(query).mappings()]
    return [(Domain(**{column.name: row[column.name] for column in _t.c}), row["owner_id"]) for row in found]


def update(tx: Transaction, domain_id: str, **values: object) -> bool:
    return rows.update(tx, _t, domain_id, **values)


def set_status(tx: Transaction, domain_id: str, status: DomainStatus, now: datetime) -> bool:
    """What DNS says of a domain; True when that is another than before."""
    before = sa.and_(_t.c.id == domain_id, _t.c.status != status)
    return bool(tx.connection.execute(_t.update().where(before).values(status=status, updated_at=now)).rowcount)


def attach(tx: Transaction, domain_ids: Collection[str], sni_endpoint_id: str | None) -> None:
    """Serve this certificate for these domains, or none of the app's own."""
    tx.connection.execute(_t.update().where(_t.c.id.in_(domain_ids)).values(sni_endpoint_id=sni_endpoint_id))


def insert(tx: Transaction, domain: Domain) -> None:
    rows.insert(tx, _t, domain)


def delete(tx: Transaction, domain_ids: Collection[str]) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id.in_(domain_ids)))
