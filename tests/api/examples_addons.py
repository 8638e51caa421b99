"""One call of every route of add-ons, and a provider that does at once what it is asked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.api.world import Reply, World

from celadon.actions import addon_services, addons, apps, attachments, oauth_tokens, partners, provisioning
from celadon.model.addon import AddOn, Work

Example = Callable[[World], Reply]

SECRET = "known to both sides"
MANIFEST: dict[str, Any] = {
    "id": "acme-search",
    "name": "Acme Search",
    "api": {
        "config_vars_prefix": "ACME",
        "password": SECRET,
        "sso_salt": "salt",
        "production": {
            "base_url": "https://acme.example.com/heroku/resources",
            "sso_url": "https://acme.example.com/sso",
        },
        "regions": ["us"],
    },
    "plans": [{"name": "free"}, {"name": "gold", "cents": 1500}],
}


def config_for(addon: AddOn) -> dict[str, str]:
    """What is provided, by the provider's own names."""
    names = {"heroku-postgresql": "HEROKU_POSTGRESQL_URL", "heroku-redis": "REDIS_URL", "acme-search": "ACME_URL"}
    name = names.get(addon.service)
    return {name: f"x://{addon.id}/{addon.plan}"} if name else {}


def settle(world: World) -> None:
    """Everything that is due is done."""
    for addon in provisioning.due(world.context):
        if addon.work is Work.PROVISION:
            provisioning.provisioned(world.context, addon.id, provider_id="p1", config=config_for(addon))
        elif addon.work is Work.DEPROVISION:
            provisioning.deprovisioned(world.context, addon.id)
        elif addon.plan_wanted:
            provisioning.plan_changed(world.context, addon.id, addon.plan_wanted, config=None)


def make(world: World, plan: str = "heroku-postgresql", app: str = "example", **options: Any) -> AddOn:
    """An add-on that is there, by the app's owner whoever asks next."""
    made = addons.create(world.context, world.actor, app, plan=plan, **options)
    settle(world)
    found = addons.by_id(world.context, made.addon.id)
    assert found is not None
    return found.addon


def served(world: World) -> World:
    """The world as it is for a client that waits."""
    return replace(world, meanwhile=lambda: settle(world))


def acme(world: World) -> None:
    addon_services.register(world.context, world.actor, MANIFEST)


def by_provider(world: World) -> tuple[World, AddOn]:
    """The world as the provider of an add-on sees it, which says later that it is done."""
    acme(world)
    made = addons.create(world.context, world.actor, "example", plan="acme-search").addon
    provisioning.provisioned(world.context, made.id, provider_id="p1", config=None)
    code = partners.grant_code(world.context, made.id)
    tokens = oauth_tokens.exchange(world.context, code=code, secret=SECRET, address=None)
    return replace(world, token=tokens.access_token), made


def other_app(world: World) -> str:
    apps.create(world.context, world.actor, name="another")
    return "another"


def _with(method: str, path: str, body: object = None) -> Example:
    """A call about an add-on that is there."""

    def call(world: World) -> Reply:
        addon = make(world)
        return served(world).call(method, path.format(addon=addon.name), body)

    return call


def _attachment(method: str, path: str) -> Example:
    """About one of two attachments of an add-on."""

    def call(world: World) -> Reply:
        found = attachments.list_of_addon(world.context, world.actor, make(world))
        assert len(found) == 2
        return world.call(method, path.format(attachment=found[-1].attachment.id, name=found[-1].attachment.name))

    return call


def _provider(method: str, path: str, body: object = None) -> Example:
    def call(world: World) -> Reply:
        provider, addon = by_provider(world)
        return provider.call(method, path.format(addon=addon.id), body)

    return call


def _create(world: World) -> Reply:
    body = {"attachment": {}, "config": {"version": "16"}, "plan": {"name": "heroku-postgresql:mini"}}
    return served(world).call("POST", "/apps/example/addons", body)


def _attach(world: World) -> Reply:
    addon = make(world)
    body = {"addon": {"name": addon.name}, "app": {"name": other_app(world)}, "name": "DB2"}
    return world.call("POST", "/addon-attachments", body)


def _namespace(world: World) -> Reply:
    addon = make(world)
    provisioning.config_changed(world.context, addon.id, {"HEROKU_POSTGRESQL_URL": "x"}, "credential:readonly")
    return world.get(f"/addons/{addon.name}/config/credential:readonly")


def _sign_on(world: World) -> Reply:
    acme(world)
    made = addons.create(world.context, world.actor, "example", plan="acme-search").addon
    provisioning.provisioned(world.context, made.id, provider_id="p1", config={"ACME_URL": "https://x.example.com/"})
    return world.call("POST", f"/addons/{made.name}/sign-ons", {"app": "example"})


def _list_providers(world: World) -> Reply:
    acme(world)
    return world.get("/addon-providers")


def _remove_service(world: World) -> Reply:
    acme(world)
    return world.call("DELETE", "/addon-services/acme-search")


EXAMPLES: dict[str, Example] = {
    "GET /users/:account/addons": _with("GET", "/users/~/addons"),
    "GET /addons": _with("GET", "/addons"),
    "GET /addons/:addon": _with("GET", "/addons/{addon}"),
    "GET /apps/:app/addons": _with("GET", "/apps/example/addons"),
    "POST /apps/:app/addons": _create,
    "GET /apps/:app/addons/:addon": _with("GET", "/apps/example/addons/{addon}"),
    "PATCH /apps/:app/addons/:addon": _with(
        "PATCH", "/apps/example/addons/{addon}", {"plan": {"name": "heroku-postgresql:basic"}, "name": "my-db"}
    ),
    "DELETE /apps/:app/addons/:addon": _with("DELETE", "/apps/example/addons/{addon}", {"force": False}),
    "POST /actions/addons/resolve": _with("POST", "/actions/addons/resolve", {"addon": "DATABASE", "app": "example"}),
    "GET /addons/:addon/config": _with("GET", "/addons/{addon}/config"),
    "GET /addons/:addon/config/:namespace": _namespace,
    "PATCH /addons/:addon/config": _provider(
        "PATCH", "/addons/{addon}/config", {"config": [{"name": "ACME_URL", "value": "https://search.example.com/"}]}
    ),
    "POST /addons/:addon/actions/provision": _provider("POST", "/addons/{addon}/actions/provision"),
    "POST /addons/:addon/actions/deprovision": _provider("POST", "/addons/{addon}/actions/deprovision"),
    "POST /addons/:addon/sign-ons": _sign_on,
    "GET /addon-providers": _list_providers,
    "GET /addon-attachments": _with("GET", "/addon-attachments"),
    "POST /addon-attachments": _attach,
    "GET /addon-attachments/:attachment": _attachment("GET", "/addon-attachments/{attachment}"),
    "DELETE /addon-attachments/:attachment": _attachment("DELETE", "/addon-attachments/{attachment}"),
    "GET /addons/:addon/addon-attachments": _with("GET", "/addons/{addon}/addon-attachments"),
    "GET /apps/:app/addon-attachments": _with("GET", "/apps/example/addon-attachments"),
    "GET /apps/:app/addon-attachments/:attachment": _attachment("GET", "/apps/example/addon-attachments/{name}"),
    "POST /actions/addon-attachments/resolve": _with(
        "POST", "/actions/addon-attachments/resolve", {"addon_attachment": "DATABASE_URL", "app": "example"}
    ),
    "GET /addon-services": lambda world: world.get("/addon-services"),
    "POST /addon-services": lambda world: world.call("POST", "/addon-services", MANIFEST),
    "GET /addon-services/:service": lambda world: world.get("/addon-services/heroku-postgresql"),
    "DELETE /addon-services/:service": _remove_service,
    "GET /addon-services/:service/plans": lambda world: world.get("/addon-services/heroku-postgresql/plans"),
    "GET /addon-services/:service/plans/:plan": lambda world: world.get("/addon-services/heroku-redis/plans/mini"),
    "GET /plans/:plan": lambda world: world.get("/plans/heroku-postgresql:standard-0"),
    "GET /addon-region-capabilities": lambda world: world.get("/addon-region-capabilities"),
    "GET /addon-services/:service/region-capabilities": lambda world: world.get(
        "/addon-services/heroku-redis/region-capabilities"
    ),
    "GET /regions/:region/addon-region-capabilities": lambda world: world.get("/regions/us/addon-region-capabilities"),
}
CREATED = {"POST /apps/:app/addons", "POST /addon-attachments", "POST /addon-services", "POST /addons/:addon/sign-ons"}
UNPUBLISHED = {
    "GET /addons/:addon/config/:namespace",
    "POST /addons/:addon/sign-ons",
    "GET /addon-providers",
    "POST /addon-services",
    "DELETE /addon-services/:service",
}
