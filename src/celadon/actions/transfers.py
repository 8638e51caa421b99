"""Backups, restores and copies: what users ask for. What is done about it is written by `transferring.py`."""

import hmac
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from celadon.actions import access, addons, transferring
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.model import destination
from celadon.model import transfer as rules
from celadon.model import transfer_schedule as schedule_rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE, PostgresDatabase, Step
from celadon.model.transfer import URL_LIFETIME, LogLine, Transfer, TransferKind, TransferStatus
from celadon.model.transfer_schedule import TransferSchedule
from celadon.store import attachments, changes, events, postgres_databases, transfer_schedules, transfers
from celadon.store.database import Transaction

# Where backups are read, below the API's URL.
PATH = "/postgres-backups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A transfer and what it said."""

    transfer: Transfer
    log: list[LogLine]


def list_of_app(context: Context, actor: Actor, app_name: str) -> list[Transfer]:
    """Of all databases that the app owns; the oldest first."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "transfer:read")
        return transfers.list_of_app(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, named: str) -> Logged:
    """By id, number or name (`b001`). Raises NotFound."""
    with context.database.read() as tx:
        found = _find(tx, actor, app_name, named, "transfer:read")
        return Logged(transfer=found, log=transfers.log_of(tx, found.id))


def _find(tx: Transaction, actor: Actor, app_name: str, named: str, permission: str) -> Transfer:
    app = access.app_for(tx, actor, app_name, permission)
    num = rules.number(named)
    found = transfers.find_of_app(tx, app.id, num=num, transfer_id=named)
    if found is None:
        raise NotFound("backup", f"Couldn't find that backup: {app.name} has no {named[:60]}.")
    return found


def _database(tx: Transaction, actor: Actor, named: str, permission: str) -> tuple[AddOn, PostgresDatabase]:
    """A database by its add-on's id or name, in which the actor may do this. Raises NotFound, Forbidden, Conflict."""
    addon = addons.find_for(tx, actor, named, "addon:read")
    access.app_for(tx, actor, addon.app_id, permission)
    if addon.service != SERVICE:
        raise NotFound("database", f"Couldn't find that database: {addon.name} is an add-on of {addon.service}.")
    database = postgres_databases.find(tx, addon.id)
    if database is None or database.step is not Step.AVAILABLE:
        raise Conflict(f"cannot do this with {addon.name} now: it is still being made; wait with pg:wait")
    return addon, database


def _called(tx: Transaction, addon: AddOn) -> str:
    """What its app calls a database: the colour that says more than DATABASE."""
    names = [one.name for one in attachments.list_of_addons(tx, [addon.id]) if one.app_id == addon.app_id]
    coloured = [name for name in names if name != "DATABASE"]
    return (coloured or names or [addon.name])[0].removeprefix("HEROKU_POSTGRESQL_")


def capture(context: Context, actor: Actor, named: str, *, expire: bool = True) -> Transfer:
    """Back a database up by hand. Without `expire` one that has as many as its plan keeps is refused (InvalidParams)."""
    with context.database.transaction() as tx:
        addon, database = _database(tx, actor, named, "transfer:update")
        if not expire:
            manual = [one for one in transfers.list_of_addon(tx, addon.id) if one.kept and not one.scheduled]
            rules.check_room(len(manual), database.plan)
        return transferring.insert(
            tx,
            app_id=addon.app_id,
            addon_id=addon.id,
            kind=TransferKind.BACKUP,
            from_name=_called(tx, addon),
        )


def restore(context: Context, actor: Actor, named: str, backup_url: str | None) -> Transfer:
    """Replace what a database holds by a backup (by its place, see `rules.place`) or by an archive somewhere else."""
    if not backup_url:
        raise InvalidParams("cannot restore: say which backup by `backup_url`")
    backup_id = rules.of_place(backup_url)
    if backup_id is None:
        destination.parse(backup_url)
    with context.database.transaction() as tx:
        addon, _ = _database(tx, actor, named, "transfer:update")
        from_name = "BACKUP"
        if backup_id is not None:
            source = transfers.find(tx, backup_id)
            if source is None or not source.kept:
                raise NotFound("backup")
            access.app_for(tx, actor, source.app_id, "transfer:download")
            from_name = source.name
        return transferring.insert(
            tx,
            app_id=addon.app_id,
            addon_id=addon.id,
            kind=TransferKind.RESTORE,
            from_name=from_name,
            to_name=_called(tx, addon),
            source_id=backup_id,
            url=backup_url if backup_id is None else None,
        )


def copy(context: Context, actor: Actor, named: str, *, from_url: str | None, to_url: str | None) -> Transfer:
    """Replace what a database holds by what another one of this platform does; both are said by their URLs.

    Raises InvalidParams for an URL of a database elsewhere.
    """
    with context.database.transaction() as tx:
        _database(tx, actor, named, "transfer:update")
        source, target = _of_url(tx, from_url), _of_url(tx, to_url)
        if source == target:
            raise InvalidParams("cannot copy a database onto itself")
        from_addon, _ = _database(tx, actor, source, "transfer:download")
        to_addon, _ = _database(tx, actor, target, "transfer:update")
        return transferring.insert(
            tx,
            app_id=to_addon.app_id,
            addon_id=to_addon.id,
            kind=TransferKind.COPY,
            from_name=_called(tx, from_addon),
            to_name=_called(tx, to_addon),
            source_id=from_addon.id,
        )


def _of_url(tx: Transaction, url: str | None) -> str:
    """The add-on of the database that a config var leads to, password and all; what the actor may is asked apart."""
    found = databases.of_url(tx, url or "")
    if found is None:
        raise InvalidParams(
            "cannot copy that database: it is none of this platform's; use pg_dump and pg:backups:restore for others"
        )
    return found


def cancel(context: Context, actor: Actor, app_name: str, named: str) -> Transfer:
    """End one that waits or runs. Raises Conflict for one that is over."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, _find(tx, actor, app_name, named, "transfer:update").id)
        if found is None or found.over:
            raise Conflict("cannot cancel it: it is over")
        transfers.update(tx, found.id, now=now(), cancel_asked=True)
        if found.status is TransferStatus.PENDING:
            transfers.update(tx, found.id, now=now(), status=TransferStatus.CANCELLED, finished_at=now())
        changes.record(tx, "transfer", found.app_id)
        return transfers.find(tx, found.id) or found


def delete(context: Context, actor: Actor, app_name: str, named: str) -> Transfer:
    """Forget one that is over, with its archive. Raises Conflict."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, _find(tx, actor, app_name, named, "transfer:update").id)
        if found is None or not found.over or transfers.restores_of(tx, found.id):
            raise Conflict("cannot delete it: it is in use; wait for its end, or cancel that with pg:backups:cancel")
        transfers.update(tx, found.id, now=now(), deleted_at=now(), check=rules.Check.NONE)
        payload = {"name": found.name}
        events.insert(
            tx, "postgres:backup-delete", app_id=found.app_id, by=actor, resource_id=found.id, payload=payload
        )
        changes.record(tx, "transfer", found.app_id)
    archive(context, found).unlink(missing_ok=True)
    return found


def archive(context: Context, transfer: Transfer) -> Path:
    """The file of a backup."""
    return context.settings.home / "backups" / transfer.addon_id / f"{transfer.id}.dump"


def public_path(context: Context, actor: Actor, app_name: str, named: str) -> tuple[str, float]:
    """A path by which anybody may read a backup for some minutes, and when that ends. Raises NotFound, Conflict."""
    with context.database.read() as tx:
        found = _find(tx, actor, app_name, named, "transfer:download")
    if not found.kept:
        raise Conflict(f"cannot show {found.name}: it is no backup that is complete")
    until = int(time.time() + URL_LIFETIME.total_seconds())
    words = f"{found.id}.{until}"
    return f"{PATH}/{words}.{context.database.secrets.sign('backup', words)}", float(until)


def to_read(context: Context, token: str) -> Path:
    """The file that such a path gives; raises NotFound."""
    words, _, key = token.rpartition(".")
    transfer_id, _, until = words.partition(".")
    good = hmac.compare_digest(key.encode(), context.database.secrets.sign("backup", words).encode())
    if not good or not until.isdecimal() or int(until) < time.time():
        raise NotFound("backup", "Couldn't find that backup: its URL is not whole, or older than ten minutes.")
    found = transferring.find(context, transfer_id)
    if found is None or not found.kept:
        raise NotFound("backup", "Couldn't find that backup: it was deleted.")
    return archive(context, found)


def schedules(context: Context, actor: Actor, named: str) -> list[TransferSchedule]:
    """Those of all databases of the app that owns this one, as Heroku answers."""
    with context.database.read() as tx:
        addon = addons.find_for(tx, actor, named, "addon:read")
        access.app_for(tx, actor, addon.app_id, "transfer:read")
        found = transfer_schedules.list_of_app(tx, addon.app_id)
        names = [_var(tx, one) for one in found]
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def _var(tx: Transaction, schedule: TransferSchedule) -> str:
    """The config var of its database now: after a promotion DATABASE_URL is another one's."""
    attached = attachments.list_of_addons(tx, [schedule.addon_id])
    names = sorted(one.name for one in attached if one.app_id == schedule.app_id and not one.namespace)
    first = "DATABASE" if "DATABASE" in names else names[0] if names else ""
    return f"{first}_URL" if first else schedule.name


def schedule(
    context: Context, actor: Actor, named: str, *, hour: str, timezone: str, name: str | None
) -> TransferSchedule:
    """Back a database up each day at this hour, in place of another hour. Raises InvalidParams."""
    at, zone = schedule_rules.check_hour(hour), schedule_rules.check_timezone(timezone)
    with context.database.transaction() as tx:
        addon, _ = _database(tx, actor, named, "transfer:update")
        made = TransferSchedule(
            id=str(uuid.uuid4()),
            app_id=addon.app_id,
            addon_id=addon.id,
            name=(name or f"{_called(tx, addon)}_URL")[:200],
            hour=at,
            timezone=zone,
            next_at=schedule_rules.next_run(at, zone, now()),
            created_at=now(),
            updated_at=now(),
        )
        transfer_schedules.delete_of_addon(tx, addon.id)
        transfer_schedules.insert(tx, made)
        return made


def unschedule(context: Context, actor: Actor, named: str, schedule_id: str) -> TransferSchedule:
    """Raises NotFound."""
    with context.database.transaction() as tx:
        addon = addons.find_for(tx, actor, named, "addon:read")
        access.app_for(tx, actor, addon.app_id, "transfer:update")
        found = transfer_schedules.of_addon(tx, addon.id)
        if found is None or schedule_id not in (found.id, found.name):
            raise NotFound("schedule")
        transfer_schedules.delete_of_addon(tx, addon.id)
        return found
