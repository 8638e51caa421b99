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


def create(call: Call) -> Answer:
    url = call.body().needed_text("url")
    app, drain = log_drains.add(call.context, call.actor, call.app, url)
    # Better said than found out by waiting for lines.
    warning = ("not_sent_yet", "The drain is kept, but this version of the platform sends no lines to drains yet.")
    return Answer(value=shape(app, drain), status=201, changed_at=drain.updated_at, warning=warning)


def destroy(call: Call) -> Answer:
    return _answer(*log_drains.remove(call.context, call.actor, call.app, call.params["drain"]))


def _answer(app: App, drain: LogDrain) -> Answer:
    return Answer(value=shape(app, drain), changed_at=drain.updated_at)


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
