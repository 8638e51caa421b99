"""The data API of Redis, as Heroku's client calls it; the `addons` role serves it (addons/serving.py)."""

from celadon.api.route import Route, route
from celadon.caches.databases import Databases
from celadon.caches.manager import Manager
from celadon.caches.redis import RedisServers

_ONE = "/redis/v0/databases/:addon"


def routes(manager: Manager, servers: RedisServers) -> tuple[Route, ...]:
    databases = Databases(manager, servers)
    return (
        route(f"GET {_ONE}", "addon:read", databases.show),
        route(f"GET {_ONE}/config", "addon:read", databases.show_config),
        route(f"PATCH {_ONE}/config", "addon:update", databases.configure),
        route(f"POST {_ONE}/credentials_rotation", "addon:update", databases.rotate),
        route(f"POST {_ONE}/stats/reset", "addon:update", databases.reset_statistics),
        route(f"POST {_ONE}/upgrade", "addon:update", databases.upgrade),
        route(f"GET {_ONE}/wait", "addon:read", databases.wait, free=True),
    )
