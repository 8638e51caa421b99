"""Calls of the routes that bring code without git."""

from collections.abc import Callable

from tests.api.world import Reply, World

SLUG = {"process_types": {"web": "./bin/web -p $PORT"}, "commit": "3063626", "stack": "cedar", "checksum": None}
IMAGE = {"image": "registry.example.com/me/app:1", "login": {"username": "me", "password": "secret"}}

EXAMPLES: dict[str, Callable[[World], Reply]] = {
    "POST /sources": lambda world: world.call("POST", "/sources"),
    "POST /apps/:app/sources": lambda world: world.call("POST", "/apps/example/sources"),
    "POST /apps/:app/slugs": lambda world: world.call("POST", "/apps/example/slugs", SLUG),
    "GET /apps/:app/repository": lambda world: world.call("GET", "/apps/example/repository"),
    "PATCH /apps/:app/repository": lambda world: world.call(
        "PATCH", "/apps/example/repository", {"source_path": "services/api"}
    ),
    "DELETE /apps/:app/repository": lambda world: world.call("DELETE", "/apps/example/repository"),
    "POST /apps/:app/images": lambda world: world.call("POST", "/apps/example/images", IMAGE),
    "DELETE /apps/:app/build-cache": lambda world: world.call("DELETE", "/apps/example/build-cache"),
}
CREATED = {"POST /apps/:app/slugs", "POST /apps/:app/images", "POST /sources", "POST /apps/:app/sources"}
ACCEPTED = {"DELETE /apps/:app/build-cache", "DELETE /apps/:app/repository"}
UNPUBLISHED = {"GET /apps/:app/repository", "PATCH /apps/:app/repository", "DELETE /apps/:app/repository"}
