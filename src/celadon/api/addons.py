"""Add-ons. A change of one is answered when it is done, or with what is known after some seconds."""

from celadon.actions import addons, partners, provisioning, sign_ons, teams
from celadon.actions.addons import Described
from celadon.api import account, addon_services, plans, shapes
from celadon.api.answer import BY_NAME, Answer, Awaited, Listing
from celadon.api.request import Call
from celadon.model.addon import AddOnState
from celadon.model.errors import InvalidParams

# Seconds: clients give up after 60, and say themselves how one goes on.
_PATIENCE = 20.0
_NAMES = {name: lambda one, key=key: key(one.addon) for name, key in BY_NAME.items()}


def list_visible(call: Call) -> Listing:
    return _listing(call, addons.list_visible(call.context, call.actor))


def list_of_app(call: Call) -> Listing:
    return _listing(call, addons.list_of_app(call.context, call.actor, call.app))


def list_of_user(call: Call) -> Listing:
    account.require_self(call)
    return _listing(call, addons.list_owned(call.context, call.actor, call.actor.account.id))


def list_of_team(call: Call) -> Listing:
    team, _ = teams.find(call.context, call.actor, call.params["team"])
    return _listing(call, addons.list_owned(call.context, call.actor, team.account_id))


def _listing(call: Call, found: list[Described]) -> Listing:
    return Listing(items=found, attributes=_NAMES, shape=lambda one: _shaped(call, one))


def show(call: Call) -> Answer:
    return _answer(call, addons.find(call.context, call.actor, call.params["addon"], call.params.get("app")))


def resolve(call: Call) -> Listing:
    body = call.body()
    found = addons.resolve(
        call.context,
        call.actor,
        body.needed_reference("addon"),
        body.reference("app"),
        body.reference("addon_service"),
    )
    return _listing(call, found)


def create(call: Call) -> Awaited:
    body = call.body()
    attachment, config = body.entry("attachment"), body.entry("config")
    made = addons.create(
        call.context,
        call.actor,
        call.app,
        plan=plans.named(call, body.needed_reference("plan")),
        name=body.text("name"),
        attachment=attachment.text("name") if attachment else None,
        options={name: _option(value) for name, value in config.values.items()} if config else {},
        confirm=body.text("confirm"),
    )
    return _awaited(call, made, status=201)


def _option(value: object) -> str:
    """Clients send `true` for an option without a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise InvalidParams("cannot use config: each of its values must be a string")
    return str(value)


def update(call: Call) -> Awaited:
    body = call.body()
    plan, name = body.reference("plan"), body.text("name")
    if not plan and name is None:
        raise InvalidParams("cannot change an add-on: give its `plan`, or its `name`")
    named, app = call.params["addon"], call.app
    found = addons.find(call.context, call.actor, named, app)
    if name is not None:
        found = addons.rename(call.context, call.actor, found.addon.id, name, app)
    if plan:
        found = addons.change_plan(call.context, call.actor, found.addon.id, plans.named(call, plan), app)
    return _awaited(call, found)


def destroy(call: Call) -> Awaited:
    # A flag in the body, as Heroku's client sends it, or in the query.
    force = bool(call.body().flag("force")) or call.request.query.get("force") in ("1", "true")
    found = addons.destroy(call.context, call.actor, call.params["addon"], call.app, force=force)
    return _awaited(call, found)


def _awaited(call: Call, changed: Described, status: int = 200) -> Awaited:
    """What has become of a change; a provider that refuses is told as an error."""
    wanted = changed.addon.plan_wanted

    def look() -> tuple[Answer, bool]:
        now = addons.by_id(call.context, changed.addon.id) or changed
        gone = now.addon.state is AddOnState.DEPROVISIONED and changed.addon.state is AddOnState.PROVISIONING
        unmoved = wanted is not None and now.addon.work is None and now.addon.plan != wanted
        if (gone or unmoved) and now.addon.message:
            raise InvalidParams(now.addon.message)
        return _answer(call, now, status), now.addon.work is None

    return Awaited(look=look, seconds=_PATIENCE)


def show_config(call: Call) -> Listing:
    found = partners.config(call.context, call.actor, call.params["addon"], call.params.get("namespace", ""))
    return _config(found)


def update_config(call: Call) -> Listing:
    """By its provider: the whole config, or some names with null for those to be removed."""
    addon = partners.find(call.context, call.actor, call.params["addon"])
    entries = call.body().needed_entries("config")
    given = {entry.needed_text("name"): entry.raw_text("value") for entry in entries}
    return _config(provisioning.patch_config(call.context, addon, given))


def _config(found: dict[str, str]) -> Listing:
    entries = [{"name": name, "value": value} for name, value in found.items()]
    return Listing(items=entries, attributes={"name": lambda entry: str(entry["name"])}, shape=dict)


def provision(call: Call) -> Answer:
    addon = partners.find(call.context, call.actor, call.params["addon"])
    provisioning.finished(call.context, addon.id)
    return _of_provider(call, addon.id)


def deprovision(call: Call) -> Answer:
    addon = partners.find(call.context, call.actor, call.params["addon"])
    provisioning.withdrawn(call.context, addon.id)
    return _of_provider(call, addon.id)


def _of_provider(call: Call, addon_id: str) -> Answer:
    found = addons.by_id(call.context, addon_id)
    assert found is not None, "an add-on's row stays for days"
    return _answer(call, found)


def _answer(call: Call, found: Described, status: int = 200) -> Answer:
    return Answer(value=_shaped(call, found), status=status, changed_at=found.addon.updated_at)


def _shaped(call: Call, found: Described) -> dict[str, object]:
    url = sign_ons.web_url(call.context, found.app, found.addon, found.service)
    return shape(found, expanded(call), url)


def expanded(call: Call) -> frozenset[str]:
    """What the client wants whole instead of by name."""
    return frozenset(part.strip() for part in call.request.headers.get("accept-expansion", "").split(","))


def shape(found: Described, whole: frozenset[str] = frozenset(), web_url: str | None = None) -> dict[str, object]:
    addon, service, plan = found.addon, found.service, found.plan
    named = {"id": plans.service_id(service), "name": service.name}
    plan_named = {"id": plans.plan_id(service, plan), "name": f"{service.name}:{plan.name}"}
    return {
        "actions": [],
        "addon_service": addon_services.shape(service) if "addon_service" in whole else named,
        "app": shapes.app(found.app),
        "billed_price": plans.price(plan),
        "billing_entity": {**shapes.app(found.app), "type": "app"},
        "config_vars": list(found.config_vars),
        "created_at": shapes.instant(addon.created_at),
        "id": addon.id,
        "name": addon.name,
        "plan": plans.shape(service, plan) if "plan" in whole else plan_named,
        "provider_id": addon.provider_id or "",
        "provision_message": addon.message,
        "state": addon.state,
        "updated_at": shapes.instant(addon.updated_at),
        "web_url": web_url,
    }
