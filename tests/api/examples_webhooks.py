"""One call of every route of webhooks."""

from collections.abc import Callable
from typing import Any

from tests.api.world import Reply, World

from celadon.actions import apps, webhook_deliveries, webhook_events, webhooks
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


EXAMPLES: dict[str, Example] = {
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
CREATED = {"POST /apps/:app/webhooks"}
