"""Invitations to make an account, and what else a link in a mail confirms."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.invitation import Confirmation, Invitation, Purpose
from celadon.store import rows, secrets, tables
from celadon.store.database import Transaction

_t = tables.invitations
_c = tables.confirmations


def find_by_email(tx: Transaction, email: str) -> Invitation | None:
    return rows.one(tx, Invitation, sa.select(_t).where(_t.c.email == email))


def find_by_token(tx: Transaction, token: str, now: datetime) -> Invitation | None:
    """The invitation of this token while it lasts."""
    query = sa.select(_t).where(_t.c.token_hash == secrets.hash_token(token), _t.c.expires_at > now)
    return rows.one(tx, Invitation, query)


def list_by(tx: Transaction, account_id: str | None, now: datetime) -> list[Invitation]:
    """Those that still hold, by who has invited (None: of everybody), the newest first."""
    query = sa.select(_t).where(_t.c.expires_at > now).order_by(_t.c.created_at.desc())
    return rows.every(tx, Invitation, query if account_id is None else query.where(_t.c.invited_by == account_id))


def replace(tx: Transaction, invitation: Invitation) -> None:
    """Keep it as the only one of its address."""
    delete(tx, invitation.email)
    rows.insert(tx, _t, invitation)


def delete(tx: Transaction, email: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.email == email))


def insert_confirmation(tx: Transaction, confirmation: Confirmation) -> None:
    rows.insert(tx, _c, confirmation)


def confirmation_by_token(tx: Transaction, purpose: Purpose, token: str, now: datetime) -> Confirmation | None:
    """The confirmation of this token while it lasts, its row locked: whoever comes second finds it gone."""
    same = sa.and_(_c.c.token_hash == secrets.hash_token(token), _c.c.purpose == purpose, _c.c.expires_at > now)
    return rows.one(tx, Confirmation, sa.select(_c).where(same).with_for_update())


def latest_confirmation(tx: Transaction, account_id: str, purpose: Purpose) -> Confirmation | None:
    query = sa.select(_c).where(_c.c.account_id == account_id, _c.c.purpose == purpose)
    return rows.one(tx, Confirmation, query.order_by(_c.c.created_at.desc()))


def delete_confirmations(tx: Transaction, account_id: str, purpose: Purpose | None = None) -> None:
    """All of an account, or those of one purpose."""
    query = _c.delete().where(_c.c.account_id == account_id)
    tx.connection.execute(query if purpose is None else query.where(_c.c.purpose == purpose))


def prune(tx: Transaction, now: datetime) -> None:
    """Forget what has run out."""
    for table in (_t, _c):
        tx.connection.execute(table.delete().where(table.c.expires_at <= now))
