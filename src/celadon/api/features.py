"""App features."""

from celadon.actions import features
from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.feature import Feature


def list_of(call: Call) -> Listing:
    app, found = features.list_of(call.context, call.actor, call.app)
    by_name = {"name": lambda entry: entry[0].name, "id": lambda entry: _id(app, entry[0])}
    return Listing(items=found, attributes=by_name, shape=lambda entry: shape(app, *entry))


def show(call: Call) -> Answer:
    app, found = features.list_of(call.context, call.actor, call.app)
    for feature, enabled in found:
        if call.params["feature"] in (feature.name, _id(app, feature)):
            return Answer(value=shape(app, feature, enabled), changed_at=app.updated_at)
    raise NotFound("app_feature")


def update(call: Call) -> Answer:
    enabled = call.body().flag("enabled")
    if enabled is None:
        raise InvalidParams("cannot change a feature: give `enabled` as true or false")
    app, feature = features.update(call.context, call.actor, call.app, call.params["feature"], enabled)
    return Answer(value=shape(app, feature, enabled), changed_at=app.updated_at)


def list_of_account(call: Call) -> Listing:
    return Listing(items=(), attributes=BY_NAME, shape=dict)


def show_of_account(call: Call) -> Answer:
    raise NotFound("account_feature")


def _id(app: App, feature: Feature) -> str:
    return shapes.fixed_id("feature", app.id, feature.name)


def shape(app: App, feature: Feature, enabled: bool) -> dict[str, object]:
    return {
        "created_at": shapes.instant(app.created_at),
        "description": feature.description,
        "display_name": feature.name,
        "doc_url": "",
        "enabled": enabled,
        "feedback_email": "",
        "id": _id(app, feature),
        "name": feature.name,
        "state": "general",
        "updated_at": shapes.instant(app.updated_at),
    }
