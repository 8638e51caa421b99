"""Domains: the host name every app has, and those its people have given it."""

from celadon.actions import apps, domains
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.domain import Domain
from celadon.model.errors import InvalidParams, NotFound
from celadon.platform.settings import Settings


def list_of(call: Call) -> Listing:
    app, found = domains.list_of(call.context, call.actor, call.app)
    everything = [_own(call.settings, app), *(shape(call.settings, app, domain) for domain in found)]
    attributes = {"id": lambda entry: entry["id"], "hostname": lambda entry: entry["hostname"]}
    return Listing(items=everything, attributes=attributes, shape=dict)


def show(call: Call) -> Answer:
    listing = list_of(call)
    for entry in listing.items:
        if call.params["domain"].lower() in (entry["id"], entry["hostname"]):
            return Answer(value=entry)
    raise NotFound("domain")


def create(call: Call) -> Answer:
    body = call.body()
    hostname = body.text("hostname")
    if hostname is None:
        raise InvalidParams("cannot add a domain: give its `hostname`")
    body.text("sni_endpoint")  # Clients send null where there is no certificate to choose.
    app, domain = domains.add(call.context, call.actor, call.app, hostname)
    return Answer(value=shape(call.settings, app, domain), status=201, changed_at=domain.updated_at)


def destroy(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    if call.params["domain"].lower() in (_id(app), hostname(call.settings, app)):
        raise InvalidParams(f"cannot remove {hostname(call.settings, app)}: it is the app's own name on this platform")
    app, domain = domains.remove(call.context, call.actor, app.id, call.params["domain"])
    return Answer(value=shape(call.settings, app, domain))


def hostname(settings: Settings, app: App) -> str:
    return f"{app.name}.{settings.domain}"


def _id(app: App) -> str:
    return shapes.fixed_id("domain", app.id)


def shape(settings: Settings, app: App, domain: Domain) -> dict[str, object]:
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": shapes.app(app),
        "cname": hostname(settings, app),
        "created_at": shapes.instant(domain.created_at),
        "hostname": domain.hostname,
        "id": domain.id,
        "kind": "custom",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": shapes.instant(domain.updated_at),
    }


def _own(settings: Settings, app: App) -> dict[str, object]:
    named = Domain(
        id=_id(app),
        app_id=app.id,
        hostname=hostname(settings, app),
        created_at=app.created_at,
        updated_at=app.created_at,
    )
    return {**shape(settings, app, named), "cname": None, "kind": "heroku"}
