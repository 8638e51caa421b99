"""The outbox: letters that wait, and those that were sent for as long as they are kept."""

import dataclasses
from datetime import datetime

import sqlalchemy as sa

from celadon.model.mail import Mail
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.mails


def insert(tx: Transaction, mail: Mail) -> None:
    tx.connection.execute(_t.insert().values({**rows.to_row(mail), "text": tx.secrets.encrypt(mail.text)}))


def count_since(tx: Transaction, recipient: str, since: datetime, *, of_app: bool) -> int:
    """How many letters of that kind were written to this address since then."""
    same = sa.and_(_t.c.recipient == recipient, _t.c.of_app.is_(of_app))
    query = sa.select(sa.func.count()).where(same, _t.c.created_at > since)
    return int(tx.connection.execute(query).scalar_one())


def list_due(tx: Transaction, now: datetime, limit: int) -> list[Mail]:
    query = sa.select(_t).where(_t.c.sent_at.is_(None), _t.c.next_attempt_at <= now).order_by(_t.c.next_attempt_at)
    return _opened(tx, query.limit(limit))


def list_all(tx: Transaction) -> list[Mail]:
    """The newest first."""
    return _opened(tx, sa.select(_t).order_by(_t.c.created_at.desc(), _t.c.id).limit(1000))


def update(tx: Transaction, mail_id: str, **values: object) -> None:
    rows.update(tx, _t, mail_id, **values)


def prune(tx: Transaction, before: datetime) -> None:
    tx.connection.execute(_t.delete().where(_t.c.created_at < before))


def _opened(tx: Transaction, query: sa.Select[tuple[object, ...]]) -> list[Mail]:
    return [
        dataclasses.replace(mail, text=tx.secrets.decrypt(mail.text))  # type: ignore[arg-type]
        for mail in rows.every(tx, Mail, query)
    ]
