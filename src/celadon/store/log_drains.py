"""Log drains. A URL may hold a password: it is encrypted, and found again by a digest of its own."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from celadon.model.log_drain import DrainState, DrainStatus, LogDrain
from celadon.store import tables
from celadon.store.database import Transaction

_t = tables.log_drains


def list_of(tx: Transaction, app_id: str) -> list[LogDrain]:
    """Oldest first; raises SecretsError when a URL cannot be decrypted."""
    query = sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.created_at, _t.c.id)
    return [_drain(tx, row) for row in tx.connection.execute(query).mappings()]


def find(tx: Transaction, app_id: str, id_url_or_token: str) -> LogDrain | None:
    """Raises SecretsError when the URL cannot be decrypted."""
    digest = _digest(tx, id_url_or_token)
    same = sa.or_(_t.c.id == id_url_or_token, _t.c.token == id_url_or_token, _t.c.url_digest == digest)
    row = tx.connection.execute(sa.select(_t).where(_t.c.app_id == app_id, same)).mappings().first()
    return None if row is None else _drain(tx, row)


def ids(tx: Transaction) -> set[str]:
    """Of all drains of the platform."""
    return set(tx.connection.execute(sa.select(_t.c.id)).scalars())


def find_by_id(tx: Transaction, drain_id: str) -> LogDrain | None:
    """Raises SecretsError when the URL cannot be decrypted."""
    row = tx.connection.execute(sa.select(_t).where(_t.c.id == drain_id)).mappings().first()
    return None if row is None else _drain(tx, row)


def keep_status(tx: Transaction, drain_id: str, status: DrainStatus) -> None:
    """How a drain fares, unless it is gone."""
    values = {"state": status.state, "reason": status.reason, "since": status.since, "dropped": status.dropped}
    tx.connection.execute(_t.update().where(_t.c.id == drain_id).values(values))


def insert(tx: Transaction, drain: LogDrain) -> None:
    """Raises IntegrityError when the app has a drain of this URL."""
    values = {
        "id": drain.id,
        "app_id": drain.app_id,
        "token": drain.token,
        "url": tx.secrets.encrypt(drain.url),
        "url_digest": _digest(tx, drain.url),
        "created_at": drain.created_at,
        "updated_at": drain.updated_at,
    }
    tx.connection.execute(_t.insert().values(values))


def delete(tx: Transaction, drain_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == drain_id))


def _digest(tx: Transaction, url: str) -> str:
    """The same for the same URL, and of no use to who has no key: a plain hash of a short password could be guessed."""
    return tx.secrets.sign("log-drain", url)


def _drain(tx: Transaction, row: Mapping[Any, Any]) -> LogDrain:
    return LogDrain(
        id=row["id"],
        app_id=row["app_id"],
        token=row["token"],
        url=tx.secrets.decrypt(row["url"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=DrainStatus(
            state=DrainState(row["state"]), reason=row["reason"], since=row["since"], dropped=row["dropped"]
        ),
    )
