"""Backups of a database: what is kept, new ones by hand and each day, what becomes of one: read, restored, deleted."""

from functools import partial

from celadon.actions import transfers
from celadon.actions.transfers import Logged
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.databases import Shown, database_page, require, shown
from celadon.dashboard.forms import Form, confirm, take, text
from celadon.model import transfer as rules
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.postgres_database import SIZES
from celadon.model.transfer import Transfer, TransferKind
from celadon.model.transfer_schedule import TransferSchedule

_SHOWN = 100
_URL_LIMIT = 4000
_HOURS = tuple(f"{hour:02}:00" for hour in range(24))


def show(call: Call, status: int = 200, wrong: str = "") -> Page:
    found = shown(call)
    require(found, "transfer:read")
    of_app = transfers.list_of_app(call.context, call.actor, found.described.app.id)
    mine = [one for one in reversed(of_app) if one.addon_id == found.place.addon_id]
    plan = found.place.plan
    return database_page(
        call,
        found,
        "backups",
        "database_backups.html",
        status,
        wrong,
        transfers=mine[:_SHOWN],
        left=len(mine[_SHOWN:]),
        busy=any(not one.over for one in mine),
        # Of any database of the app: a staging one is filled with what production was.
        kept=[one for one in reversed(of_app) if one.kept][:_SHOWN],
        logged=_logged(call, found),
        schedule=_schedule(call, found),
        rule=rules.rule(plan) if plan in SIZES else None,
        hours=_HOURS,
        given=call.form() if wrong else {},
        doing=doing,
        kind=lambda one: "good" if one.kept else "bad" if one.error else "",
    )


def doing(transfer: Transfer) -> str:
    """What it is, in words."""
    return {
        TransferKind.BACKUP: "Scheduled backup" if transfer.scheduled else "Backup",
        TransferKind.RESTORE: f"Restore of {transfer.from_name}",
        TransferKind.COPY: f"Copy of {transfer.from_name}",
    }[transfer.kind]


def _logged(call: Call, found: Shown) -> Logged | None:
    """The one that the query names, with what it said; raises NotFound."""
    named = call.request.query.get("transfer", "")
    if not named:
        return None
    logged = transfers.find(call.context, call.actor, found.described.app.id, named)
    if logged.transfer.addon_id != found.place.addon_id:
        raise NotFound("backup")
    return logged


def _schedule(call: Call, found: Shown) -> TransferSchedule | None:
    of_app = transfers.schedules(call.context, call.actor, found.place.addon_id)
    return next((one for one in of_app if one.addon_id == found.place.addon_id), None)


def change(call: Call) -> Page:
    found = shown(call)
    steps = {
        "capture": _capture,
        "schedule": _reschedule,
        "unschedule": _unschedule,
        "download": _download,
        "cancel": _cancel,
        "delete": _delete,
        "restore": _restore,
    }
    return take(call, {name: partial(step, call, found) for name, step in steps.items()}, partial(show, call))


def _capture(call: Call, found: Shown, form: Form) -> str:
    transfers.capture(call.context, call.actor, found.place.addon_id, expire=form.get("expire") == "yes")
    return f"{found.path}/backups"


def _reschedule(call: Call, found: Shown, form: Form) -> str:
    transfers.schedule(
        call.context,
        call.actor,
        found.place.addon_id,
        hour=form.get("hour", "").removesuffix(":00"),
        timezone=text(form, "timezone") or "UTC",
        name=None,
    )
    return f"{found.path}/backups"


def _unschedule(call: Call, found: Shown, form: Form) -> str:
    schedule = _schedule(call, found)
    transfers.unschedule(call.context, call.actor, found.place.addon_id, schedule.id if schedule else "")
    return f"{found.path}/backups"


def _download(call: Call, found: Shown, form: Form) -> str:
    """To the file itself, by an address that lasts some minutes."""
    path, _ = transfers.public_path(call.context, call.actor, found.described.app.id, _named(found, call, form))
    return path


def _cancel(call: Call, found: Shown, form: Form) -> str:
    transfers.cancel(call.context, call.actor, found.described.app.id, _named(found, call, form))
    return f"{found.path}/backups"


def _delete(call: Call, found: Shown, form: Form) -> str:
    named = _named(found, call, form)
    confirm(form, named, "delete the backup")
    transfers.delete(call.context, call.actor, found.described.app.id, named)
    return f"{found.path}/backups"


def _named(found: Shown, call: Call, form: Form) -> str:
    """The transfer that a form is about, if it is one of this database; raises NotFound."""
    named = form.get("transfer", "")
    if (
        transfers.find(call.context, call.actor, found.described.app.id, named).transfer.addon_id
        != found.place.addon_id
    ):
        raise NotFound("backup")
    return named


def _restore(call: Call, found: Shown, form: Form) -> str:
    """From a backup of any database of the app, or from an address."""
    confirm(form, found.described.addon.name, "restore into it")
    named, address = text(form, "from"), text(form, "url")
    if (named is None) == (address is None):
        raise InvalidParams("cannot restore: choose a backup, or give the address of an archive, not both")
    if named is not None:
        source = transfers.find(call.context, call.actor, found.described.app.id, named).transfer
        address = rules.place(source.id)
    transfers.restore(call.context, call.actor, found.place.addon_id, (address or "")[:_URL_LIMIT])
    return f"{found.path}/backups"
