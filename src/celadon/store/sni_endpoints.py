"""SNI endpoints: certificates of apps. The private key is encrypted and read by itself, by who serves it."""

from collections.abc import Collection

import sqlalchemy as sa

from celadon.model.sni_endpoint import SniEndpoint
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.sni_endpoints
_shown = [column for column in _t.c if column.name != "private_key"]


def list_of(tx: Transaction, app_id: str) -> list[SniEndpoint]:
    query = sa.select(*_shown).where(_t.c.app_id == app_id).order_by(_t.c.created_at, _t.c.id)
    return rows.every(tx, SniEndpoint, query)


def find(tx: Transaction, app_id: str, id_or_name: str) -> SniEndpoint | None:
    same = sa.or_(_t.c.id == id_or_name, _t.c.name == id_or_name)
    return rows.one(tx, SniEndpoint, sa.select(*_shown).where(_t.c.app_id == app_id, same))


def fingerprints(tx: Transaction) -> dict[str, str]:
    """SNI endpoint id → what is another for every other chain, of all."""
    return {row.id: row.fingerprint for row in tx.connection.execute(sa.select(_t.c.id, _t.c.fingerprint))}


def names(tx: Transaction, app_id: str) -> dict[str, str]:
    """SNI endpoint id → name, of an app."""
    query = sa.select(_t.c.id, _t.c.name).where(_t.c.app_id == app_id)
    return {row.id: row.name for row in tx.connection.execute(query)}


def pem(tx: Transaction, sni_endpoint_id: str) -> str | None:
    """Private key and chain; None when the endpoint is gone. Raises SecretsError."""
    query = sa.select(_t.c.private_key, _t.c.certificate_chain).where(_t.c.id == sni_endpoint_id)
    found = tx.connection.execute(query).one_or_none()
    return None if found is None else tx.secrets.decrypt(found.private_key) + str(found.certificate_chain)


def insert(tx: Transaction, endpoint: SniEndpoint, private_key: str) -> None:
    tx.connection.execute(_t.insert().values(**_values(tx, endpoint, private_key)))


def replace(tx: Transaction, endpoint: SniEndpoint, private_key: str) -> None:
    """Another certificate in the place of the one that was there."""
    tx.connection.execute(_t.update().where(_t.c.id == endpoint.id).values(**_values(tx, endpoint, private_key)))


def _values(tx: Transaction, endpoint: SniEndpoint, private_key: str) -> dict[str, object]:
    return {**rows.to_row(endpoint), "private_key": tx.secrets.encrypt(private_key)}


def delete(tx: Transaction, sni_endpoint_ids: Collection[str]) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id.in_(sni_endpoint_ids)))
