"""Calls of the routes that bring code without git."""

from collections.abc import Callable

from tests.api.world import Reply, World

EXAMPLES: dict[str, Callable[[World], Reply]] = {
    "POST /sources": lambda world: world.call("POST", "/sources"),
    "POST /apps/:app/sources": lambda world: world.call("POST", "/apps/example/sources"),
    "DELETE /apps/:app/build-cache": lambda world: world.call("DELETE", "/apps/example/build-cache"),
}
CREATED = {"POST /sources", "POST /apps/:app/sources"}
ACCEPTED = {"DELETE /apps/:app/build-cache"}
