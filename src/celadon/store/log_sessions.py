"""Log sessions: who may read an app's lines for a while, by a secret in a URL."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from celadon.model.guest import Guest
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.log_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSession:
    """`lines` of backlog, then live ones when `tail`; `dyno` and `source` filter; the URL holds the secret.

    With `grep` (an extended regular expression), `request_id` or `since` it is all that is kept that is looked through.
    """

    id: str
    app_id: str
    account_id: str
    authorization_id: str | None
    secret_hash: str
    lines: int
    tail: bool
    dyno: str | None
    source: str | None
    grep: str | None
    request_id: str | None
    since: datetime | None
    created_at: datetime
    expires_at: datetime

    @property
    def guest(self) -> Guest:
        """Who reads by it."""
        return Guest(account_id=self.account_id, authorization_id=self.authorization_id, app_id=self.app_id)


def insert(tx: Transaction, session: LogSession) -> None:
    rows.insert(tx, _t, session)


def find_by_secret(tx: Transaction, secret: str, now: datetime) -> LogSession | None:
    """The session of this secret while it lasts."""
    secret_hash = hashlib.sha256(secret.encode()).hexdigest()
    return rows.one(tx, LogSession, sa.select(_t).where(_t.c.secret_hash == secret_hash, _t.c.expires_at > now))


def prune(tx: Transaction, now: datetime) -> None:
    tx.connection.execute(_t.delete().where(_t.c.expires_at <= now))
