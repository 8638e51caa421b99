"""Exec sessions: rows of what somebody runs in a dyno beside its process. Actions make them, the dynos role ends them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.exec_session import ExecSession
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.exec_sessions


def insert(tx: Transaction, session: ExecSession) -> None:
    tx.connection.execute(_t.insert(), rows.to_row(session) | {"env": rows.sealed(tx, session.env)})


def find(tx: Transaction, app_id: str, session_id: str) -> ExecSession | None:
    found = _every(tx, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == session_id))
    return found[0] if found else None


def find_by_secret_hash(tx: Transaction, secret_hash: str) -> ExecSession | None:
    found = _every(tx, sa.select(_t).where(_t.c.secret_hash == secret_hash))
    return found[0] if found else None


def list_of(tx: Transaction, dyno_id: str) -> list[ExecSession]:
    return _every(tx, sa.select(_t).where(_t.c.dyno_id == dyno_id))


def list_met(tx: Transaction) -> list[ExecSession]:
    """Those whose client has come."""
    return _every(tx, sa.select(_t).where(_t.c.met_at.is_not(None)))


def meet(tx: Transaction, session_id: str, now: datetime, late: datetime) -> bool:
    """Its client has come; False when another one had, or when it was made at `late` or before."""
    mine = sa.and_(_t.c.id == session_id, _t.c.met_at.is_(None), _t.c.created_at > late)
    return bool(tx.connection.execute(_t.update().where(mine).values(met_at=now)).rowcount)


def set_env(tx: Transaction, session_id: str, env: Mapping[str, str]) -> None:
    rows.update(tx, _t, session_id, env=rows.sealed(tx, env))


def delete(tx: Transaction, session_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == session_id))


def delete_met(tx: Transaction) -> None:
    """All whose client had come: to a role that is no more."""
    tx.connection.execute(_t.delete().where(_t.c.met_at.is_not(None)))


def delete_late(tx: Transaction, late: datetime) -> None:
    """All that were made then or before, and whose client has not come."""
    tx.connection.execute(_t.delete().where(_t.c.met_at.is_(None), _t.c.created_at <= late))


def _every(tx: Transaction, query: sa.Select[Any]) -> list[ExecSession]:
    return [
        ExecSession(**{**row, "env": rows.opened(tx, row["env"])}) for row in tx.connection.execute(query).mappings()
    ]
