"""Links that sign somebody on to an add-on: of their secrets the hashes, each good once and soon."""

from dataclasses import dataclass
from datetime import datetime

from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.addon_sign_ons


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`app_id` is the app that the account comes from."""

    token_hash: str
    addon_id: str
    app_id: str
    account_id: str
    expires_at: datetime


def insert(tx: Transaction, link: Link) -> None:
    rows.insert(tx, _t, link)


def take(tx: Transaction, token_hash: str, now: datetime) -> Link | None:
    """The link of this secret, which is no more after that; None when it is used or old."""
    found = rows.one(tx, Link, _t.select().where(_t.c.token_hash == token_hash, _t.c.expires_at > now))
    gone = tx.connection.execute(_t.delete().where(_t.c.token_hash == token_hash)).rowcount
    return found if gone else None


def prune(tx: Transaction, now: datetime) -> None:
    """Forget links that nobody has used in time."""
    tx.connection.execute(_t.delete().where(_t.c.expires_at <= now))
