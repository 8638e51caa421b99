"""Dynos: rows of what runs or should run. `request` is written by actions (and by the manager for a
one-off whose client has left), `routed` and `reached` by the router, the rest by the dyno manager."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.dyno import FIRST_ONE_OFF, ONE_OFFS, RUN, SCHEDULER, Dyno, DynoState
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.dynos
# Of one statement; databases limit its parameters.
_PART = 500
_scheduled = sa.and_(_t.c.type == SCHEDULER, _t.c.number >= FIRST_ONE_OFF)
_settled = sa.and_(_t.c.state == DynoState.UP, _t.c.request.is_(None), _t.c.draining_at.is_(None))


def find(tx: Transaction, app_id: str, name_or_id: str) -> Dyno | None:
    """By id or by name (`web.1`); while one is being replaced, the newer one."""
    process_type, _, number = name_or_id.rpartition(".")
    if number.isdecimal() and len(number) < 10:
        same = sa.and_(_t.c.type == process_type, _t.c.number == int(number))
    else:
        same = _t.c.id == name_or_id
    return _one(tx, sa.select(_t).where(_t.c.app_id == app_id, same).order_by(_t.c.created_at.desc()))


def find_by_id(tx: Transaction, dyno_id: str) -> Dyno | None:
    return _one(tx, sa.select(_t).where(_t.c.id == dyno_id))


def find_by_secret_hash(tx: Transaction, secret_hash: str) -> Dyno | None:
    return _one(tx, sa.select(_t).where(_t.c.secret_hash == secret_hash))


def list_of(tx: Transaction, app_id: str) -> list[Dyno]:
    return _every(tx, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.type, _t.c.number, _t.c.created_at))


def list_all(tx: Transaction) -> dict[str, list[Dyno]]:
    """App id → its dynos."""
    found: dict[str, list[Dyno]] = {}
    for dyno in _every(tx, sa.select(_t).order_by(_t.c.app_id, _t.c.type, _t.c.number, _t.c.created_at)):
        found.setdefault(dyno.app_id, []).append(dyno)
    return found


def count_of_account(tx: Transaction, account_id: str) -> int:
    """Dynos the apps of this owner want, and their one-offs."""
    apps, formations = tables.apps.c, tables.formations.c
    mine = sa.select(apps.id).where(apps.owner_id == account_id, apps.deleted_at.is_(None))
    wanted = sa.select(sa.func.coalesce(sa.func.sum(formations.quantity), 0)).where(formations.app_id.in_(mine))
    one_offs = sa.select(sa.func.count()).where(_t.c.app_id.in_(mine), sa.or_(_t.c.type == RUN, _scheduled))
    return int(tx.connection.execute(wanted).scalar_one()) + int(tx.connection.execute(one_offs).scalar_one())


def list_web_up(tx: Transaction, sizes: Iterable[str], before: datetime) -> list[Dyno]:
    """Web dynos of these sizes that came up before that moment and of which nothing is asked."""
    return _every(
        tx, sa.select(_t).where(_t.c.type == "web", _settled, _t.c.size.in_(sizes), _t.c.updated_at <= before)
    )


def list_up_since(tx: Transaction, before: datetime) -> list[Dyno]:
    """Dynos of formations that came up before that moment and of which nothing is asked."""
    of_formation = sa.and_(_t.c.type.not_in(ONE_OFFS), sa.not_(_scheduled))
    return _every(tx, sa.select(_t).where(of_formation, _settled, _t.c.updated_at <= before))


def addresses(tx: Transaction) -> set[str]:
    return set(tx.connection.execute(sa.select(_t.c.address).where(_t.c.address.is_not(None))).scalars())


def insert(tx: Transaction, dyno: Dyno) -> None:
    values = rows.to_row(dyno)
    values["env"] = rows.sealed(tx, dyno.env)
    tx.connection.execute(_t.insert(), values)


def update(tx: Transaction, dyno_id: str, *, now: datetime, **values: object) -> bool:
    """Change columns of one dyno; `updated_at` is when its state changed, so it moves only with the state."""
    if "state" in values:
        values["updated_at"] = now
    return rows.update(tx, _t, dyno_id, **values)


def set_env(tx: Transaction, dyno_id: str, env: Mapping[str, str]) -> None:
    rows.update(tx, _t, dyno_id, env=rows.sealed(tx, env))


def request(tx: Transaction, dyno_ids: list[str], word: str | None) -> None:
    """What a user asks for takes the place of whatever was asked before."""
    tx.connection.execute(_t.update().where(_t.c.id.in_(dyno_ids)).values(request=word))


def request_instead(tx: Transaction, dyno_ids: list[str], word: str | None, *, of: str | None) -> int:
    """What the platform itself asks for, only where `of` is asked now; returns of how many dynos."""
    same = _t.c.request.is_(None) if of is None else _t.c.request == of
    return tx.connection.execute(_t.update().where(_t.c.id.in_(dyno_ids), same).values(request=word)).rowcount


def claim_routes(tx: Transaction, dyno_ids: Collection[str]) -> list[Dyno]:
    """The router's first word on dynos: requests may reach them from now on.

    Returns those that are not on their way out already, as they were before.
    Claimed before the proxy learns of a dyno: the manager, who asks `routed` before it stops one, is never too early.
    """
    claimed: list[Dyno] = []
    chosen = list(dyno_ids)
    for part in (chosen[at : at + _PART] for at in range(0, len(chosen), _PART)):
        ready = sa.and_(_t.c.id.in_(part), _t.c.state == DynoState.UP, _t.c.draining_at.is_(None))
        claimed += _every(tx, sa.select(_t).where(ready).with_for_update())
        tx.connection.execute(_t.update().where(ready).values(routed=True))
    return claimed


def mark_reached(tx: Transaction, dyno_ids: Collection[str]) -> list[Dyno]:
    """The router's second word: the proxy has learnt of these dynos, so requests do reach them.

    Returns those of which it is new. One that has started anew meanwhile is not claimed, and none of them.
    """
    reached: list[Dyno] = []
    chosen = list(dyno_ids)
    for part in (chosen[at : at + _PART] for at in range(0, len(chosen), _PART)):
        ready = sa.and_(_t.c.id.in_(part), _t.c.routed, sa.not_(_t.c.reached))
        reached += _every(tx, sa.select(_t).where(ready).with_for_update())
        tx.connection.execute(_t.update().where(ready).values(reached=True))
    return reached


def release_route(tx: Transaction, dyno_id: str) -> bool:
    """The router's last word: no request is in the dyno and none can come."""
    return rows.update(tx, _t, dyno_id, routed=False, reached=False)


def delete(tx: Transaction, dyno_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == dyno_id))


def _one(tx: Transaction, query: sa.Select[Any]) -> Dyno | None:
    found = _every(tx, query.limit(1))
    return found[0] if found else None


def _every(tx: Transaction, query: sa.Select[Any]) -> list[Dyno]:
    return [Dyno(**{**row, "env": rows.opened(tx, row["env"])}) for row in tx.connection.execute(query).mappings()]
