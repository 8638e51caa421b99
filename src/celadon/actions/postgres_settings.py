"""What the owner of a database chose for its server: settings, when it may be restarted, and that it be restarted now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from celadon.actions.context import Context, now
from celadon.model import postgres_setting as rules
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.model.errors import NotFound
from celadon.model.postgres_database import PostgresDatabase, Step
from celadon.model.postgres_setting import Value
from celadon.store import changes, engines, postgres_databases
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An engine that runs, and the database that has it alone; None for the shared one."""

    engine: Engine
    database: PostgresDatabase | None


def change(context: Context, addon_id: str, values: Mapping[str, object]) -> Mapping[str, Value]:
    """Set some settings; returns all that were ever chosen. The role has the server follow. Raises InvalidParams."""
    checked = rules.check(values)
    with context.database.transaction() as tx:
        chosen = {**_locked(tx, addon_id).settings, **checked}
        postgres_databases.update(tx, addon_id, now=now(), settings=chosen)
        changes.record(tx, "engine")
        return chosen


def set_window(context: Context, addon_id: str, window: int) -> None:
    with context.database.transaction() as tx:
        _locked(tx, addon_id)
        postgres_databases.update(tx, addon_id, now=now(), maintenance_window=window)


def ask_for_maintenance(context: Context, addon_id: str) -> datetime:
    """Have its server restarted; returns since when that is asked for, which asking again does not change."""
    with context.database.transaction() as tx:
        asked = _locked(tx, addon_id).maintenance_asked_at or now()
        postgres_databases.update(tx, addon_id, now=now(), maintenance_asked_at=asked)
        changes.record(tx, "engine")
        return asked


def maintained(context: Context, addon_id: str) -> None:
    """Its server has been restarted."""
    with context.database.transaction() as tx:
        at = now()
        postgres_databases.update(tx, addon_id, now=at, maintenance_asked_at=None, maintained_at=at)


def served(context: Context) -> list[Served]:
    """The engines that run and have a database that is available, both nodes of a pair; and the shared one."""
    with context.database.read() as tx:
        running = [
            one
            for one in engines.list_all(tx)
            if one.kind is EngineKind.POSTGRESQL and one.state is EngineState.RUNNING
        ]
        owned = {one.engine_id: one for one in postgres_databases.list_all(tx) if one.step is Step.AVAILABLE}
    found = [Served(engine=one, database=None if one.shared else owned.get(one.pair or one.id)) for one in running]
    return [one for one in found if one.engine.shared or one.database is not None]


def _locked(tx: Transaction, addon_id: str) -> PostgresDatabase:
    found = postgres_databases.lock(tx, addon_id)
    if found is None:
        raise NotFound("database")
    return found
