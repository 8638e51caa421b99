"""Calls of the routes that bring code without git."""

from collections.abc import Callable

from tests.api.world import Reply, World

EXAMPLES: dict[str, Callable[[World], Reply]] = {
    "DELETE /apps/:app/build-cache": lambda world: world.call("DELETE", "/apps/example/build-cache"),
}
ACCEPTED = {"DELETE /apps/:app/build-cache"}
