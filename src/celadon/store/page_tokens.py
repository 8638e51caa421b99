"""Tokens of add-ons' pages, kept hashed, each until nobody has used it for a while."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from celadon.store import tables
from celadon.store.database import Transaction
from celadon.store.secrets import hash_token

_t = tables.page_tokens


class Opened(NamedTuple):
    """Who looks at the page of which add-on of which app."""

    account_id: str
    app_id: str
    addon_id: str


def insert(tx: Transaction, token: str, opened: Opened, expires_at: datetime) -> None:
    values = {"token_hash": hash_token(token), **opened._asdict(), "expires_at": expires_at}
    tx.connection.execute(_t.insert(), values)


def use(tx: Transaction, token: str, now: datetime, until: datetime) -> Opened | None:
    """What a token opens, which it does until then from now on; None when it has run out or never was."""
    same = sa.and_(_t.c.token_hash == hash_token(token), _t.c.expires_at > now)
    row = tx.connection.execute(
        _t.update().where(same).values(expires_at=until).returning(_t.c.account_id, _t.c.app_id, _t.c.addon_id)
    ).one_or_none()
    return None if row is None else Opened(*row)


def delete_of(tx: Transaction, addon_id: str) -> None:
    """All of an add-on that is no more."""
    tx.connection.execute(_t.delete().where(_t.c.addon_id == addon_id))


def prune(tx: Transaction, now: datetime) -> None:
    tx.connection.execute(_t.delete().where(_t.c.expires_at <= now))
