"""What the addons role answers, over servers that are not there, and databases of apps for it to answer about.

Nothing of the machine is touched: no container is started, no socket of a real engine is opened.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.api.world import World

from celadon.actions import addons, caches, dataclips, provisioning, transfers
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names
from celadon.addons import services
from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.api.route import Route
from celadon.caches.manager import Manager
from celadon.caches.memcached import MemcachedServers
from celadon.caches.redis import RedisServers
from celadon.model.account import Actor
from celadon.model.engine import Engine, EngineKind
from celadon.model.postgres_database import Step
from celadon.platform.settings import Settings
from celadon.postgres.changes import Changes
from celadon.postgres.cluster import Clusters
from celadon.postgres.pairs import Pairs
from celadon.postgres.settings import Settings as PostgresSettings
from celadon.runtime.protocol import RuntimeFailure


class Nowhere:
    """A runtime that runs nothing, and cannot."""

    def inspect(self, container_id: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeFailure(f"cannot {name}: there is no machine")

        return fail


class NoEngines(Engines):
    """The engines of no machine."""

    def __init__(self, context: Context) -> None:
        self.settings = context.settings
        self.runtime: Any = Nowhere()
        self._network: Any = Nowhere()
        self.root = context.settings.home / "no-image"
        (self.root / "usr/lib/postgresql/17").mkdir(parents=True, exist_ok=True)
        status = self.root / "var/lib/dpkg/status"
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_text("Package: redis-server\nVersion: 5:8.0.2-1\n\nPackage: memcached\nVersion: 1.6.38-1\n")

    def sockets(self, engine: Engine) -> Path:
        return self.settings.home / "no-sockets" / str(engine.number)

    def prepare(self, engine: Engine) -> None:
        raise RuntimeFailure("cannot prepare: there is no machine")


def routes(context: Context) -> tuple[Route, ...]:
    """Those of the role, as `services` puts them together."""
    engines = NoEngines(context)
    redis = RedisServers(engines)
    servers = {EngineKind.REDIS: redis, EngineKind.MEMCACHED: MemcachedServers(engines)}
    locks = Locks()
    pairs = Pairs(context, Clusters(engines), locks)
    cached = Manager(context, servers, locks, Ports(engines, ()), lambda *_: None)
    settings, changes = PostgresSettings(context, pairs), Changes(context, pairs)
    return services.served(context, pairs, cached, redis, settings, changes)


@cache
def table() -> tuple[Route, ...]:
    """The same for who only looks at the table: they answer nothing."""
    with tempfile.TemporaryDirectory() as home:
        nothing: Any = None
        return routes(Context(nothing, Settings(home=Path(home))))


def furnish(world: World, actor: Actor, app: str, word: str) -> dict[str, str]:
    """A database with a backup, a schedule and a dataclip, a Redis and a webhook's worth of names; the word is in all
    that nobody else may see.
    """
    context = world.context
    database = addons.create(context, actor, app, plan="heroku-postgresql:mini", attachment="DATABASE").addon
    names = Names(name=f"d{word}", role=f"u{word}", password=f"p{word}")
    databases.reserve(context, database.id, "mini", "17", names)
    databases.step(context, database.id, Step.AVAILABLE)
    config = {"HEROKU_POSTGRESQL_URL": f"postgres://u{word}:p{word}@localhost/d{word}"}
    provisioning.provisioned(context, database.id, provider_id="p", config=config)
    redis = addons.create(context, actor, app, plan="heroku-redis:mini").addon
    caches.done(context, caches.reserve(context, redis.id, EngineKind.REDIS, "mini", "8.0.2"))
    provisioning.provisioned(context, redis.id, provider_id="p", config={"REDIS_URL": f"rediss://:{word}@localhost"})
    transfer = transfers.capture(context, actor, database.id)
    transfers.schedule(context, actor, database.id, hour="3", timezone="UTC", name=None)
    clip = dataclips.create(context, actor, app, query=f"select '{word}'", title=word)
    return {
        "database": database.id,
        "addon": redis.id,
        "transfer": transfer.name,
        "schedule": "DATABASE_URL",
        "dataclip": clip.dataclip.id,
        "credential": "default",
    }
