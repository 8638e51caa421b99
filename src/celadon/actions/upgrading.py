"""What the platform writes about upgrades of databases as it carries them out."""

import logging

from celadon.actions import mails
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Place, place_of
from celadon.model import postgres_upgrade as rules
from celadon.model.addon import AddOn
from celadon.model.engine import EngineState
from celadon.model.postgres_database import Origin, Step
from celadon.model.postgres_upgrade import REPORT, Upgrade, UpgradeKind, UpgradeStatus
from celadon.model.transfer import TransferStatus
from celadon.store import (
    accounts,
    addons,
    apps,
    changes,
    engines,
    events,
    postgres_databases,
    postgres_upgrades,
    transfers,
)
from celadon.store.database import Transaction

log = logging.getLogger(__name__)


def unfinished(context: Context) -> list[Upgrade]:
    """Those that there is something to do for, who waits longest first."""
    with context.database.read() as tx:
        return postgres_upgrades.list_unfinished(tx)


def find(context: Context, addon_id: str) -> Upgrade | None:
    with context.database.read() as tx:
        return postgres_upgrades.find(tx, addon_id)


def forget(context: Context, addon_id: str) -> None:
    """Its database is gone."""
    with context.database.transaction() as tx:
        postgres_upgrades.delete(tx, addon_id)


def removed(context: Context, addon_id: str) -> None:
    """The server that a copy was tried in is gone."""
    with context.database.transaction() as tx:
        postgres_upgrades.update(tx, addon_id, now=now(), scratch_id=None)


def trying(context: Context, addon_id: str, engine_id: str) -> Upgrade | None:
    """A copy is upgraded in this server, which is removed afterwards; None when it is not to be tried any more."""
    with context.database.transaction() as tx:
        found = postgres_upgrades.find(tx, addon_id)
        if found is None or found.status is not UpgradeStatus.TRYING:
            return None
        postgres_upgrades.update(tx, addon_id, now=now(), scratch_id=engine_id, attempts=found.attempts + 1)
        return postgres_upgrades.find(tx, addon_id)


def tried(context: Context, addon_id: str, report: str) -> None:
    """A copy could be upgraded: that was all, or the database itself may be now."""
    with context.database.transaction() as tx:
        found = postgres_upgrades.find(tx, addon_id)
        if found is None or found.status is not UpgradeStatus.TRYING:
            return
        dry = found.kind is UpgradeKind.DRY_RUN
        then = UpgradeStatus.SUCCEEDED if dry else UpgradeStatus.PREPARED
        _end(tx, found, then, report, "could be upgraded: a copy of it was")


def begin(context: Context, addon_id: str) -> Place | None:
    """Close a database for its upgrade, one more time if need be; None while something else is at work on it."""
    with context.database.read() as tx:
        # One that waits is looked at four times a second: it takes no turn of the writers for that.
        if not _may_begin(tx, postgres_upgrades.find(tx, addon_id), place_of(tx, addon_id)):
            return None
    with context.database.transaction() as tx:
        found, place = postgres_upgrades.find(tx, addon_id), place_of(tx, addon_id)
        if found is None or place is None or not _may_begin(tx, found, place):
            return None
        if found.status is UpgradeStatus.WAITING:
            postgres_databases.update(tx, addon_id, now=now(), step=Step.UPGRADING)
            engines.update(tx, place.engine.id, now=now(), state=EngineState.RESTORING)
            changes.record(tx, "engine")
        values = {"status": UpgradeStatus.RUNNING, "attempts": found.attempts + 1}
        postgres_upgrades.update(tx, addon_id, now=now(), **values)
        return place_of(tx, addon_id)


def _may_begin(tx: Transaction, found: Upgrade | None, place: Place | None) -> bool:
    if found is None or place is None:
        return False
    if found.status is UpgradeStatus.WAITING:
        return place.database.step is Step.AVAILABLE and not _is_taken(tx, place)
    return found.status is UpgradeStatus.RUNNING and place.database.step is Step.UPGRADING


def _is_taken(tx: Transaction, place: Place) -> bool:
    """Whether a transfer reads or writes it, or another database is being made from it."""
    addon_id = place.database.addon_id
    if place.database.origin is Origin.FOLLOW:
        return True
    running = [one for one in transfers.list_open(tx) if one.status is TransferStatus.RUNNING]
    if any(addon_id in (one.addon_id, one.source_id) for one in running):
        return True
    return any(one.step is Step.COPYING for one in postgres_databases.made_from(tx, addon_id))


def advance(context: Context, addon_id: str, status: UpgradeStatus) -> bool:
    """It is so far now; False when its database is being removed, and nothing more is to be done."""
    with context.database.transaction() as tx:
        return _advance(tx, addon_id, status) is not None


def _advance(tx: Transaction, addon_id: str, status: UpgradeStatus) -> Place | None:
    found, place = postgres_upgrades.find(tx, addon_id), place_of(tx, addon_id)
    if found is None or place is None or place.database.step is not Step.UPGRADING:
        return None
    if found.status is not status and not rules.may_become(found.status, status):
        return None
    postgres_upgrades.update(tx, addon_id, now=now(), status=status)
    return place


def switched(context: Context, addon_id: str) -> bool:
    """Its files are of the new version; False as `advance`."""
    with context.database.transaction() as tx:
        found, place = postgres_upgrades.find(tx, addon_id), _advance(tx, addon_id, UpgradeStatus.FINISHING)
        if found is None or place is None:
            return False
        engines.update(tx, place.engine.id, now=now(), version=found.version_to)
        return True


def opened(context: Context, addon_id: str) -> bool:
    """It takes connections again; those that follow it are made anew, since they are of the old version.

    False as `advance`.
    """
    with context.database.transaction() as tx:
        place = place_of(tx, addon_id)
        if place is None or place.database.step is not Step.UPGRADING:
            return False
        postgres_databases.update(tx, addon_id, now=now(), step=Step.AVAILABLE)
        engines.update(tx, place.engine.id, now=now(), state=EngineState.RUNNING)
        for one in postgres_databases.made_from(tx, addon_id):
            if one.origin is Origin.FOLLOW and one.step in (Step.AVAILABLE, Step.REBUILDING):
                postgres_databases.update(tx, one.addon_id, now=now(), step=Step.REBUILDING)
                values = {"state": EngineState.RESTORING, "version": place.engine.version}
                engines.update(tx, one.engine_id, now=now(), **values)
        changes.record(tx, "engine")
        return True


def succeeded(context: Context, addon_id: str) -> None:
    with context.database.transaction() as tx:
        found = postgres_upgrades.find(tx, addon_id)
        if found is not None and found.status is UpgradeStatus.FINISHING:
            _end(tx, found, UpgradeStatus.SUCCEEDED, "", "was upgraded")


def failed(context: Context, addon_id: str, report: str) -> None:
    """It is as it was, and open again; its owner is told why."""
    with context.database.transaction() as tx:
        found, place = postgres_upgrades.find(tx, addon_id), place_of(tx, addon_id)
        if found is None or not rules.may_become(found.status, UpgradeStatus.FAILED):
            return
        if place is not None and place.database.step is Step.UPGRADING:
            postgres_databases.update(tx, addon_id, now=now(), step=Step.AVAILABLE)
            engines.update(tx, place.engine.id, now=now(), state=EngineState.RUNNING)
            changes.record(tx, "engine")
        _end(tx, found, UpgradeStatus.FAILED, report, "cannot be upgraded, and is as it was")


def _end(tx: Transaction, found: Upgrade, status: UpgradeStatus, report: str, words: str) -> None:
    at = now()
    over = {} if status is UpgradeStatus.PREPARED else {"finished_at": at}
    # The next part is begun as often again.
    values = {"status": status, "report": report[:REPORT], "attempts": 0}
    postgres_upgrades.update(tx, found.addon_id, now=at, **values, **over)
    addon = addons.find_by_id(tx, found.addon_id)
    if addon is not None:
        line = f"{addon.name} {words}, from PostgreSQL {found.version_from} to {found.version_to}"
        _tell(tx, addon, line, report)


def _tell(tx: Transaction, addon: AddOn, line: str, report: str) -> None:
    """The app's log, and a letter to its owner with all that there is to say."""
    shown = " ".join(f"{line}. {report}".split())[:1000]
    events.insert(tx, "postgres:upgraded", app_id=addon.app_id, resource_id=addon.id, line=shown)
    (app,) = apps.by_ids(tx, {addon.app_id}) or (None,)
    owner = accounts.by_ids(tx, {app.owner_id}).get(app.owner_id) if app else None
    if app is not None and owner is not None:
        text = f"{line}.\n\n{report}\n\nLook at it with `celadon pg:info {addon.name} -a {app.name}`.\n"
        mails.send(tx, owner.email, f"[{app.name}] Upgrade of {addon.name}", text)
