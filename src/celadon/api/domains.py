"""Domains: the host name every app has, and those its people have given it."""

from collections.abc import Mapping

from celadon.actions import apps, domains, sni_endpoints
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.domain import Domain, DomainStatus
from celadon.model.errors import InvalidParams, NotFound
from celadon.platform.settings import Settings


def list_of(call: Call) -> Listing:
    app, found, names = domains.list_of(call.context, call.actor, call.app)
    everything = [_own(call.settings, app), *(shape(call.settings, app, domain, names) for domain in found)]
    attributes = {"id": lambda entry: entry["id"], "hostname": lambda entry: entry["hostname"]}
    return Listing(items=everything, attributes=attributes, shape=dict)


def show(call: Call) -> Answer:
    app, domain, names = domains.find(call.context, call.actor, call.app, call.params["domain"])
    if domain is not None:
        return Answer(value=shape(call.settings, app, domain, names))
    if _is_own(call.settings, app, call.params["domain"]):
        return Answer(value=_own(call.settings, app))
    raise NotFound("domain")


def create(call: Call) -> Answer:
    body = call.body()
    hostname = body.text("hostname")
    if hostname is None:
        raise InvalidParams("cannot add a domain: give its `hostname`")
    app, domain = domains.add(call.context, call.actor, call.app, hostname, body.reference("sni_endpoint"))
    return _answer(call, app, domain, 201)


def update(call: Call) -> Answer:
    body = call.body()
    if "sni_endpoint" not in body.values:
        raise InvalidParams("cannot change a domain: give its `sni_endpoint`, or null for none")
    _refuse_own(call)
    chosen = body.reference("sni_endpoint")
    app, domain, _ = sni_endpoints.attach(
        call.context, call.actor, call.app, domains.named(call.params["domain"]), chosen
    )
    return _answer(call, app, domain)


def destroy(call: Call) -> Answer:
    app = _refuse_own(call)
    app, domain = domains.remove(call.context, call.actor, app.id, call.params["domain"])
    return Answer(value=shape(call.settings, app, domain, {}))


def _refuse_own(call: Call) -> App:
    app = apps.find(call.context, call.actor, call.app)
    if _is_own(call.settings, app, call.params["domain"]):
        raise InvalidParams(f"cannot change {hostname(call.settings, app)}: it is the app's own name on this platform")
    return app


def _is_own(settings: Settings, app: App, id_or_hostname: str) -> bool:
    return id_or_hostname.lower() in (_id(app), hostname(settings, app))


def _answer(call: Call, app: App, domain: Domain, status: int = 200) -> Answer:
    _, _, names = domains.find(call.context, call.actor, app.id, domain.id)
    return Answer(value=shape(call.settings, app, domain, names), status=status, changed_at=domain.updated_at)


def hostname(settings: Settings, app: App) -> str:
    return f"{app.name}.{settings.domain}"


def _id(app: App) -> str:
    return shapes.fixed_id("domain", app.id)


def shape(settings: Settings, app: App, domain: Domain, names: Mapping[str, str]) -> dict[str, object]:
    """A domain; `names` are those of SNI endpoints by id."""
    endpoint = domain.sni_endpoint_id
    return {
        "acm_status": domain.acm_status,
        "acm_status_reason": domain.acm_status_reason,
        "app": shapes.app(app),
        "cname": hostname(settings, app),
        "created_at": shapes.instant(domain.created_at),
        "hostname": domain.hostname,
        "id": domain.id,
        "kind": "custom",
        "sni_endpoint": {"id": endpoint, "name": names[endpoint]} if endpoint and endpoint in names else None,
        "status": domain.status,
        "updated_at": shapes.instant(domain.updated_at),
    }


def _own(settings: Settings, app: App) -> dict[str, object]:
    named = Domain(
        id=_id(app),
        app_id=app.id,
        hostname=hostname(settings, app),
        created_at=app.created_at,
        updated_at=app.created_at,
        status=DomainStatus.SUCCEEDED,
    )
    return {**shape(settings, app, named, {}), "cname": None, "kind": "heroku"}
