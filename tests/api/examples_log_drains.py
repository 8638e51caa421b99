"""Calls of the routes of log drains."""

from collections.abc import Callable

from tests.api.world import Reply, World

URL = "https://user:secret@logs.example.com/app?token=1"
PATH = "/apps/example/log-drains"


def add(world: World, url: str = URL) -> Reply:
    return world.call("POST", PATH, {"url": url})


def _list(world: World) -> Reply:
    add(world)
    return world.get(PATH)


def _statuses(world: World) -> Reply:
    add(world)
    return world.get("/apps/example/log-drain-statuses")


EXAMPLES: dict[str, Callable[[World], Reply]] = {
    "GET /apps/:app/log-drains": _list,
    "GET /apps/:app/log-drain-statuses": _statuses,
    "POST /apps/:app/log-drains": add,
    "GET /apps/:app/log-drains/:drain": lambda world: world.get(f"{PATH}/{add(world).json['id']}"),
    "DELETE /apps/:app/log-drains/:drain": lambda world: world.call("DELETE", f"{PATH}/{add(world).json['token']}"),
}
CREATED = {"POST /apps/:app/log-drains"}
