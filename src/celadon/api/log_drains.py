"""Log drains."""

from celadon.actions import log_drains
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.log_drain import LogDrain


def list_of(call: Call) -> Listing:
    app, found = log_drains.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=BY_TIME, shape=lambda drain: shape(app, drain))


def show(call: Call) -> Answer:
    return _answer(*log_drains.find(call.context, call.actor, call.app, call.params["drain"]))


def statuses(call: Call) -> Listing:
    """How each drain fares, which Heroku's schema has no place for."""
    _, found = log_drains.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=BY_TIME, shape=_status)


def create(call: Call) -> Answer:
    url = call.body().needed_text("url")
    app, drain = log_drains.add(call.context, call.actor, call.app, url)
    return Answer(value=shape(app, drain), status=201, changed_at=drain.updated_at)


def destroy(call: Call) -> Answer:
    return _answer(*log_drains.remove(call.context, call.actor, call.app, call.params["drain"]))


def _answer(app: App, drain: LogDrain) -> Answer:
    return Answer(value=shape(app, drain), changed_at=drain.updated_at)


def _status(drain: LogDrain) -> dict[str, object]:
    status = drain.status
    return {
        "dropped": status.dropped,
        "log_drain": {"id": drain.id, "token": drain.token},
        "reason": status.reason,
        "since": shapes.instant(status.since) if status.since else None,
        "state": status.state,
    }


def shape(app: App, drain: LogDrain) -> dict[str, object]:
    return {
        "addon": None,
        "app": shapes.app(app),
        "created_at": shapes.instant(drain.created_at),
        "id": drain.id,
        "token": drain.token,
        "updated_at": shapes.instant(drain.updated_at),
        "url": drain.url,
    }
