"""Databases of heroku-postgresql and their credentials, whose passwords are encrypted."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.engine import Engine, EngineState
from celadon.model.postgres_database import Credential, CredentialState, Origin, PostgresDatabase, Step
from celadon.store import engines, rows, tables
from celadon.store.database import Transaction

_t = tables.postgres_databases
_c = tables.postgres_credentials
_e = tables.engines
_shown = [column for column in _c.c if column.name not in ("password", "pending")]


def find(tx: Transaction, addon_id: str) -> PostgresDatabase | None:
    return rows.one(tx, PostgresDatabase, sa.select(_t).where(_t.c.addon_id == addon_id))


def list_all(tx: Transaction) -> list[PostgresDatabase]:
    return rows.every(tx, PostgresDatabase, sa.select(_t).order_by(_t.c.created_at))


def list_running(tx: Transaction, *, own: bool = False) -> list[tuple[PostgresDatabase, Engine]]:
    """Those that are available, with the engines they are in, that are to run; with `own`, not those in shared ones."""
    running = sa.and_(_t.c.step == Step.AVAILABLE, _e.c.state == EngineState.RUNNING)
    return _with_engines(tx, running, *([_e.c.shared.is_(False)] if own else []))


def list_following(tx: Transaction) -> list[tuple[PostgresDatabase, Engine]]:
    """The followers that are available, with their engines."""
    return _with_engines(tx, _t.c.step == Step.AVAILABLE, _t.c.origin == Origin.FOLLOW)


def list_followers(tx: Transaction, addon_id: str) -> list[tuple[PostgresDatabase, Engine]]:
    """What follows this one, at whatever step, with their engines."""
    return _with_engines(tx, _t.c.source_id == addon_id, _t.c.origin == Origin.FOLLOW)


def list_unfinished(tx: Transaction) -> list[str]:
    """The add-ons of followers that are to follow no longer, or are made anew; so is one whose leader is gone."""
    leader = _t.alias()
    lost = sa.or_(leader.c.addon_id.is_(None), leader.c.step == Step.REMOVING)
    wanted = sa.or_(_t.c.step.in_((Step.PROMOTING, Step.REBUILDING)), sa.and_(_t.c.step == Step.AVAILABLE, lost))
    joined = sa.select(_t.c.addon_id).join_from(_t, leader, leader.c.addon_id == _t.c.source_id, isouter=True)
    query = joined.where(_t.c.origin == Origin.FOLLOW, wanted).order_by(_t.c.created_at)
    return [str(addon_id) for (addon_id,) in tx.connection.execute(query)]


def _with_engines(tx: Transaction, *wanted: sa.ColumnElement[bool]) -> list[tuple[PostgresDatabase, Engine]]:
    joined = sa.select(*_t.c, *engines.SHOWN).join_from(_t, _e, _e.c.id == _t.c.engine_id)
    found = rows.pairs(tx, (PostgresDatabase, Engine), joined.where(*wanted).order_by(_t.c.created_at))
    return [(database, engine) for database, engine in found if engine is not None]


def of_engine(tx: Transaction, engine_id: str) -> list[PostgresDatabase]:
    return rows.every(tx, PostgresDatabase, sa.select(_t).where(_t.c.engine_id == engine_id).order_by(_t.c.created_at))


def made_from(tx: Transaction, addon_id: str) -> list[PostgresDatabase]:
    """Those that were copied from this one or follow it."""
    return rows.every(tx, PostgresDatabase, sa.select(_t).where(_t.c.source_id == addon_id).order_by(_t.c.created_at))


def lock(tx: Transaction, addon_id: str) -> PostgresDatabase | None:
    """Nobody else changes it or its credentials until the end of the transaction."""
    return rows.one(tx, PostgresDatabase, sa.select(_t).where(_t.c.addon_id == addon_id).with_for_update())


def engines_of(tx: Transaction) -> dict[str, list[Engine]]:
    """Add-on id → the engines its database is on, both nodes of a pair."""
    by_id = {engine.id: engine for engine in engines.list_all(tx)}
    found = {one.addon_id: by_id[one.engine_id] for one in list_all(tx)}
    return {
        addon_id: [one for one in by_id.values() if one.pair == engine.pair] if engine.pair else [engine]
        for addon_id, engine in found.items()
    }


def insert(tx: Transaction, found: PostgresDatabase) -> None:
    rows.insert(tx, _t, found)


def update(tx: Transaction, addon_id: str, *, now: datetime, **values: object) -> None:
    tx.connection.execute(_t.update().where(_t.c.addon_id == addon_id).values(updated_at=now, **values))


def delete(tx: Transaction, addon_id: str) -> None:
    """With its credentials."""
    tx.connection.execute(_c.delete().where(_c.c.addon_id == addon_id))
    tx.connection.execute(_t.delete().where(_t.c.addon_id == addon_id))


def credentials(tx: Transaction, addon_id: str) -> list[Credential]:
    """The default one first."""
    query = sa.select(*_shown).where(_c.c.addon_id == addon_id).order_by(_c.c.created_at, _c.c.name)
    return sorted(rows.every(tx, Credential, query), key=lambda one: not one.default)


def credential(tx: Transaction, addon_id: str, name: str) -> Credential | None:
    return rows.one(tx, Credential, sa.select(*_shown).where(_c.c.addon_id == addon_id, _c.c.name == name))


def unsettled(tx: Transaction) -> list[str]:
    """The add-ons of databases that are available and have a credential that there is work on."""
    waiting = sa.or_(_c.c.state != CredentialState.ACTIVE, _c.c.cut_at.is_not(None))
    joined = sa.select(_c.c.addon_id).join_from(_c, _t, _t.c.addon_id == _c.c.addon_id)
    query = joined.where(_t.c.step == Step.AVAILABLE, waiting).distinct().order_by(_c.c.addon_id)
    return [str(addon_id) for (addon_id,) in tx.connection.execute(query)]


def password(tx: Transaction, addon_id: str, name: str) -> str | None:
    """Raises SecretsError."""
    return _opened(tx, _c.c.password, addon_id, name)


def pending(tx: Transaction, addon_id: str, name: str) -> str | None:
    """The password that it is getting; None when it keeps the one it has. Raises SecretsError."""
    return _opened(tx, _c.c.pending, addon_id, name)


def _opened(tx: Transaction, column: sa.Column[bytes], addon_id: str, name: str) -> str | None:
    query = sa.select(column).where(_c.c.addon_id == addon_id, _c.c.name == name)
    found = tx.connection.execute(query).scalar_one_or_none()
    return None if found is None else tx.secrets.decrypt(found)


def put_credential(tx: Transaction, credential: Credential, password: str, pending: str | None = None) -> None:
    """Add it, or replace the one of its name."""
    remove_credential(tx, credential.addon_id, credential.name)
    waiting = None if pending is None else tx.secrets.encrypt(pending)
    values = {**rows.to_row(credential), "password": tx.secrets.encrypt(password), "pending": waiting}
    tx.connection.execute(_c.insert(), values)


def update_credential(tx: Transaction, addon_id: str, name: str, **values: object) -> None:
    tx.connection.execute(_c.update().where(_c.c.addon_id == addon_id, _c.c.name == name).values(**values))


def remove_credential(tx: Transaction, addon_id: str, name: str) -> None:
    tx.connection.execute(_c.delete().where(_c.c.addon_id == addon_id, _c.c.name == name))
