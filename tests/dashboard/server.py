"""Databases without a server: rows as if there were one, and a data API that answers what a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.api.world import World
from tests.dashboard.browser import Stand
from tests.dashboard.test_addons import made

from celadon.actions import addons, caches
from celadon.actions import postgres_credentials as credentials
from celadon.actions import postgres_databases as databases
from celadon.actions.postgres_databases import Names, Source
from celadon.api import role
from celadon.api.answer import Answer
from celadon.api.application import Api
from celadon.api.asgi import Application
from celadon.api.request import Call
from celadon.api.route import Route, route
from celadon.dashboard import database_routes
from celadon.dashboard.data_api import DataApi
from celadon.model import postgres_setting
from celadon.model.engine import EngineKind
from celadon.model.errors import CeladonError
from celadon.model.postgres_database import CredentialState, Origin, Step

_D, _C = "/client/v11/databases/:database", "/postgres/v0/databases/:database/credentials"
_S, _M = "/postgres/v0/databases/:database", "/data/maintenances/v1/:database"
_R = "/redis/v0/databases/:addon"
SQL = "select orders.*, customers.name from orders join customers on customers.id = orders.customer_id where total > $1"
INFO = {
    "Status": "Available",
    "Connections": "3/120",
    "Data Size": "8.6 MB / 64 GB (In compliance)",
    "Tables": "2",
    "Maintenance": "not required",
}
CHECKS = [
    {"name": "Connection Count", "status": "green", "results": [{"count": "3", "limit": "120"}]},
    {
        "name": "Long Queries",
        "status": "red",
        "results": [{"pid": "18", "duration": "00:12:01", "query": SQL}],
    },
    {"name": "Load", "status": "skipped", "results": {"error": "Load check not supported on this plan"}},
]


@dataclass
class Server:
    """What pages ask is in `asked`; a verb in `refused` raises that."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: dict[str, CeladonError] = field(default_factory=dict)

    def routes(self) -> tuple[Route, ...]:
        answers: dict[str, Callable[[Call], object]] = {
            f"GET {_D}": lambda _: {"info": [{"name": name, "values": [text]} for name, text in INFO.items()]},
            f"GET {_C}": _credentials,
            f"POST {_C}": lambda _: {},
            f"POST {_C}/:credential/credentials_rotation": lambda _: {},
            f"POST {_C}_rotation": lambda _: {},
            f"DELETE {_C}/:credential": lambda _: {},
            f"POST {_S}/repair-default": lambda _: {},
            f"GET {_S}/statistics/:statistic": _statistic,
            f"POST {_S}/statistics/actions/reset": lambda _: {},
            f"POST {_S}/connections/:pid/actions/end": lambda _: {},
            f"POST {_D}/connection_reset": lambda _: {},
            "POST /reports": lambda _: {"id": "7753f306-6f25"},
            "GET /reports/:report": lambda _: {
                "id": "7753f306-6f25",
                "created_at": "2026-11-29T02:47:07Z",
                "app": "example",
                "database": "DATABASE_URL",
                "checks": CHECKS,
            },
            f"PUT {_D}/unfollow": lambda _: {},
            f"PUT {_D}/reset": lambda _: {},
            f"GET {_M}": lambda _: {
                "status": "pending",
                "reason": "a newer PostgreSQL",
                "window": "Fridays 14:30 to 18:30 UTC",
            },
            f"POST {_M}/window": lambda _: {},
            f"POST {_M}/run": lambda _: {},
            f"GET {_S}/config": lambda _: _config(),
            f"PATCH {_S}/config": lambda _: {},
            f"POST {_D}/upgrade/:step": lambda _: {},
            f"GET {_R}": lambda _: {
                "info": [{"name": "Hit Rate", "values": ["97.0%"]}],
                "resource_url": "rediss://:hidden@localhost:25001",
            },
            f"GET {_R}/config": lambda _: {
                "timeout": {"value": 300, "desc": "Seconds after which a silent connection is closed"},
                "maxmemory_policy": {
                    "value": "noeviction",
                    "desc": "When full",
                    "values": {"noeviction": "x", "allkeys-lru": "y"},
                },
            },
            f"PATCH {_R}/config": lambda _: {},
            f"POST {_R}/credentials_rotation": lambda _: {},
            f"POST {_R}/stats/reset": lambda _: {},
        }
        return tuple(self._route(verb, answer) for verb, answer in answers.items())

    def _route(self, verb: str, answer: Callable[[Call], object]) -> Route:
        def answered(call: Call) -> Answer:
            told = verb
            for name, value in call.params.items():
                told = told.replace(f":{name}", value)
            self.asked.append((told, dict(call.body().values)))
            if verb in self.refused:
                raise self.refused[verb]
            return Answer(value=answer(call))

        return route(verb, "as the data API asks", answered)

    @property
    def changed(self) -> list[tuple[str, dict[str, Any]]]:
        return [one for one in self.asked if not one[0].startswith("GET ")]


def _config() -> dict[str, object]:
    return {
        name: {"value": one.default, "desc": one.about, "values": dict(one.values)}
        for name, one in postgres_setting.SETTINGS.items()
    }


def _credentials(call: Call) -> list[dict[str, object]]:
    return [
        {
            "name": one.credential.name,
            "state": str(one.credential.state),
            "permission": str(one.credential.permission),
            "credentials": [{"user": one.credential.role, "password": one.password}]
            if one.credential.state is CredentialState.ACTIVE
            else [],
            "host": "localhost",
            "port": 25001,
            "database": "d1",
        }
        for one in credentials.known(call.context, call.params["database"])
    ]


def _statistic(call: Call) -> dict[str, object]:
    columns = [
        {"name": "pid", "numeric": True},
        {"name": "state", "numeric": False},
        {"name": "query", "numeric": False},
    ]
    return {"columns": columns, "rows": [["17", "active", SQL], ["18", "idle", None]]}


def serve(world: World, stand: Stand | None = None) -> Server:
    """As the two roles do together: all pages, over this data API."""
    server = Server()
    routes = (*role.ROUTES, *database_routes.routes(DataApi(server.routes())))
    world.api = Api(world.context, routes)
    if stand is not None:
        stand.application = Application(world.context, routes)
    return server


def database(
    world: World, plan: str = "standard-0", name: str = "orders", app: str = "example", source: Source | None = None
) -> str:
    """A database that is available; returns its add-on's id."""
    made(world, f"heroku-postgresql:{plan}", app, name=name)
    addon = addons.find(world.context, world.actor, name).addon
    databases.reserve(world.context, addon.id, plan, "17", Names(name="d1", role="u1", password="hidden-word"), source)
    databases.step(world.context, addon.id, Step.AVAILABLE)
    return addon.id


def follower(world: World, leader_id: str) -> str:
    return database(world, name="reader", source=Source(origin=Origin.FOLLOW, addon_id=leader_id))


def redis(world: World) -> str:
    made(world, "heroku-redis:premium-0", name="cache")
    addon = addons.find(world.context, world.actor, "cache").addon
    caches.reserve(world.context, addon.id, EngineKind.REDIS, "premium-0", "7.2")
    return addon.id
