"""Transfers of databases. The URL of a restore is encrypted; what its programs said is read apart."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.transfer import LOG_LINE, LOG_LINES, OPEN, Check, LogLine, Transfer, TransferKind, TransferStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.transfers
_shown = [column for column in _t.c if column.name not in ("url", "log")]
_BUSY_CHECKS = (Check.DUE, Check.RUNNING)


def _select(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*_shown).where(*conditions).order_by(_t.c.created_at, _t.c.num)


def find(tx: Transaction, transfer_id: str) -> Transfer | None:
    return rows.one(tx, Transfer, _select(_t.c.id == transfer_id))


def lock(tx: Transaction, transfer_id: str) -> Transfer | None:
    """Its row locked until the transaction ends."""
    return rows.one(tx, Transfer, _select(_t.c.id == transfer_id).with_for_update())


def list_of_app(tx: Transaction, app_id: str) -> list[Transfer]:
    """But for what was deleted; the oldest first."""
    return rows.every(tx, Transfer, _select(_t.c.app_id == app_id, _t.c.deleted_at.is_(None)))


def list_of_addon(tx: Transaction, addon_id: str) -> list[Transfer]:
    """But for what was deleted; the oldest first."""
    return rows.every(tx, Transfer, _select(_t.c.addon_id == addon_id, _t.c.deleted_at.is_(None)))


def find_of_app(tx: Transaction, app_id: str, *, num: int | None = None, transfer_id: str = "") -> Transfer | None:
    """By its number among the app's, or its id."""
    named = _t.c.id == transfer_id if num is None else _t.c.num == num
    return rows.one(tx, Transfer, _select(_t.c.app_id == app_id, named, _t.c.deleted_at.is_(None)))


def list_open(tx: Transaction) -> list[Transfer]:
    """Those that wait or run, who waits longest first."""
    return rows.every(tx, Transfer, _select(_t.c.status.in_(OPEN)))


def list_to_check(tx: Transaction) -> list[Transfer]:
    """Backups whose check waits or runs."""
    return rows.every(tx, Transfer, _select(_t.c.check.in_(_BUSY_CHECKS), _t.c.deleted_at.is_(None)))


def restores_of(tx: Transaction, transfer_id: str) -> list[Transfer]:
    """Those that read this backup now, or will."""
    kind = _t.c.kind == TransferKind.RESTORE
    return rows.every(tx, Transfer, _select(kind, _t.c.source_id == transfer_id, _t.c.status.in_(OPEN)))


def prune(tx: Transaction, before: datetime) -> None:
    """Forget those that ended before that moment, but for backups that are kept; and each app's last one, for its number."""
    other = _t.alias()
    last = sa.select(sa.func.max(other.c.num)).where(other.c.app_id == _t.c.app_id).scalar_subquery()
    backup = (_t.c.kind == TransferKind.BACKUP) & (_t.c.status == TransferStatus.SUCCEEDED)
    gone = sa.or_(_t.c.deleted_at < before, (_t.c.finished_at < before) & sa.not_(backup))
    over = _t.c.status.not_in(OPEN) & _t.c.check.not_in(_BUSY_CHECKS)
    tx.connection.execute(_t.delete().where(gone, over, _t.c.num < last))


def next_num(tx: Transaction, app_id: str) -> int:
    """The number that no transfer of the app has had; the caller has the app's row locked."""
    query = sa.select(sa.func.coalesce(sa.func.max(_t.c.num), 0)).where(_t.c.app_id == app_id)
    return int(tx.connection.execute(query).scalar_one()) + 1


def insert(tx: Transaction, transfer: Transfer, url: str | None = None) -> None:
    sealed = None if url is None else tx.secrets.encrypt(url)
    tx.connection.execute(_t.insert(), {**rows.to_row(transfer), "url": sealed, "log": []})


def update(tx: Transaction, transfer_id: str, *, now: datetime, **values: object) -> bool:
    return rows.update(tx, _t, transfer_id, updated_at=now, **values)


def progress(tx: Transaction, transfer_id: str, processed: int, now: datetime) -> bool:
    """Bytes so far; True when somebody has asked for it to be cancelled."""
    update(tx, transfer_id, now=now, processed_bytes=processed)
    query = sa.select(_t.c.cancel_asked).where(_t.c.id == transfer_id)
    return bool(tx.connection.execute(query).scalar_one_or_none())


def url(tx: Transaction, transfer_id: str) -> str | None:
    """Where a restore fetches from. Raises SecretsError."""
    found = tx.connection.execute(sa.select(_t.c.url).where(_t.c.id == transfer_id)).scalar_one_or_none()
    return None if found is None else tx.secrets.decrypt(found)


def forget_url(tx: Transaction, transfer_id: str) -> None:
    tx.connection.execute(_t.update().where(_t.c.id == transfer_id).values(url=None))


def log_of(tx: Transaction, transfer_id: str) -> list[LogLine]:
    found = tx.connection.execute(sa.select(_t.c.log).where(_t.c.id == transfer_id)).scalar_one_or_none()
    return [LogLine(at=datetime.fromisoformat(at), message=message) for at, message in found or ()]


def say(tx: Transaction, transfer_id: str, messages: Sequence[str], now: datetime) -> None:
    """Add lines to what it said; the last ones are kept."""
    found = tx.connection.execute(sa.select(_t.c.log).where(_t.c.id == transfer_id)).scalar_one_or_none()
    if found is not None:
        new = [[now.astimezone(UTC).isoformat(), message[:LOG_LINE]] for message in messages]
        kept = [*found, *new][-LOG_LINES:]
        tx.connection.execute(_t.update().where(_t.c.id == transfer_id).values(log=kept))


def is_taken(tx: Transaction, addon_id: str, but: str) -> bool:
    """Whether another transfer runs on this database."""
    query = sa.select(_t.c.id).where(_t.c.addon_id == addon_id, _t.c.id != but, _t.c.status == TransferStatus.RUNNING)
    return tx.connection.execute(query).first() is not None
