"""Calls of the routes of app setups."""

from collections.abc import Callable

from tests.api.world import Reply, World

BODY = {
    "app": {"name": "from-source", "region": "us", "stack": "cedar", "personal": True, "locked": False},
    "source_blob": {"url": "https://example.com/source.tgz?token=xyz", "version": "v1.3.0", "checksum": None},
    "overrides": {"env": {"FOO": "bar"}, "buildpacks": [{"url": "https://example.com/buildpack.tgz"}]},
}


def begin(world: World) -> Reply:
    return world.call("POST", "/app-setups", BODY)


EXAMPLES: dict[str, Callable[[World], Reply]] = {
    "POST /app-setups": begin,
    "GET /app-setups/:app_setup": lambda world: world.get(f"/app-setups/{begin(world).json['id']}"),
}
ACCEPTED = {"POST /app-setups"}
