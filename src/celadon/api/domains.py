"""Domains: the host name every app has."""

from celadon.actions import apps
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.platform.settings import Settings


def list_of(call: Call) -> Listing:
    app = apps.find(call.context, call.actor, call.app)
    attributes = {"id": _id, "hostname": lambda app: hostname(call.settings, app)}
    return Listing(items=[app], attributes=attributes, shape=lambda app: shape(call.settings, app))


def show(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    if call.params["domain"].lower() not in (_id(app), hostname(call.settings, app)):
        raise NotFound("domain")
    return Answer(value=shape(call.settings, app), changed_at=app.updated_at)


def hostname(settings: Settings, app: App) -> str:
    return f"{app.name}.{settings.domain}"


def _id(app: App) -> str:
    return shapes.fixed_id("domain", app.id)


def shape(settings: Settings, app: App) -> dict[str, object]:
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": shapes.app(app),
        "cname": None,
        "created_at": shapes.instant(app.created_at),
        "hostname": hostname(settings, app),
        "id": _id(app),
        "kind": "heroku",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": shapes.instant(app.created_at),
    }
