"""Deploy hooks and their deliveries: a queue of rows. Options of hooks are encrypted."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.deploy_hook import DeliveryState, DeployHook, HookDelivery
from celadon.store import rows, tables
from celadon.store.database import Transaction

_h = tables.deploy_hooks
_d = tables.deploy_hook_deliveries


def find(tx: Transaction, hook_id: str) -> DeployHook | None:
    """Raises SecretsError, as all that read one."""
    found = _every(tx, sa.select(_h).where(_h.c.id == hook_id))
    return found[0] if found else None


def list_of(tx: Transaction, app_id: str) -> list[DeployHook]:
    return _every(tx, sa.select(_h).where(_h.c.app_id == app_id).order_by(_h.c.created_at, _h.c.id))


def ids_of(tx: Transaction, app_id: str) -> list[str]:
    query = sa.select(_h.c.id).where(_h.c.app_id == app_id).order_by(_h.c.created_at, _h.c.id)
    return list(tx.connection.execute(query).scalars())


def insert(tx: Transaction, hook: DeployHook) -> None:
    values = {**rows.to_row(hook), "options": rows.sealed(tx, hook.options)}
    tx.connection.execute(_h.insert(), values)


def delete(tx: Transaction, hook_id: str) -> None:
    """With its deliveries."""
    tx.connection.execute(_h.delete().where(_h.c.id == hook_id))


def insert_delivery(tx: Transaction, delivery: HookDelivery) -> None:
    rows.insert(tx, _d, delivery)


def deliveries_of(tx: Transaction, release_id: str) -> list[HookDelivery]:
    """What is told of a release."""
    query = sa.select(_d).where(_d.c.release_id == release_id).order_by(_d.c.created_at, _d.c.id)
    return rows.every(tx, HookDelivery, query)


def list_due(tx: Transaction, now: datetime, limit: int) -> list[HookDelivery]:
    """Deliveries whose turn it is, of apps that are there."""
    apps = tables.apps.c
    query = sa.select(_d).join(tables.apps, apps.id == _d.c.app_id).where(apps.deleted_at.is_(None))
    return rows.every(
        tx, HookDelivery, query.where(_d.c.next_attempt_at <= now).order_by(_d.c.next_attempt_at).limit(limit)
    )


def begin(tx: Transaction, delivery: HookDelivery, now: datetime, until: datetime) -> bool:
    """An attempt begins; False when somebody else was quicker. Whoever has not said by `until` what came of it is dead."""
    as_seen = sa.and_(
        _d.c.id == delivery.id,
        _d.c.attempts == delivery.attempts,
        _d.c.state == DeliveryState.PENDING,
        _d.c.next_attempt_at <= now,
    )
    values = {"attempts": delivery.attempts + 1, "next_attempt_at": until, "updated_at": now}
    return bool(tx.connection.execute(_d.update().where(as_seen).values(values)).rowcount)


def end(tx: Transaction, delivery: HookDelivery, **values: object) -> bool:
    """What came of the attempt that has this number; False when another has begun since."""
    same = sa.and_(_d.c.id == delivery.id, _d.c.attempts == delivery.attempts, _d.c.state == DeliveryState.PENDING)
    return bool(tx.connection.execute(_d.update().where(same).values(**values)).rowcount)


def prune(tx: Transaction, before: datetime) -> None:
    """Forget deliveries that ended before that moment."""
    over = sa.and_(_d.c.state != DeliveryState.PENDING, _d.c.updated_at < before)
    tx.connection.execute(_d.delete().where(over))


def _every(tx: Transaction, query: sa.Select[Any]) -> list[DeployHook]:
    found = tx.connection.execute(query).mappings()
    return [DeployHook(**{**row, "options": rows.opened(tx, row["options"])}) for row in found]
