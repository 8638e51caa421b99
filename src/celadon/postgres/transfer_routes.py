"""Backups by Heroku's data API, as its client asks for them: each function answers one route."""

from datetime import UTC, datetime

from celadon.actions import transfers
from celadon.actions.transfers import Logged
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Route, route
from celadon.model.errors import InvalidParams
from celadon.model.transfer import Check, Transfer, TransferKind, TransferStatus, place
from celadon.model.transfer_schedule import TransferSchedule

# What clients tell kinds apart by: the programs at both ends.
_ENDS = {
    TransferKind.BACKUP: ("pg_dump", "gof3r"),
    TransferKind.RESTORE: ("gof3r", "pg_restore"),
    TransferKind.COPY: ("pg_dump", "pg_restore"),
}
_URL_LIMIT = 4000


def list_of_app(call: Call) -> Answer:
    return Answer(value=[shape(one) for one in transfers.list_of_app(call.context, call.actor, call.app)])


def show(call: Call) -> Answer:
    found = transfers.find(call.context, call.actor, call.app, call.params["transfer"])
    return Answer(value=_with_log(found) if call.request.query.get("verbose") else shape(found.transfer))


def cancel(call: Call) -> Answer:
    return Answer(value=shape(transfers.cancel(call.context, call.actor, call.app, call.params["transfer"])))


def delete(call: Call) -> Answer:
    return Answer(value=shape(transfers.delete(call.context, call.actor, call.app, call.params["transfer"])))


def public_url(call: Call) -> Answer:
    path, until = transfers.public_path(call.context, call.actor, call.app, call.params["transfer"])
    return Answer(value={"url": f"{call.api_url}{path}", "expires_at": _instant(until)}, status=201)


def _instant(seconds: float) -> str:
    return shapes.instant(datetime.fromtimestamp(seconds, UTC))


def capture(call: Call) -> Answer:
    """`expire: false` is refused where the plan keeps no more; otherwise the oldest one goes."""
    expire = call.body().values.get("expire", True) is not False
    made = transfers.capture(call.context, call.actor, call.params["database"], expire=expire)
    return Answer(value=shape(made), status=201)


def restore(call: Call) -> Answer:
    url = call.body().text("backup_url", _URL_LIMIT)
    return Answer(value=shape(transfers.restore(call.context, call.actor, call.params["database"], url)), status=201)


def copy(call: Call) -> Answer:
    body = call.body()
    made = transfers.copy(
        call.context,
        call.actor,
        call.params["database"],
        from_url=body.text("from_url", _URL_LIMIT),
        to_url=body.text("to_url", _URL_LIMIT),
    )
    return Answer(value=shape(made), status=201)


def list_schedules(call: Call) -> Answer:
    found = transfers.schedules(call.context, call.actor, call.params["database"])
    return Answer(value=[_schedule(one) for one in found])


def schedule(call: Call) -> Answer:
    body = call.body()
    hour, timezone = body.values.get("hour"), body.text("timezone") or "UTC"
    if not isinstance(hour, (str, int)):
        raise InvalidParams("cannot schedule backups: give `hour`, from 0 to 23, and `timezone`")
    made = transfers.schedule(
        call.context,
        call.actor,
        call.params["database"],
        hour=str(hour),
        timezone=timezone,
        name=body.text("schedule_name"),
    )
    return Answer(value=_schedule(made), status=201)


def unschedule(call: Call) -> Answer:
    named = call.params["database"], call.params["schedule"]
    return Answer(value=_schedule(transfers.unschedule(call.context, call.actor, *named)))


def shape(transfer: Transfer) -> dict[str, object]:
    """As Heroku's client reads it; our own is `verify_*`: when the backup was last restored to check it,
    what was wrong with it then, and whether that is not known because the platform could not.
    """
    from_type, to_type = _ENDS[transfer.kind]
    cancelled = transfer.status is TransferStatus.CANCELLED
    return {
        "canceled_at": shapes.instant(transfer.finished_at) if cancelled and transfer.finished_at else None,
        "created_at": shapes.instant(transfer.created_at),
        "error": transfer.error,
        "finished_at": shapes.instant(transfer.finished_at) if transfer.finished_at else None,
        "from_name": transfer.from_name,
        "from_type": from_type,
        "name": transfer.name,
        "num": transfer.num,
        "options": {},
        "processed_bytes": transfer.processed_bytes,
        "schedule": {"uuid": transfer.addon_id} if transfer.scheduled else None,
        "source_bytes": transfer.source_bytes,
        "started_at": shapes.instant(transfer.started_at) if transfer.started_at else None,
        "succeeded": transfer.status is TransferStatus.SUCCEEDED if transfer.over else None,
        "to_name": transfer.to_name or transfer.name,
        "to_type": to_type,
        "to_url": place(transfer.id) if transfer.kept else None,
        "updated_at": shapes.instant(transfer.updated_at),
        "uuid": transfer.id,
        "verified_at": shapes.instant(transfer.verified_at) if transfer.verified_at else None,
        "verify_error": transfer.check_error,
        "verify_unknown": transfer.check is Check.UNKNOWN,
        "warnings": transfer.warnings,
    }


def _with_log(found: Logged) -> dict[str, object]:
    log = [{"created_at": shapes.instant(line.at), "message": line.message} for line in found.log]
    return {**shape(found.transfer), "logs": log}


def _schedule(found: TransferSchedule) -> dict[str, object]:
    return {
        "addon_id": found.addon_id,
        "created_at": shapes.instant(found.created_at),
        "hour": found.hour,
        "name": found.name,
        "next_at": shapes.instant(found.next_at),
        "timezone": found.timezone,
        "updated_at": shapes.instant(found.updated_at),
        "uuid": found.id,
    }


_APP = "/client/v11/apps/:app/transfers"
_DATABASE = "/client/v11/databases/:database"
ROUTES: tuple[Route, ...] = (
    route(f"GET {_APP}", "transfer:read", list_of_app),
    route(f"GET {_APP}/:transfer", "transfer:read", show),
    route(f"DELETE {_APP}/:transfer", "transfer:update", delete),
    route(f"POST {_APP}/:transfer/actions/public-url", "transfer:download", public_url),
    route(f"POST {_APP}/:transfer/actions/cancel", "transfer:update", cancel),
    route(f"POST {_DATABASE}/backups", "transfer:update", capture),
    route(f"POST {_DATABASE}/restores", "transfer:update", restore),
    route(f"POST {_DATABASE}/transfers", "transfer:update", copy),
    route(f"GET {_DATABASE}/transfer-schedules", "transfer:read", list_schedules),
    route(f"POST {_DATABASE}/transfer-schedules", "transfer:update", schedule),
    route(f"DELETE {_DATABASE}/transfer-schedules/:schedule", "transfer:update", unschedule),
)
