"""Sessions of browsers, and command lines that wait for one."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.session import BrowserLogin, Session
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.sessions
_b = tables.browser_logins


def find(tx: Transaction, account_id: str, session_id: str) -> Session | None:
    return rows.one(tx, Session, sa.select(_t).where(_t.c.account_id == account_id, _t.c.id == session_id))


def list_of(tx: Transaction, account_id: str, now: datetime) -> list[Session]:
    query = sa.select(_t).where(_t.c.account_id == account_id, _t.c.expires_at > now).order_by(_t.c.created_at)
    return rows.every(tx, Session, query)


def insert(tx: Transaction, session: Session) -> None:
    rows.insert(tx, _t, session)


def delete(tx: Transaction, session_id: str) -> None:
    """The session and all it has authorized."""
    tx.connection.execute(tables.authorizations.delete().where(tables.authorizations.c.session_id == session_id))
    tx.connection.execute(_t.delete().where(_t.c.id == session_id))


def delete_of(tx: Transaction, account_id: str, keep: str | None = None) -> None:
    """All sessions of an account but one to keep; their authorizations are the caller's to delete."""
    query = _t.delete().where(_t.c.account_id == account_id)
    tx.connection.execute(query if keep is None else query.where(_t.c.id != keep))


def find_login(tx: Transaction, login_id: str, now: datetime) -> BrowserLogin | None:
    """The log-in while it lasts."""
    return rows.one(tx, BrowserLogin, sa.select(_b).where(_b.c.id == login_id, _b.c.expires_at > now))


def insert_login(tx: Transaction, login: BrowserLogin) -> None:
    rows.insert(tx, _b, login)


def answer_login(tx: Transaction, login_id: str, answer: str) -> bool:
    """Say what became of a log-in; False when that was said already."""
    where = sa.and_(_b.c.id == login_id, _b.c.answer.is_(None))
    done = tx.connection.execute(_b.update().where(where).values(answer=tx.secrets.encrypt(answer)))
    return bool(done.rowcount)


def delete_login(tx: Transaction, login_id: str) -> None:
    tx.connection.execute(_b.delete().where(_b.c.id == login_id))


def prune(tx: Transaction, now: datetime) -> None:
    """Forget what has run out."""
    ended = sa.select(_t.c.id).where(_t.c.expires_at <= now)
    tx.connection.execute(tables.authorizations.delete().where(tables.authorizations.c.session_id.in_(ended)))
    for table in (_t, _b):
        tx.connection.execute(table.delete().where(table.c.expires_at <= now))
