"""What the platform writes about transfers as it carries them out. What users ask for is in `transfers.py`."""

import uuid
from collections.abc import Mapping, Sequence

from celadon.actions import mails
from celadon.actions.context import Context, now
from celadon.model import transfer as rules
from celadon.model import transfer_schedule
from celadon.model.postgres_database import Step
from celadon.model.transfer import ATTEMPTS, CHECKS, Check, Transfer, TransferKind, TransferStatus, TransferStep
from celadon.model.transfer_schedule import TransferSchedule
from celadon.store import accounts, addons, apps, changes, events, postgres_databases, transfer_schedules, transfers
from celadon.store.database import Transaction


def insert(
    tx: Transaction,
    *,
    app_id: str,
    addon_id: str,
    kind: TransferKind,
    from_name: str,
    to_name: str = "",
    scheduled: bool = False,
    source_id: str | None = None,
    url: str | None = None,
) -> Transfer:
    """A transfer that waits, with the app's next number."""
    apps.lock(tx, app_id)
    at = now()
    made = Transfer(
        id=str(uuid.uuid4()),
        app_id=app_id,
        addon_id=addon_id,
        num=transfers.next_num(tx, app_id),
        kind=kind,
        scheduled=scheduled,
        source_id=source_id,
        from_name=from_name,
        to_name=to_name,
        status=TransferStatus.PENDING,
        step=TransferStep.WAITING,
        created_at=at,
        updated_at=at,
    )
    transfers.insert(tx, made, url)
    changes.record(tx, "transfer", app_id)
    return made


def open_ones(context: Context) -> list[Transfer]:
    with context.database.read() as tx:
        return transfers.list_open(tx)


def owners(context: Context, found: Sequence[Transfer]) -> dict[str, str]:
    """App → its owner, of these transfers' apps."""
    if not found:
        return {}
    with context.database.read() as tx:
        return {app.id: app.owner_id for app in apps.by_ids(tx, {one.app_id for one in found})}


def to_check(context: Context) -> list[Transfer]:
    with context.database.read() as tx:
        return transfers.list_to_check(tx)


def find(context: Context, transfer_id: str) -> Transfer | None:
    with context.database.read() as tx:
        return transfers.find(tx, transfer_id)


def url(context: Context, transfer_id: str) -> str | None:
    """Where a restore fetches its archive; None when it is one of our backups."""
    with context.database.read() as tx:
        return transfers.url(tx, transfer_id)


def begin(context: Context, transfer_id: str) -> Transfer | None:
    """It runs from now on, unless it was cancelled, another one runs on its database, or that is being upgraded."""
    with context.database.read() as tx:
        # One that waits for another is looked at four times a second: it takes no turn of the writers for that.
        if not _may_begin(tx, transfers.find(tx, transfer_id)):
            return None
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or not _may_begin(tx, found):
            return None
        if found.status is TransferStatus.PENDING:
            started = found.started_at or now()
            transfers.update(tx, found.id, now=now(), status=TransferStatus.RUNNING, started_at=started)
        return transfers.find(tx, transfer_id)


def _may_begin(tx: Transaction, found: Transfer | None) -> bool:
    if found is None or found.over or transfers.is_taken(tx, found.addon_id, found.id):
        return False
    ends = [postgres_databases.find(tx, one) for one in (found.addon_id, found.source_id) if one]
    return not any(one is not None and one.step is Step.UPGRADING for one in ends)


def step(context: Context, transfer_id: str, step: TransferStep, **values: object) -> None:
    """Its next step is this one."""
    with context.database.transaction() as tx:
        transfers.update(tx, transfer_id, now=now(), step=step, **values)


def progress(context: Context, transfer_id: str, processed: int) -> bool:
    """Write how far it is; True when it is to be cancelled."""
    with context.database.transaction() as tx:
        return transfers.progress(tx, transfer_id, processed, now())


def counted(context: Context, transfer_id: str, rows: Mapping[str, int]) -> None:
    """What its tables held at the moment of the backup."""
    with context.database.transaction() as tx:
        transfers.update(tx, transfer_id, now=now(), row_counts=dict(rows))


def say(context: Context, transfer_id: str, messages: Sequence[str]) -> None:
    """Lines for whoever wants to know how it goes."""
    if messages:
        with context.database.transaction() as tx:
            transfers.say(tx, transfer_id, messages, now())


def succeeded(context: Context, transfer_id: str, *, processed: int, warnings: int = 0) -> None:
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or found.over:
            return
        check = Check.DUE if found.kind is TransferKind.BACKUP and found.scheduled else Check.NONE
        _end(tx, found, TransferStatus.SUCCEEDED, processed_bytes=processed, warnings=warnings, check=check)


def cancelled(context: Context, transfer_id: str) -> None:
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is not None and not found.over:
            transfers.say(tx, found.id, ["Cancelled."], now())
            _end(tx, found, TransferStatus.CANCELLED)


def failed(context: Context, transfer_id: str, why: str) -> None:
    """It is over; the owner of a scheduled one is told."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or found.over:
            return
        transfers.say(tx, found.id, [why], now())
        _end(tx, found, TransferStatus.FAILED, error=why)
        if found.scheduled:
            _tell(tx, found, "postgres:backup-failed", f"Backup {found.name} failed: {why}", "Backup failed")


def interrupted(context: Context, transfer_id: str, why: str) -> None:
    """What can be done anew waits for its turn again, some times; then it has failed."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or found.over:
            return
        again = found.attempts + 1 < ATTEMPTS and found.step is not TransferStep.LOADING
        if again:
            values = {"status": TransferStatus.PENDING, "step": TransferStep.WAITING, "attempts": found.attempts + 1}
            transfers.say(tx, found.id, [f"{why} It is begun anew."], now())
            transfers.update(tx, found.id, now=now(), processed_bytes=0, **values)
            changes.record(tx, "transfer", found.app_id)
    if not again:
        failed(context, transfer_id, why)


def _end(tx: Transaction, found: Transfer, status: TransferStatus, **values: object) -> None:
    transfers.forget_url(tx, found.id)
    transfers.update(tx, found.id, now=now(), status=status, finished_at=now(), **values)
    payload = {"name": found.name, "database": found.from_name, "status": status}
    events.insert(tx, f"postgres:{found.kind}", app_id=found.app_id, resource_id=found.id, payload=payload)
    changes.record(tx, "transfer", found.app_id)


def checking(context: Context, transfer_id: str, engine_id: str | None) -> None:
    """It is being restored in this engine, which is removed afterwards."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is not None:
            values = {"check_engine_id": engine_id, "check_attempts": found.check_attempts + 1}
            transfers.update(tx, found.id, now=now(), check=Check.RUNNING, **values)


def not_checked(context: Context, transfer_id: str) -> None:
    """There is nothing to check any more."""
    with context.database.transaction() as tx:
        transfers.update(tx, transfer_id, now=now(), check=Check.NONE, check_engine_id=None)


def check_interrupted(context: Context, transfer_id: str, why: str) -> None:
    """The platform was in the way of a check: it is due again, some times; then nobody knows, and nobody is blamed."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or found.check not in (Check.DUE, Check.RUNNING):
            return
        values: dict[str, object] = {"check": Check.DUE}
        if found.check_attempts >= CHECKS:
            error = f"It could not be checked, and may be good or not: {why}"
            values = {"check": Check.UNKNOWN, "check_error": error}
        transfers.update(tx, found.id, now=now(), check_engine_id=None, **values)
        changes.record(tx, "transfer", found.app_id)


def checked(context: Context, transfer_id: str, wrong: str | None) -> None:
    """What came of restoring a backup: an event, a log line and a letter when it is no good."""
    with context.database.transaction() as tx:
        found = transfers.lock(tx, transfer_id)
        if found is None or found.check not in (Check.DUE, Check.RUNNING):
            return
        values: dict[str, object] = {"check": Check.PASSED, "verified_at": now(), "check_error": None}
        if wrong is not None:
            values = {"check": Check.FAILED, "check_error": wrong}
            line = f"Backup {found.name} cannot be trusted: {wrong}"
            _tell(tx, found, "postgres:backup-unverified", line, "Backup could not be verified")
        transfers.update(tx, found.id, now=now(), check_engine_id=None, **values)
        changes.record(tx, "transfer", found.app_id)


def _tell(tx: Transaction, found: Transfer, action: str, line: str, subject: str) -> None:
    payload = {"name": found.name, "database": found.from_name}
    events.insert(tx, action, app_id=found.app_id, resource_id=found.id, payload=payload, line=line)
    (app,) = apps.by_ids(tx, {found.app_id}) or (None,)
    owner = accounts.by_ids(tx, {app.owner_id}).get(app.owner_id) if app else None
    if app is not None and owner is not None:
        text = (
            f"{line}\n\nDatabase: {found.from_name} of {app.name}\n\n"
            f"Look at it with `celadon pg:backups:info {found.name} -a {app.name}`, and take another one with "
            f"`celadon pg:backups:capture -a {app.name}`.\n"
        )
        mails.send(tx, owner.email, f"[{app.name}] {subject}", text)


def begin_scheduled(context: Context) -> int:
    """Have backups wait whose hour has come, once for each hour however long nobody looked; returns how many.

    Who looks four times a second takes no turn of the writers for it.
    """
    with context.database.read() as tx:
        if not transfer_schedules.any_due(tx, now()):
            return 0
    with context.database.transaction() as tx:
        due = transfer_schedules.list_due(tx, now())
        for schedule in due:
            following = transfer_schedule.next_run(schedule.hour, schedule.timezone, now())
            transfer_schedules.update(tx, schedule.id, now=now(), next_at=following)
            _schedule(tx, schedule)
        return len(due)


def _schedule(tx: Transaction, schedule: TransferSchedule) -> None:
    addon = addons.find_by_id(tx, schedule.addon_id)
    if addon is None or postgres_databases.find(tx, schedule.addon_id) is None:
        transfer_schedules.delete_of_addon(tx, schedule.addon_id)
        return
    insert(
        tx,
        app_id=addon.app_id,
        addon_id=addon.id,
        kind=TransferKind.BACKUP,
        from_name=schedule.name,
        scheduled=True,
    )


def expire(context: Context, addon_id: str) -> list[Transfer]:
    """Forget what the plan does not keep any longer; the caller removes the files of what is returned."""
    with context.database.transaction() as tx:
        database = postgres_databases.find(tx, addon_id)
        if database is None:
            return []
        gone = rules.superfluous(transfers.list_of_addon(tx, addon_id), rules.rule(database.plan), now())
        gone = [one for one in gone if not transfers.restores_of(tx, one.id) and one.check is not Check.RUNNING]
        for one in gone:
            transfers.update(tx, one.id, now=now(), deleted_at=now())
        return gone


def forget(context: Context, addon_id: str) -> None:
    """The database is gone, and with it what was kept of it."""
    with context.database.transaction() as tx:
        transfer_schedules.delete_of_addon(tx, addon_id)
        for one in transfers.list_of_addon(tx, addon_id):
            over = {} if one.over else {"status": TransferStatus.CANCELLED, "finished_at": now()}
            transfers.update(tx, one.id, now=now(), deleted_at=now(), check=Check.NONE, **over)
