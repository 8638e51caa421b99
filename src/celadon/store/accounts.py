"""Accounts."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.account import Account
from celadon.model.team import Team
from celadon.store import rows, secrets, tables
from celadon.store.database import Transaction

_t = tables.accounts
_WITH_TEAM = (
    sa.select(_t, tables.teams)
    .outerjoin(tables.teams, tables.teams.c.account_id == _t.c.id)
    .where(_t.c.id.in_(sa.bindparam("ids", expanding=True)))
)
_BY_ID = sa.select(_t).where(_t.c.id == sa.bindparam("account_id"))


def find(tx: Transaction, account_id: str) -> Account | None:
    return rows.one(tx, Account, _BY_ID, account_id=account_id)


def find_by_email(tx: Transaction, email: str) -> Account | None:
    """The person of this address: the account of a team is found by nobody who looks for a person."""
    return rows.one(tx, Account, sa.select(_t).where(_t.c.email == email.lower(), _is_person()))


def _is_person() -> sa.ColumnElement[bool]:
    of_team = sa.exists().where(tables.teams.c.account_id == _t.c.id)
    return sa.and_(_t.c.deleted_at.is_(None), sa.not_(of_team))


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Account]:
    return {account.id: account for account in rows.every(tx, Account, sa.select(_t).where(_t.c.id.in_(ids)))}


def search(tx: Transaction, wanted: str, offset: int, limit: int) -> tuple[list[Account], int]:
    """People whose address or name has this in it, by address; and how many there are of them."""
    chosen = _is_person()
    if wanted:
        chosen = sa.and_(
            chosen, sa.or_(*(column.icontains(wanted, autoescape=True) for column in (_t.c.email, _t.c.name)))
        )
    there = int(tx.connection.execute(sa.select(sa.func.count()).select_from(_t).where(chosen)).scalar_one())
    found = rows.every(tx, Account, sa.select(_t).where(chosen).order_by(_t.c.email).offset(offset).limit(limit))
    return found, there


def owners(tx: Transaction, ids: set[str]) -> dict[str, tuple[Account, Team | None]]:
    """The accounts of these ids, each with the team whose account it is."""
    found = rows.pairs(tx, (Account, Team), _WITH_TEAM, ids=list(ids))
    return {account.id: (account, team) for account, team in found}


def find_by_email_or_id(tx: Transaction, wanted: str) -> Account | None:
    """A person who is there."""
    same = sa.or_(_t.c.email == wanted.lower(), _t.c.id == wanted)
    return rows.one(tx, Account, sa.select(_t).where(same, _is_person()))


def operator(tx: Transaction) -> Account | None:
    """The first operator's account."""
    return rows.one(tx, Account, sa.select(_t).where(_t.c.operator).order_by(_t.c.created_at).limit(1))


def lock(tx: Transaction, account_id: str) -> None:
    """Keep the account's row until the transaction ends: what counts against its limits starts so."""
    tx.connection.execute(sa.select(_t.c.id).where(_t.c.id == account_id).with_for_update())


def insert(tx: Transaction, account: Account) -> None:
    rows.insert(tx, _t, account)


def update(tx: Transaction, account_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, account_id, updated_at=now, **values)


def replace_recovery_codes(tx: Transaction, account_id: str, codes: list[str]) -> None:
    """From now on these (of none: no) codes work."""
    table = tables.recovery_codes
    tx.connection.execute(table.delete().where(table.c.account_id == account_id))
    for code in codes:
        tx.connection.execute(table.insert().values(account_id=account_id, code_hash=secrets.hash_token(code)))


def take_recovery_code(tx: Transaction, account_id: str, code: str) -> bool:
    """Whether it was one; it works once."""
    table = tables.recovery_codes
    same = sa.and_(table.c.account_id == account_id, table.c.code_hash == secrets.hash_token(code))
    return bool(tx.connection.execute(table.delete().where(same)).rowcount)


def take_step(tx: Transaction, account_id: str, step: int) -> bool:
    """Whether no code of this time step or a later one was taken before; from now on one was."""
    fresh = sa.and_(_t.c.id == account_id, _t.c.two_factor_step < step)
    return bool(tx.connection.execute(_t.update().where(fresh).values(two_factor_step=step)).rowcount)


def features(tx: Transaction, account_id: str) -> dict[str, bool]:
    """Features that were switched on or off; what is not here has its default."""
    c = tables.account_features.c
    found = tx.connection.execute(sa.select(c.name, c.enabled).where(c.account_id == account_id))
    return {row.name: row.enabled for row in found}


def set_feature(tx: Transaction, account_id: str, name: str, enabled: bool) -> None:
    table = tables.account_features
    where = sa.and_(table.c.account_id == account_id, table.c.name == name)
    if not tx.connection.execute(table.update().where(where).values(enabled=enabled)).rowcount:
        tx.connection.execute(table.insert().values(account_id=account_id, name=name, enabled=enabled))
