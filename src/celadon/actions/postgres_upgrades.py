"""Upgrades of databases to a newer PostgreSQL: what users ask for. What is done about it is written by `upgrading.py`."""

from collections.abc import Sequence

from celadon.actions import addons
from celadon.actions.context import Context, now
from celadon.model import postgres_upgrade as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.engine import Engine
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE, Origin, PostgresDatabase, Step
from celadon.model.postgres_upgrade import Upgrade, UpgradeKind, UpgradeStatus
from celadon.store import changes, engines, events, postgres_databases, postgres_upgrades
from celadon.store.database import Transaction

_INSTEAD = "make a new one with addons:create, bring its contents there with pg:copy or a backup, and pg:promote it"


def find(context: Context, actor: Actor, named: str) -> tuple[AddOn, Upgrade | None]:
    """The last upgrade of a database. Raises NotFound, Forbidden."""
    with context.database.read() as tx:
        addon = addons.find_for(tx, actor, named, "addon:read")
        return addon, postgres_upgrades.find(tx, addon.id)


def of_addon(context: Context, addon_id: str) -> Upgrade | None:
    with context.database.read() as tx:
        return postgres_upgrades.find(tx, addon_id)


def rehearse(
    context: Context, actor: Actor, named: str, version: str | None, versions: Sequence[str], kind: UpgradeKind
) -> Upgrade:
    """Upgrade a copy of a database: to see whether that can be, or (`UPGRADE`) to be ready for the database itself.

    `versions` are those there are. Raises InvalidParams, Conflict, NotFound, Forbidden.
    """
    with context.database.transaction() as tx:
        addon, database, engine = _upgradable(tx, actor, named)
        if database.origin is Origin.FOLLOW:
            raise InvalidParams(
                f"cannot try that with {addon.name}, a follower: pg:upgrade:run unfollows and upgrades it"
            )
        if (found := postgres_upgrades.find(tx, addon.id)) and found.status is UpgradeStatus.PREPARED:
            raise Conflict(
                f"cannot do this: an upgrade of {addon.name} to PostgreSQL {found.version_to} is prepared; go on with "
                "pg:upgrade:run, or pg:upgrade:cancel it"
            )
        target = rules.target(engine.version, version, versions)
        return _put(tx, actor, addon, engine, kind, UpgradeStatus.TRYING, target)


def run(context: Context, actor: Actor, named: str, version: str | None, versions: Sequence[str]) -> Upgrade:
    """Upgrade a database; a follower becomes a database of its own before. Raises as `rehearse`."""
    with context.database.transaction() as tx:
        addon, database, engine = _upgradable(tx, actor, named)
        found = postgres_upgrades.find(tx, addon.id)
        if found is not None and found.status is UpgradeStatus.PREPARED:
            version = version or found.version_to
        target = rules.target(engine.version, version, versions)
        if database.origin is Origin.FOLLOW:
            postgres_databases.update(tx, addon.id, now=now(), step=Step.PROMOTING)
        return _put(tx, actor, addon, engine, UpgradeKind.UPGRADE, UpgradeStatus.WAITING, target)


def cancel(context: Context, actor: Actor, named: str) -> Upgrade:
    """Give one up that has not begun. Raises Conflict, NotFound, Forbidden."""
    with context.database.transaction() as tx:
        addon = addons.find_for(tx, actor, named, "addon:update")
        found = postgres_upgrades.find(tx, addon.id)
        if found is None or found.finished_at is not None:
            raise Conflict(f"cannot cancel: no upgrade of {addon.name} is prepared or under way")
        if not rules.may_become(found.status, UpgradeStatus.CANCELLED):
            raise Conflict(f"cannot cancel: the upgrade of {addon.name} has begun; pg:upgrade:wait tells its end")
        at = now()
        postgres_upgrades.update(tx, addon.id, now=at, status=UpgradeStatus.CANCELLED, finished_at=at)
        _tell(tx, actor, addon, f"Cancelled the upgrade of {addon.name} to PostgreSQL {found.version_to}")
        return postgres_upgrades.find(tx, addon.id) or found


def _upgradable(tx: Transaction, actor: Actor, named: str) -> tuple[AddOn, PostgresDatabase, Engine]:
    """A database that may be upgraded now, of whatever version. Raises InvalidParams, Conflict, NotFound, Forbidden."""
    addon = addons.find_for(tx, actor, named, "addon:update")
    database = postgres_databases.find(tx, addon.id) if addon.service == SERVICE else None
    engine = engines.find(tx, database.engine_id) if database else None
    if database is None or engine is None:
        raise NotFound("database", f"{addon.name} is no database, or none yet.")
    if engine.shared:
        raise InvalidParams(f"cannot upgrade {addon.name}: its server is not its own ({database.plan}); {_INSTEAD}")
    if engine.pair:
        raise InvalidParams(f"cannot upgrade {addon.name}: one with a standby ({database.plan}) is not; {_INSTEAD}")
    found = postgres_upgrades.find(tx, addon.id)
    if found is not None and (found.busy or found.scratch_id):
        raise Conflict(f"cannot do this: an upgrade of {addon.name} is under way; see pg:upgrade:wait")
    if database.step is not Step.AVAILABLE:
        raise Conflict(f"cannot do this with {addon.name} now: it is {database.step}; wait with pg:wait")
    return addon, database, engine


def _put(
    tx: Transaction,
    actor: Actor,
    addon: AddOn,
    engine: Engine,
    kind: UpgradeKind,
    status: UpgradeStatus,
    target: str,
) -> Upgrade:
    made = Upgrade(
        addon_id=addon.id,
        kind=kind,
        status=status,
        version_from=engine.version,
        version_to=target,
        attempts=0,
        report="",
        scratch_id=None,
        created_at=now(),
        updated_at=now(),
        finished_at=None,
    )
    postgres_upgrades.put(tx, made)
    words = "Upgrade" if status is UpgradeStatus.WAITING else "Try an upgrade"
    _tell(tx, actor, addon, f"{words} of {addon.name} from PostgreSQL {engine.version} to {target}")
    changes.record(tx, "engine")
    return made


def _tell(tx: Transaction, actor: Actor, addon: AddOn, line: str) -> None:
    words = f"{line} by user {actor.account.email}"
    events.insert(tx, "postgres:upgrade", app_id=addon.app_id, by=actor, resource_id=addon.id, line=words)
