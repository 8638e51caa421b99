"""Config vars: one immutable, encrypted row for each set; releases point at it."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.configs
# Of one statement; databases limit its parameters.
_PART = 500


def insert(
    tx: Transaction, app_id: str, config_vars: Mapping[str, str], now: datetime, attached: Collection[str] = ()
) -> str:
    """Keep a set of config vars, some of them of attachments; returns its id."""
    config_id = str(uuid.uuid4())
    values = {
        "id": config_id,
        "app_id": app_id,
        "vars": rows.sealed(tx, config_vars),
        "created_at": now,
        "attached": sorted(attached),
    }
    tx.connection.execute(_t.insert(), values)
    return config_id


def find_each(tx: Transaction, config_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """The config vars of many releases, by config id; raises SecretsError when they cannot be decrypted."""
    found: dict[str, dict[str, str]] = {}
    chosen = list(config_ids)
    for part in (chosen[at : at + _PART] for at in range(0, len(chosen), _PART)):
        query = sa.select(_t.c.id, _t.c.vars).where(_t.c.id.in_(part))
        found |= {row.id: rows.opened(tx, row.vars) for row in tx.connection.execute(query)}
    return found


def find(tx: Transaction, config_id: str) -> dict[str, str]:
    """The config vars of a release; raises SecretsError when they cannot be decrypted."""
    return rows.opened(tx, tx.connection.execute(sa.select(_t.c.vars).where(_t.c.id == config_id)).scalar_one())


def attached(tx: Transaction, config_id: str) -> frozenset[str]:
    """Names of those config vars of a release that are of attachments."""
    return frozenset(tx.connection.execute(sa.select(_t.c.attached).where(_t.c.id == config_id)).scalar_one())
