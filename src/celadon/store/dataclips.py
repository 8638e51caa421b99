"""Dataclips, their versions and last results. Queries, links and results are encrypted; a link is found by its hash."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.dataclip import MOST_VERSIONS, Dataclip, Result, Version
from celadon.store import rows, tables
from celadon.store.database import Transaction
from celadon.store.secrets import hash_token

_t = tables.dataclips
_versions = tables.dataclip_versions
_results = tables.dataclip_results


def list_of_addons(tx: Transaction, addon_ids: Collection[str]) -> list[Dataclip]:
    """Oldest first."""
    query = sa.select(_t).where(_t.c.addon_id.in_(addon_ids)).order_by(_t.c.created_at, _t.c.id)
    return [_dataclip(tx, row) for row in tx.connection.execute(query).mappings()]


def count_of_addon(tx: Transaction, addon_id: str) -> int:
    query = sa.select(sa.func.count()).select_from(_t).where(_t.c.addon_id == addon_id)
    return int(tx.connection.execute(query).scalar_one())


def find(tx: Transaction, dataclip_id: str) -> Dataclip | None:
    return _one(tx, _t.c.id == dataclip_id)


def lock(tx: Transaction, dataclip_id: str) -> Dataclip | None:
    """Its row locked until the transaction ends."""
    row = tx.connection.execute(sa.select(_t).where(_t.c.id == dataclip_id).with_for_update()).mappings().first()
    return None if row is None else _dataclip(tx, row)


def find_by_link(tx: Transaction, link: str) -> Dataclip | None:
    """By a link that has not been revoked."""
    return _one(tx, _t.c.link_hash == hash_token(link))


def _one(tx: Transaction, condition: sa.ColumnElement[bool]) -> Dataclip | None:
    row = tx.connection.execute(sa.select(_t).where(condition)).mappings().first()
    return None if row is None else _dataclip(tx, row)


def insert(tx: Transaction, dataclip: Dataclip) -> None:
    """A new one, not shared yet."""
    values = {**rows.to_row(dataclip), "query": tx.secrets.encrypt(dataclip.query), "link": None, "link_hash": None}
    tx.connection.execute(_t.insert().values(values))


def update(tx: Transaction, dataclip_id: str, *, now: datetime, title: str, query: str, version: int) -> None:
    rows.update(tx, _t, dataclip_id, title=title, query=tx.secrets.encrypt(query), version=version, updated_at=now)


def move(tx: Transaction, dataclip_id: str, addon_id: str) -> None:
    """To another database; what it answered in the one before is forgotten."""
    tx.connection.execute(_t.update().where(_t.c.id == dataclip_id).values(addon_id=addon_id))
    tx.connection.execute(_results.delete().where(_results.c.dataclip_id == dataclip_id))


def share(tx: Transaction, dataclip_id: str, link: str, now: datetime) -> None:
    """By this link alone from now on."""
    sealed = tx.secrets.encrypt(link)
    rows.update(tx, _t, dataclip_id, link=sealed, link_hash=hash_token(link), shared_at=now, updated_at=now)


def revoke(tx: Transaction, dataclip_id: str, now: datetime) -> None:
    """Nothing is left of the link."""
    rows.update(tx, _t, dataclip_id, link=None, link_hash=None, revoked_at=now, updated_at=now)


def delete(tx: Transaction, dataclip_id: str) -> None:
    """With its versions and its result."""
    tx.connection.execute(_t.delete().where(_t.c.id == dataclip_id))


def versions(tx: Transaction, dataclip_id: str) -> list[Version]:
    """Newest first."""
    query = sa.select(_versions).where(_versions.c.dataclip_id == dataclip_id).order_by(_versions.c.version.desc())
    return [_version(tx, row) for row in tx.connection.execute(query).mappings()]


def insert_version(tx: Transaction, version: Version) -> None:
    """Keep one more; the oldest beyond what is kept is forgotten."""
    values = {**rows.to_row(version), "query": tx.secrets.encrypt(version.query)}
    tx.connection.execute(_versions.insert().values(values))
    older = _versions.c.version <= version.version - MOST_VERSIONS
    tx.connection.execute(_versions.delete().where(_versions.c.dataclip_id == version.dataclip_id, older))


def result(tx: Transaction, dataclip_id: str) -> Result | None:
    """The last one, of whichever version."""
    row = tx.connection.execute(sa.select(_results).where(_results.c.dataclip_id == dataclip_id)).mappings().first()
    return None if row is None else Result(**{**row, "content": tx.secrets.decrypt(row["content"])})


def set_result(tx: Transaction, found: Result) -> None:
    """In place of the last one; the caller has locked the clip."""
    tx.connection.execute(_results.delete().where(_results.c.dataclip_id == found.dataclip_id))
    values = {**rows.to_row(found), "content": tx.secrets.encrypt(found.content)}
    tx.connection.execute(_results.insert().values(values))


def _dataclip(tx: Transaction, row: Mapping[Any, Any]) -> Dataclip:
    values = {name: value for name, value in row.items() if name != "link_hash"}
    values["query"] = tx.secrets.decrypt(row["query"])
    values["link"] = tx.secrets.decrypt(row["link"]) if row["link"] else None
    return Dataclip(**values)


def _version(tx: Transaction, row: Mapping[Any, Any]) -> Version:
    return Version(**{**row, "query": tx.secrets.decrypt(row["query"])})
