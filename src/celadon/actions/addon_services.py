"""Add-on services: those that come with the platform, and those of third parties that the operator has registered."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import addon_services as rules
from celadon.model import destination
from celadon.model.account import Actor
from celadon.model.addon import AddOn, AddOnService, Plan
from celadon.model.errors import Conflict, Forbidden, InvalidParams, NotFound
from celadon.store import addon_services, addons, changes, events
from celadon.store.addon_services import Credentials
from celadon.store.database import Transaction


def catalogue(tx: Transaction) -> dict[str, AddOnService]:
    """Name → service, by name."""
    others = {name: rules.from_manifest(manifest) for name, manifest in addon_services.manifests(tx).items()}
    return dict(sorted({**others, **rules.BUILT_IN}.items()))


def prefixes(tx: Transaction) -> dict[str, str]:
    """Service → what the names of its config vars begin with."""
    return {name: service.prefix for name, service in catalogue(tx).items()}


def plan_of(service: AddOnService, addon: AddOn) -> Plan:
    """One that a third party offers no more is still the plan of those who have it."""
    return service.plan(addon.plan) or Plan(name=addon.plan, human_name=addon.plan)


def list_of(context: Context) -> list[AddOnService]:
    with context.database.read() as tx:
        return list(catalogue(tx).values())


def find(context: Context, name: str) -> AddOnService:
    """Raises NotFound."""
    with context.database.read() as tx:
        found = catalogue(tx).get(name)
    if found is None:
        raise NotFound("add_on_service", f"Couldn't find that add-on service: there is no {name[:60]!r}.")
    return found


def plan_for(tx: Transaction, named: str) -> tuple[AddOnService, Plan]:
    """The service and plan of `service:plan`, or a service's default plan; raises InvalidParams."""
    name, _, plan = named.partition(":")
    service = catalogue(tx).get(name)
    found = service.plan(plan) if service else None
    if service is None or found is None:
        hint = f"`celadon addons:plans {name}` lists its plans" if service else "`celadon addons:services` lists them"
        raise InvalidParams(
            f"Couldn't find either the add-on service or the add-on plan of {ascii(named[:80])[1:-1]!r}: {hint}."
        )
    return service, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A third party's service: where its provider is, and how many add-ons there are of it."""

    name: str
    human_name: str
    url: str
    addons: int


def providers(context: Context, actor: Actor) -> list[Registered]:
    """Services of third parties, by name. Raises Forbidden."""
    access.require_read(actor)
    if not actor.account.operator:
        raise Forbidden("cannot list providers: only the operator of the platform may")
    found = []
    with context.database.read() as tx:
        for name, manifest in addon_services.manifests(tx).items():
            known = addon_services.credentials(tx, name)
            assert known is not None, "it has a manifest"
            service, count = rules.from_manifest(manifest), addons.count_of_service(tx, name)
            found.append(Registered(name=name, human_name=service.human_name, url=known.base_url, addons=count))
    return found


def register(context: Context, actor: Actor, manifest: Mapping[str, object]) -> AddOnService:
    """Offer the add-ons of a third party, by its manifest with `api.password`, `api.sso_salt` and where it is reached
    (`api.production`); again for another version of it. Raises Forbidden, InvalidParams.
    """
    _require_operator(actor)
    service = rules.from_manifest(manifest)
    if service.name in rules.BUILT_IN:
        raise InvalidParams(f"cannot offer {service.name}: the platform has an add-on of that name itself")
    api = manifest.get("api")
    values: Mapping[str, object] = api if isinstance(api, Mapping) else {}
    base_url, password = _base_url(values.get("production")), str(values.get("password") or "")
    destination.parse(base_url)
    if not 8 <= len(password) <= 500:
        raise InvalidParams(
            f"cannot offer {service.name}: give `api.password`, 8 to 500 characters that its provider knows"
        )
    given = Credentials(
        name=service.name, base_url=base_url, password=password, sso_salt=str(values.get("sso_salt") or "")[:500]
    )
    # What is secret is kept apart.
    public = {key: value for key, value in values.items() if key not in ("password", "sso_salt")}
    shown = {**manifest, "api": {**public, "sso_salt": service.single_sign_on}}
    with context.database.transaction() as tx:
        addon_services.put(tx, str(uuid.uuid4()), shown, given, now=now())
        events.insert(tx, "addon-service:create", by=actor, payload={"name": service.name})
        changes.record(tx, "addon-service")
    return service


def _base_url(production: object) -> str:
    """Of the manifest's `production`: an URL of its resources, or an object that has it as `base_url`."""
    found = production.get("base_url") if isinstance(production, Mapping) else production
    if not isinstance(found, str):
        raise InvalidParams("cannot offer this add-on: give `api.production.base_url`, where its provider is reached")
    return found.rstrip("/").removesuffix("/heroku/resources")


def remove(context: Context, actor: Actor, name: str) -> AddOnService:
    """Offer it no more. Raises Forbidden, NotFound, Conflict while there are add-ons of it."""
    _require_operator(actor)
    with context.database.transaction() as tx:
        manifest = addon_services.manifests(tx).get(name)
        if manifest is None:
            raise NotFound("add_on_service")
        if used := addons.count_of_service(tx, name):
            raise Conflict(f"cannot remove {name}: there are {used} add-ons of it, destroy them first")
        addons.delete_gone(tx, name)
        addon_services.delete(tx, name)
        events.insert(tx, "addon-service:destroy", by=actor, payload={"name": name})
        changes.record(tx, "addon-service")
    return rules.from_manifest(manifest)


def _require_operator(actor: Actor) -> None:
    access.require_account_write(actor)
    if not actor.account.operator:
        raise Forbidden("cannot change what add-ons the platform offers: only its operator may")
