"""Add-on services of third parties. Their password and sign-on salt are encrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Transaction

_t = tables.addon_services


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Where a service's provider is and what it knows the platform by."""

    name: str
    base_url: str
    password: str = field(repr=False)
    sso_salt: str = field(repr=False)


def manifests(tx: Transaction) -> dict[str, Mapping[str, Any]]:
    """Name → manifest of each."""
    found = tx.connection.execute(sa.select(_t.c.name, _t.c.manifest).order_by(_t.c.name))
    return {row.name: row.manifest for row in found}


def credentials(tx: Transaction, name: str) -> Credentials | None:
    """None for a service that is not there; raises SecretsError."""
    row = tx.connection.execute(sa.select(_t).where(_t.c.name == name)).one_or_none()
    if row is None:
        return None
    password, salt = tx.secrets.decrypt(row.password), tx.secrets.decrypt(row.sso_salt)
    return Credentials(name=name, base_url=row.base_url, password=password, sso_salt=salt)


def put(tx: Transaction, service_id: str, manifest: Mapping[str, object], given: Credentials, *, now: datetime) -> None:
    """A service, or another version of it."""
    values = {
        "manifest": manifest,
        "base_url": given.base_url,
        "password": tx.secrets.encrypt(given.password),
        "sso_salt": tx.secrets.encrypt(given.sso_salt),
        "updated_at": now,
    }
    if not tx.connection.execute(_t.update().where(_t.c.name == given.name).values(values)).rowcount:
        tx.connection.execute(_t.insert().values(id=service_id, name=given.name, created_at=now, **values))


def delete(tx: Transaction, name: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.name == name))
