"""Apps, their collaborators and features. A destroyed app is found by nobody but the operator's restore."""

import functools
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.app import App, Collaborator
from celadon.model.range import Range
from celadon.model.team import TeamRole
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.apps
_live = _t.c.deleted_at.is_(None)
_wanted: sa.BindParameter[str] = sa.bindparam("wanted")
_BY_NAME_OR_ID = sa.select(_t).where(_live, sa.or_(_t.c.name == _wanted, _t.c.id == _wanted))
_LOCKED = sa.select(_t).where(_live, _t.c.id == _wanted).with_for_update()


def find(tx: Transaction, name_or_id: str) -> App | None:
    return rows.one(tx, App, _BY_NAME_OR_ID, wanted=name_or_id)


def find_any(tx: Transaction, app_id: str) -> App | None:
    """An app by its id, also when it has been destroyed."""
    return rows.one(tx, App, sa.select(_t).where(_t.c.id == app_id))


def lock(tx: Transaction, app_id: str) -> App | None:
    """The app, its row locked until the transaction ends: what decides on an app's releases or dynos starts so."""
    return rows.one(tx, App, _LOCKED, wanted=app_id)


def list_all(tx: Transaction) -> list[App]:
    return rows.every(tx, App, sa.select(_t).where(_live).order_by(_t.c.name))


def search_all(tx: Transaction, wanted: str, offset: int, limit: int) -> tuple[list[App], int]:
    """Apps whose name or owner's address has this in it, by name; and how many there are of them."""
    accounts = tables.accounts.c
    chosen: sa.ColumnElement[bool] = _live
    if wanted:
        text = [column.icontains(wanted, autoescape=True) for column in (_t.c.name, accounts.email)]
        chosen = sa.and_(_live, sa.or_(*text))
    joined = _t.join(tables.accounts, accounts.id == _t.c.owner_id)
    there = int(tx.connection.execute(sa.select(sa.func.count()).select_from(joined).where(chosen)).scalar_one())
    query = sa.select(_t).select_from(joined).where(chosen).order_by(_t.c.name)
    return rows.every(tx, App, query.offset(offset).limit(limit)), there


def list_visible(tx: Transaction, account_id: str, ids: Collection[str]) -> list[App]:
    """Those of these apps that the account owns or collaborates on, by name."""
    query = _VISIBLE.where(rows.among(tx, _t.c.id, ids)).order_by(_t.c.name)
    return rows.every(tx, App, query, account_id=account_id)


def page_visible(tx: Transaction, account_id: str, wanted: Range, *, shared_only: bool) -> list[App]:
    """The first of those within the bounds, in order, and one more than is wanted."""
    first, last = wanted.bounds()
    query = _ordered(
        tx.connection.dialect.name,
        wanted.attribute,
        wanted.descending,
        wanted.after,
        (first is not None, last is not None),
        shared_only,
    )
    given = {"account_id": account_id, "first": first, "last": last, "most": wanted.most + 1}
    return rows.every(tx, App, query, **{name: value for name, value in given.items() if value is not None})


def names_owned(tx: Transaction, owner_id: str, visible_to: Collection[str] = ()) -> list[tuple[str, str]]:
    """The same of one owner's apps; those only that each of these accounts sees."""
    return _names(tx, sa.and_(_t.c.owner_id == owner_id, *map(_visible_to, visible_to)))


def _names(tx: Transaction, chosen: sa.ColumnElement[bool]) -> list[tuple[str, str]]:
    query = sa.select(_t.c.name, _t.c.id).where(_live, chosen).order_by(_t.c.name)
    return [(name, app_id) for name, app_id in tx.connection.execute(query).all()]


def visible_ids(account_id: str) -> sa.Select[tuple[str]]:
    """A query for the ids of the apps an account sees, to be used within another."""
    return sa.select(_t.c.id).where(_live, _visible_to(account_id))


def by_ids(tx: Transaction, ids: Collection[str]) -> list[App]:
    """Apps of these ids, by name."""
    return rows.every(tx, App, sa.select(_t).where(_live, rows.among(tx, _t.c.id, ids)).order_by(_t.c.name))


def _visible_to(account_id: "str | sa.BindParameter[str]") -> sa.ColumnElement[bool]:
    """As `actions/access.py` says of one app: own, shared, and of teams, where a member sees what is not locked."""
    members, teams = tables.team_members.c, tables.teams
    of_team = sa.select(teams.c.account_id).join(tables.team_members, members.team_id == teams.c.id)
    mine = of_team.where(members.account_id == account_id)
    anyhow = mine.where(members.role != TeamRole.MEMBER)
    open_to_members = sa.and_(sa.not_(_t.c.locked), _t.c.owner_id.in_(mine))
    return sa.or_(_shared_with(account_id), _t.c.owner_id.in_(anyhow), open_to_members)


def _shared_with(account_id: "str | sa.BindParameter[str]") -> sa.ColumnElement[bool]:
    """Those the account owns, or was given access to by name."""
    shared = sa.select(tables.collaborators.c.app_id).where(tables.collaborators.c.account_id == account_id)
    return sa.or_(_t.c.owner_id == account_id, _t.c.id.in_(shared))


# Built once: building them costs as much as running them.
_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account_id")
_VISIBLE = sa.select(_t).where(_live, _visible_to(_ACCOUNT))
_SHARED = sa.select(_t).where(_live, _shared_with(_ACCOUNT))


@functools.lru_cache(maxsize=64)
def _ordered(
    dialect: str, attribute: str, descending: bool, after: bool, bounded: tuple[bool, bool], shared_only: bool
) -> sa.Select[Any]:
    """The query of a part of a list, by what its text depends on."""
    column = sa.collate(_t.c[attribute], "C" if dialect == "postgresql" else "BINARY")
    first, last = sa.bindparam("first", type_=sa.Text), sa.bindparam("last", type_=sa.Text)
    query = _SHARED if shared_only else _VISIBLE
    if bounded[0]:
        if after:
            query = query.where(column < first if descending else column > first)
        else:
            query = query.where(column <= first if descending else column >= first)
    if bounded[1]:
        query = query.where(column >= last if descending else column <= last)
    return query.order_by(column.desc() if descending else column).limit(sa.bindparam("most", type_=sa.Integer))


def count_owned(tx: Transaction, account_id: str) -> int:
    query = sa.select(sa.func.count()).select_from(_t).where(_live, _t.c.owner_id == account_id)
    return int(tx.connection.execute(query).scalar_one())


def next_number(tx: Transaction) -> int:
    """A number no app has ever had: a uid is never given to somebody else's files."""
    return int(tx.connection.execute(sa.select(sa.func.coalesce(sa.func.max(_t.c.number), 0) + 1)).scalar_one())


def insert(tx: Transaction, app: App) -> None:
    rows.insert(tx, _t, app)


def update(tx: Transaction, app_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, app_id, updated_at=now, **values)


def list_deleted(tx: Transaction, before: datetime) -> list[App]:
    return rows.every(tx, App, sa.select(_t).where(_t.c.deleted_at < before))


def list_to_purge(tx: Transaction) -> list[App]:
    """Apps whose build cache is to be removed."""
    return rows.every(tx, App, sa.select(_t).where(_live, _t.c.cache_purge_requested))


def is_collaborator(tx: Transaction, app_id: str, account_id: str) -> bool:
    return collaborator(tx, app_id, account_id) is not None


def collaborators(tx: Transaction, app_id: str) -> list[Collaborator]:
    c = tables.collaborators
    return rows.every(tx, Collaborator, sa.select(c).where(c.c.app_id == app_id).order_by(c.c.created_at))


def collaborator(tx: Transaction, app_id: str, account_id: str) -> Collaborator | None:
    c = tables.collaborators
    return rows.one(tx, Collaborator, sa.select(c).where(c.c.app_id == app_id, c.c.account_id == account_id))


def add_collaborator(tx: Transaction, collaborator: Collaborator) -> None:
    rows.insert(tx, tables.collaborators, collaborator)


def remove_collaborator(tx: Transaction, app_id: str, account_id: str) -> None:
    c = tables.collaborators
    tx.connection.execute(c.delete().where(c.c.app_id == app_id, c.c.account_id == account_id))


def remove_collaborator_everywhere(tx: Transaction, account_id: str) -> None:
    c = tables.collaborators
    tx.connection.execute(c.delete().where(c.c.account_id == account_id))


def invite_collaborator(tx: Transaction, app_id: str, email: str, invited_by: str, now: datetime) -> None:
    """Whoever makes the account of this address becomes a collaborator."""
    c = tables.collaborator_invitations
    tx.connection.execute(c.delete().where(c.c.app_id == app_id, c.c.email == email))
    values = {"app_id": app_id, "email": email, "invited_by": invited_by, "created_at": now}
    tx.connection.execute(c.insert().values(values))


def invited_to(tx: Transaction, email: str) -> list[str]:
    """Apps that wait for this address to make its account; they wait no more."""
    c = tables.collaborator_invitations
    found = tx.connection.execute(c.delete().where(c.c.email == email).returning(c.c.app_id))
    return list(found.scalars())


def invited_of(tx: Transaction, app_id: str) -> list[tuple[str, datetime]]:
    """Addresses that an app waits for, and since when."""
    c = tables.collaborator_invitations.c
    query = sa.select(c.email, c.created_at).where(c.app_id == app_id).order_by(c.email)
    return [(email, at) for email, at in tx.connection.execute(query).all()]


def invite_nobody(tx: Transaction, app_id: str) -> None:
    """Take back all invitations to an app."""
    c = tables.collaborator_invitations
    tx.connection.execute(c.delete().where(c.c.app_id == app_id))


def uninvite(tx: Transaction, app_id: str, email: str) -> bool:
    c = tables.collaborator_invitations
    return bool(tx.connection.execute(c.delete().where(c.c.app_id == app_id, c.c.email == email)).rowcount)


def joined(tx: Transaction, account_id: str, app_ids: Collection[str]) -> set[str]:
    """Those of these apps that the account was given access to by name."""
    c = tables.collaborators.c
    query = sa.select(c.app_id).where(c.account_id == account_id, c.app_id.in_(app_ids))
    return set(tx.connection.execute(query).scalars())


def set_permissions(tx: Transaction, app_id: str, account_id: str, permissions: tuple[str, ...]) -> None:
    c = tables.collaborators
    same = sa.and_(c.c.app_id == app_id, c.c.account_id == account_id)
    tx.connection.execute(c.update().where(same).values(permissions=permissions))


def delete_collaborators(
    tx: Transaction, *, app_id: str | None = None, owner_id: str | None = None, account_ids: Collection[str] | None
) -> None:
    """Take back what these accounts (None: all) were given on one app, or on all of an owner."""
    c = tables.collaborators
    of_owner = c.c.app_id.in_(sa.select(_t.c.id).where(_t.c.owner_id == owner_id))
    query = c.delete().where(of_owner if app_id is None else c.c.app_id == app_id)
    tx.connection.execute(query if account_ids is None else query.where(c.c.account_id.in_(account_ids)))


def features(tx: Transaction, app_id: str) -> dict[str, bool]:
    """Features that were switched on or off; what is not here has its default."""
    c = tables.app_features.c
    return {
        row.name: row.enabled for row in tx.connection.execute(sa.select(c.name, c.enabled).where(c.app_id == app_id))
    }


def ids_with_feature(tx: Transaction, name: str) -> list[str]:
    """Apps of which this feature was switched on."""
    c = tables.app_features.c
    query = sa.select(c.app_id).join(_t, _t.c.id == c.app_id).where(_live, c.name == name, c.enabled)
    return list(tx.connection.execute(query).scalars())


def feature_of_all(tx: Transaction, name: str) -> dict[str, bool]:
    """App id → how this feature was switched; apps where it has its default are left out."""
    c = tables.app_features.c
    return {
        row.app_id: row.enabled for row in tx.connection.execute(sa.select(c.app_id, c.enabled).where(c.name == name))
    }


def set_feature(tx: Transaction, app_id: str, name: str, enabled: bool) -> None:
    table = tables.app_features
    where = sa.and_(table.c.app_id == app_id, table.c.name == name)
    if not tx.connection.execute(table.update().where(where).values(enabled=enabled)).rowcount:
        tx.connection.execute(table.insert().values(app_id=app_id, name=name, enabled=enabled))
