"""One call of every route of webhooks."""

from collections.abc import Callable

from tests.api.world import Reply, World

from celadon.api.notifier import Notifier

Example = Callable[[World], Reply]

BODY = {
    "authorization": None,
    "include": ["api:release", "api:app"],
    "level": "sync",
    "secret": None,
    "url": "https://example.com/hooks",
}


def add(world: World, **changed: object) -> str:
    """A webhook of the app; returns its id."""
    made = world.call("POST", "/apps/example/webhooks", {**BODY, **changed})
    assert made.status == 201, made.content
    return str(made.json["id"])


def happen(world: World) -> None:
    """Something webhooks are told of."""
    assert world.call("PATCH", "/apps/example", {"maintenance": True}).status == 200
    while Notifier(world.context).ensure():
        pass


def _one(method: str, body: object = None) -> Example:
    return lambda world: world.call(method, f"/apps/example/webhooks/{add(world)}", body)


def _listed(kind: str) -> Example:
    def call(world: World) -> Reply:
        add(world)
        happen(world)
        return world.get(f"/apps/example/{kind}")

    return call


def _shown(kind: str) -> Example:
    def call(world: World) -> Reply:
        (found,) = _listed(kind)(world).json
        return world.get(f"/apps/example/{kind}/{found['id']}")

    return call


def _list(world: World) -> Reply:
    add(world)
    return world.get("/apps/example/webhooks")


EXAMPLES: dict[str, Example] = {
    "GET /apps/:app/webhooks": _list,
    "POST /apps/:app/webhooks": lambda world: world.call("POST", "/apps/example/webhooks", BODY),
    "GET /apps/:app/webhooks/:webhook": _one("GET"),
    "PATCH /apps/:app/webhooks/:webhook": _one("PATCH", {"level": "notify", "include": ["dyno"]}),
    "DELETE /apps/:app/webhooks/:webhook": _one("DELETE"),
    "GET /apps/:app/webhook-events": _listed("webhook-events"),
    "GET /apps/:app/webhook-events/:webhook_event": _shown("webhook-events"),
    "GET /apps/:app/webhook-deliveries": _listed("webhook-deliveries"),
    "GET /apps/:app/webhook-deliveries/:webhook_delivery": _shown("webhook-deliveries"),
}
CREATED = {"POST /apps/:app/webhooks"}
