"""OAuth clients."""

import dataclasses
from datetime import datetime

import sqlalchemy as sa

from celadon.model.oauth_client import OauthClient
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.oauth_clients


def find(tx: Transaction, client_id: str) -> OauthClient | None:
    """Whoever's client this is: others authorize it."""
    found = rows.one(tx, OauthClient, sa.select(_t).where(_t.c.id == client_id))
    return _opened(tx, found) if found else None


def list_of(tx: Transaction, account_id: str) -> list[OauthClient]:
    query = sa.select(_t).where(_t.c.account_id == account_id).order_by(_t.c.created_at)
    return [_opened(tx, client) for client in rows.every(tx, OauthClient, query)]


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, OauthClient]:
    query = sa.select(_t).where(_t.c.id.in_(ids))
    return {client.id: _opened(tx, client) for client in rows.every(tx, OauthClient, query)} if ids else {}


def insert(tx: Transaction, client: OauthClient) -> None:
    tx.connection.execute(_t.insert().values({**rows.to_row(client), "secret": tx.secrets.encrypt(client.secret)}))


def update(tx: Transaction, client_id: str, *, now: datetime, secret: str | None = None, **values: object) -> None:
    if secret is not None:
        values["secret"] = tx.secrets.encrypt(secret)
    rows.update(tx, _t, client_id, updated_at=now, **values)


def delete(tx: Transaction, client_id: str) -> None:
    """The client, and what accounts have authorized it for."""
    tx.connection.execute(tables.authorizations.delete().where(tables.authorizations.c.client_id == client_id))
    tx.connection.execute(_t.delete().where(_t.c.id == client_id))


def _opened(tx: Transaction, client: OauthClient) -> OauthClient:
    return dataclasses.replace(client, secret=tx.secrets.decrypt(client.secret))  # type: ignore[arg-type]
