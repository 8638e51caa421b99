"""One call of every route of webhooks."""

from collections.abc import Callable
from typing import Any

from tests.api.examples_addons import by_provider
from tests.api.world import Reply, World

from celadon.actions import accounts, apps, webhook_deliveries, webhook_events, webhooks
from celadon.api.notifier import Notifier

Example = Callable[[World], Reply]

BODY: dict[str, Any] = {
    "authorization": None,
    "include": ["api:release", "api:app"],
    "level": "sync",
    "secret": None,
    "url": "https://example.com/hooks",
}


def add(world: World, **changed: Any) -> str:
    """A webhook of the app, by its owner whoever asks next; returns its id."""
    return webhooks.create(world.context, world.actor, "example", **{**BODY, **changed})[1].id


def happen(world: World) -> None:
    """Something webhooks are told of."""
    apps.update(world.context, world.actor, "example", maintenance=True)
    while Notifier(world.context).ensure():
        pass


def _one(method: str, body: object = None) -> Example:
    return lambda world: world.call(method, f"/apps/example/webhooks/{add(world)}", body)


def _list(world: World) -> Reply:
    add(world)
    return world.get("/apps/example/webhooks")


def _told(path: str) -> Example:
    """A GET after something was told; `event` and `delivery` in the path are what was."""

    def call(world: World) -> Reply:
        add(world)
        happen(world)
        _, event = max(webhook_events.keys(world.context, world.actor, "example"))
        _, delivery = max(webhook_deliveries.keys(world.context, world.actor, "example"))
        return world.get(path.format(event=event, delivery=delivery))

    return call


def add_by_provider(world: World, **changed: Any) -> tuple[World, str, str]:
    """The world as the provider of an add-on sees it, with the add-on's id and that of a webhook of theirs."""
    provider, addon = by_provider(world)
    made = provider.call(
        "POST", f"/addons/{addon.id}/webhooks", {**BODY, "include": ["api:addon", "api:app"], **changed}
    )
    return provider, addon.id, str(made.json["id"])


def _by_provider(method: str, path: str, body: object = None) -> Example:
    """A provider's call after something was told; `webhook`, `event` and `delivery` in the path are what there is."""

    def call(world: World) -> Reply:
        provider, addon, webhook = add_by_provider(world)
        happen(world)
        whose = webhooks.OfAddOn(addon)
        actor = accounts.actor_of_token(world.context, provider.token)
        _, event = max(webhook_events.keys(world.context, actor, whose))
        _, delivery = max(webhook_deliveries.keys(world.context, actor, whose))
        return provider.call(
            method, f"/addons/{addon}{path.format(webhook=webhook, event=event, delivery=delivery)}", body
        )

    return call


def _create_by_provider(world: World) -> Reply:
    provider, addon = by_provider(world)
    return provider.call("POST", f"/addons/{addon.id}/webhooks", {**BODY, "include": ["api:addon"]})


EXAMPLES: dict[str, Example] = {
    "GET /addons/:addon/webhooks": _by_provider("GET", "/webhooks"),
    "POST /addons/:addon/webhooks": _create_by_provider,
    "GET /addons/:addon/webhooks/:webhook": _by_provider("GET", "/webhooks/{webhook}"),
    "PATCH /addons/:addon/webhooks/:webhook": _by_provider("PATCH", "/webhooks/{webhook}", {"level": "notify"}),
    "DELETE /addons/:addon/webhooks/:webhook": _by_provider("DELETE", "/webhooks/{webhook}"),
    "GET /addons/:addon/webhook-events": _by_provider("GET", "/webhook-events"),
    "GET /addons/:addon/webhook-events/:webhook_event": _by_provider("GET", "/webhook-events/{event}"),
    "GET /addons/:addon/webhook-deliveries": _by_provider("GET", "/webhook-deliveries"),
    "GET /addons/:addon/webhook-deliveries/:webhook_delivery": _by_provider("GET", "/webhook-deliveries/{delivery}"),
    "GET /apps/:app/webhooks": _list,
    "POST /apps/:app/webhooks": lambda world: world.call("POST", "/apps/example/webhooks", BODY),
    "GET /apps/:app/webhooks/:webhook": _one("GET"),
    "PATCH /apps/:app/webhooks/:webhook": _one("PATCH", {"level": "notify", "include": ["dyno"]}),
    "DELETE /apps/:app/webhooks/:webhook": _one("DELETE"),
    "GET /apps/:app/webhook-events": _told("/apps/example/webhook-events"),
    "GET /apps/:app/webhook-events/:webhook_event": _told("/apps/example/webhook-events/{event}"),
    "GET /apps/:app/webhook-deliveries": _told("/apps/example/webhook-deliveries"),
    "GET /apps/:app/webhook-deliveries/:webhook_delivery": _told("/apps/example/webhook-deliveries/{delivery}"),
}
CREATED = {"POST /apps/:app/webhooks", "POST /addons/:addon/webhooks"}
