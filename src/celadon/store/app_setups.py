"""App setups. Overrides of config vars and what a postdeploy script wrote are encrypted."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.app_setup import OVER, AppSetup, SetupStep
from celadon.model.release import ReleaseStatus
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.app_setups


def find(tx: Transaction, setup_id: str) -> AppSetup | None:
    """Raises SecretsError when it cannot be decrypted, as all that read one."""
    return _one(tx, sa.select(_t).where(_t.c.id == setup_id))


def lock(tx: Transaction, setup_id: str) -> AppSetup | None:
    """The setup, its row locked until the transaction ends."""
    return _one(tx, sa.select(_t).where(_t.c.id == setup_id).with_for_update())


def lock_of_build(tx: Transaction, build_id: str) -> AppSetup | None:
    return _one(tx, sa.select(_t).where(_t.c.build_id == build_id).with_for_update())


def find_of_build(tx: Transaction, build_id: str) -> AppSetup | None:
    return _one(tx, sa.select(_t).where(_t.c.build_id == build_id))


def find_of_dyno(tx: Transaction, dyno_id: str) -> AppSetup | None:
    return _one(tx, sa.select(_t).where(_t.c.dyno_id == dyno_id))


def list_pending(tx: Transaction) -> list[AppSetup]:
    """Those that are not over, oldest first; without those whose app has no code yet, of which there may be many."""
    app, release = tables.apps.c, tables.releases.c
    released = sa.exists().where(
        release.app_id == _t.c.app_id, release.slug_id.is_not(None), release.status == ReleaseStatus.SUCCEEDED
    )
    destroyed = sa.exists().where(app.id == _t.c.app_id, app.deleted_at.is_not(None))
    waits = sa.and_(_t.c.step == SetupStep.AWAITING, sa.not_(released), sa.not_(destroyed))
    return _every(tx, sa.select(_t).where(_t.c.step.not_in(OVER), sa.not_(waits)).order_by(_t.c.created_at))


def builds_at(tx: Transaction, step: SetupStep) -> list[str]:
    """Ids of the builds whose setups are at this step."""
    return list(tx.connection.execute(sa.select(_t.c.build_id).where(_t.c.step == step)).scalars())


def insert(tx: Transaction, setup: AppSetup) -> None:
    values = rows.to_row(setup)
    values |= {"env": rows.sealed(tx, setup.env), "output": _sealed(tx, setup.output)}
    tx.connection.execute(_t.insert().values(values))


def update(tx: Transaction, setup_id: str, *, now: datetime, **values: Any) -> None:
    if "env" in values:
        values["env"] = rows.sealed(tx, values["env"])
    if "output" in values:
        values["output"] = _sealed(tx, values["output"])
    rows.update(tx, _t, setup_id, updated_at=now, **values)


def _sealed(tx: Transaction, text: str | None) -> bytes | None:
    return None if text is None else tx.secrets.encrypt(text)


def _one(tx: Transaction, query: sa.Select[Any]) -> AppSetup | None:
    found = _every(tx, query.limit(1))
    return found[0] if found else None


def _every(tx: Transaction, query: sa.Select[Any]) -> list[AppSetup]:
    found = []
    for row in tx.connection.execute(query).mappings():
        output = None if row["output"] is None else tx.secrets.decrypt(row["output"])
        found.append(AppSetup(**{**row, "env": rows.opened(tx, row["env"]), "output": output}))
    return found
