"""Promotions and their targets."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.promotion import Promotion, Target, TargetStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.promotions
_targets = tables.promotion_targets
# Written out, so that both databases use the index of what is pending.
_pending = _targets.c.status == sa.literal("pending", literal_execute=True)


def find(tx: Transaction, promotion_id: str) -> Promotion | None:
    return rows.one(tx, Promotion, sa.select(_t).where(_t.c.id == promotion_id))


def insert(tx: Transaction, promotion: Promotion) -> None:
    rows.insert(tx, _t, promotion)


def targets_of(tx: Transaction, promotion_id: str) -> list[Target]:
    query = sa.select(_targets).where(_targets.c.promotion_id == promotion_id)
    return rows.every(tx, Target, query.order_by(_targets.c.created_at, _targets.c.id))


def find_target(tx: Transaction, target_id: str) -> Target | None:
    return rows.one(tx, Target, sa.select(_targets).where(_targets.c.id == target_id))


def list_unreleased(tx: Transaction) -> list[Target]:
    """Targets that have no release yet, who came first before others."""
    query = sa.select(_targets).where(_pending, _targets.c.release_id.is_(None))
    return rows.every(tx, Target, query.order_by(_targets.c.created_at, _targets.c.id))


def is_pending(tx: Transaction, app_id: str) -> bool:
    """Whether a promotion to this app waits for its slug."""
    return (
        tx.connection.execute(
            sa.select(_targets.c.id).where(_pending, _targets.c.app_id == app_id, _targets.c.release_id.is_(None))
        ).first()
        is not None
    )


def copy_of(tx: Transaction, app_id: str, slug_id: str) -> str | None:
    """The id of the slug that the app's last promotion of this slug has made."""
    releases = tables.releases.c
    query = (
        sa.select(releases.slug_id)
        .join(_targets, _targets.c.release_id == releases.id)
        .join(_t, _t.c.id == _targets.c.promotion_id)
        .where(_targets.c.app_id == app_id, _t.c.slug_id == slug_id)
        .order_by(releases.version.desc())
        .limit(1)
    )
    return tx.connection.execute(query).scalar_one_or_none()


def insert_target(tx: Transaction, target: Target) -> None:
    rows.insert(tx, _targets, target)


def update_target(tx: Transaction, target_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _targets, target_id, updated_at=now, **values)


def finish(tx: Transaction, release_id: str, *, now: datetime, status: TargetStatus, error: str | None) -> None:
    """The release has ended, and with it the target that waited for it, if one did."""
    mine = sa.and_(_pending, _targets.c.release_id == release_id)
    tx.connection.execute(_targets.update().where(mine).values(status=status, error_message=error, updated_at=now))


def fail_all(tx: Transaction, app_id: str, *, now: datetime, error: str) -> None:
    """Nothing is promoted to this app any more."""
    mine = sa.and_(_pending, _targets.c.app_id == app_id)
    failed = {"status": TargetStatus.FAILED, "error_message": error, "updated_at": now}
    tx.connection.execute(_targets.update().where(mine).values(failed))
