"""Authorizations: tokens with scopes, known by their hash."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.account import Account, Authorization
from celadon.model.addon import PARTNER_SCOPE, AddOnState
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.authorizations
_addons = tables.addons
# As it is stored.
_scope = sa.type_coerce(_t.c.scope, sa.Text)
_OF_TOKEN = (
    sa.select(_t, tables.accounts)
    .join(tables.accounts, tables.accounts.c.id == _t.c.account_id)
    .where(_t.c.token_hash == sa.bindparam("hash"))
)


def find(tx: Transaction, account_id: str, authorization_id: str) -> Authorization | None:
    query = sa.select(_t).where(_t.c.account_id == account_id, _t.c.id == authorization_id)
    return rows.one(tx, Authorization, query)


def find_by_token_hash(tx: Transaction, token_hash: str) -> tuple[Authorization, Account | None] | None:
    """The authorization and whose it is: one query, for each request begins with it."""
    found = rows.pairs(tx, (Authorization, Account), _OF_TOKEN, hash=token_hash)
    return found[0] if found else None


def list_of(tx: Transaction, account_id: str) -> list[Authorization]:
    return rows.every(tx, Authorization, sa.select(_t).where(_t.c.account_id == account_id).order_by(_t.c.created_at))


def insert(tx: Transaction, authorization: Authorization) -> None:
    rows.insert(tx, _t, authorization)


def delete(tx: Transaction, authorization_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == authorization_id))


def find_by_refresh_hash(tx: Transaction, refresh_hash: str) -> Authorization | None:
    return rows.one(tx, Authorization, sa.select(_t).where(_t.c.refresh_hash == refresh_hash).with_for_update())


def find_by_grant_hash(tx: Transaction, grant_hash: str, now: datetime) -> Authorization | None:
    """The authorization of this code while the code lasts, its row locked: whoever comes second finds it used."""
    query = sa.select(_t).where(_t.c.grant_hash == grant_hash, _t.c.grant_expires_at > now)
    return rows.one(tx, Authorization, query.with_for_update())


def update(tx: Transaction, authorization_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, authorization_id, updated_at=now, **values)


def delete_of(tx: Transaction, account_id: str, keep: str | None = None) -> None:
    """All of an account, but one to keep."""
    query = _t.delete().where(_t.c.account_id == account_id)
    tx.connection.execute(query if keep is None else query.where(_t.c.id != keep))


def delete_of_partner(tx: Transaction, addon_id: str) -> None:
    """Those of an add-on's provider."""
    tx.connection.execute(_t.delete().where(_scope == f'["{PARTNER_SCOPE}{addon_id}"]'))


def prune_of_partners(tx: Transaction) -> None:
    """Forget those of the providers of add-ons that are gone."""
    here = sa.select(sa.literal(f'["{PARTNER_SCOPE}') + _addons.c.id + '"]').where(
        _addons.c.state != AddOnState.DEPROVISIONED
    )
    tx.connection.execute(_t.delete().where(_scope.like(f'["{PARTNER_SCOPE}%'), _scope.not_in(here)))


def prune(tx: Transaction, before: datetime) -> None:
    """Forget tokens that have run out and that nobody can refresh."""
    tx.connection.execute(_t.delete().where(_t.c.expires_at < before, _t.c.refresh_hash.is_(None)))
