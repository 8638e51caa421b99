"""Features of apps and of accounts."""

from celadon.actions import features
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Account
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
    account = call.actor.account
    by_name = {"name": lambda entry: entry[0].name, "id": lambda entry: _account_id(account, entry[0])}
    found = features.list_of_account(call.context, call.actor)
    return Listing(items=found, attributes=by_name, shape=lambda entry: shape_of_account(account, *entry))


def show_of_account(call: Call) -> Answer:
    account = call.actor.account
    for feature, enabled in features.list_of_account(call.context, call.actor):
        if call.params["feature"] in (feature.name, _account_id(account, feature)):
            return Answer(value=shape_of_account(account, feature, enabled), changed_at=account.updated_at)
    raise NotFound("account_feature")


def update_of_account(call: Call) -> Answer:
    enabled = call.body().flag("enabled")
    if enabled is None:
        raise InvalidParams("cannot change a feature: give `enabled` as true or false")
    feature = features.update_of_account(call.context, call.actor, call.params["feature"], enabled)
    account = call.actor.account
    return Answer(value=shape_of_account(account, feature, enabled), changed_at=account.updated_at)


def _id(app: App, feature: Feature) -> str:
    return shapes.fixed_id("feature", app.id, feature.name)


def _account_id(account: Account, feature: Feature) -> str:
    return shapes.fixed_id("account-feature", account.id, feature.name)


def shape(app: App, feature: Feature, enabled: bool) -> dict[str, object]:
    return {"id": _id(app, feature), **_shape(app, feature, enabled)}


def shape_of_account(account: Account, feature: Feature, enabled: bool) -> dict[str, object]:
    return {"id": _account_id(account, feature), **_shape(account, feature, enabled)}


def _shape(of: App | Account, feature: Feature, enabled: bool) -> dict[str, object]:
    return {
        "created_at": shapes.instant(of.created_at),
        "description": feature.description,
        "display_name": feature.name,
        "doc_url": "",
        "enabled": enabled,
        "feedback_email": "",
        "name": feature.name,
        "state": feature.state,
        "updated_at": shapes.instant(of.updated_at),
    }
