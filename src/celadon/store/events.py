"""Events: who did what."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from celadon.model.account import Actor
from celadon.model.event import Event
from celadon.model.webhook import DYNO_GONE, DYNO_STATE
from celadon.store import changes, rows, tables
from celadon.store.database import Transaction


def insert(
    tx: Transaction,
    action: str,
    *,
    app_id: str | None = None,
    by: Actor | None = None,
    resource_id: str | None = None,
    payload: Mapping[str, object] | None = None,
    line: str | None = None,
) -> None:
    """Keep that something happened, by whom and from where; `line` is what the app's log says of it and holds no secret."""
    event = Event(
        seq=changes.next_number(tx),
        app_id=app_id,
        account_id=by.account.id if by else None,
        action=action,
        resource_id=resource_id,
        payload=payload or {},
        line=line,
        at=datetime.now(UTC),
        address=by.address if by else None,
    )
    rows.insert(tx, tables.events, event)


def list_after(tx: Transaction, seq: int, limit: int = 1000) -> list[Event]:
    """Events with a number beyond `seq`, oldest first."""
    query = sa.select(tables.events).where(tables.events.c.seq > seq).order_by(tables.events.c.seq).limit(limit)
    return rows.every(tx, Event, query)


def numbers_of_app(
    tx: Transaction, app_id: str, nouns: Collection[str] = (), without: Collection[str] = ()
) -> list[int]:
    """But for states of dynos, which are kept for webhooks alone; of actions that begin with these nouns, if any."""
    c = tables.events.c
    query = sa.select(c.seq).where(c.app_id == app_id, c.action.not_in((DYNO_STATE, DYNO_GONE, *without)))
    if nouns:
        query = query.where(sa.or_(*(c.action.startswith(f"{noun}:", autoescape=True) for noun in nouns)))
    return list(tx.connection.execute(query.order_by(c.seq)).scalars())


def numbers_of_account(tx: Transaction, account_id: str) -> list[int]:
    """Of what an account did that concerns no app."""
    c = tables.events.c
    query = sa.select(c.seq).where(c.account_id == account_id, c.app_id.is_(None)).order_by(c.seq)
    return list(tx.connection.execute(query).scalars())


def by_numbers(tx: Transaction, numbers: Collection[int]) -> list[Event]:
    return rows.every(tx, Event, sa.select(tables.events).where(tables.events.c.seq.in_(numbers)))


def prune(tx: Transaction, actions: Collection[str], before: datetime) -> None:
    """Forget what was kept of these actions for a while only."""
    old = sa.and_(tables.events.c.action.in_(actions), tables.events.c.at < before)
    tx.connection.execute(tables.events.delete().where(old))
