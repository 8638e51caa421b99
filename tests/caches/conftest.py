"""Real Redis and memcached servers in containers, of a platform of the test's own."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis

from celadon.actions import caches
from celadon.actions import context as contexts
from celadon.actions.caches import Place
from celadon.actions.context import Context
from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.addons.provider import Provided, Wanted
from celadon.caches.manager import Manager
from celadon.caches.memcached import MemcachedServers
from celadon.caches.provider import CacheProvider, MemcachedProvider, RedisProvider
from celadon.caches.redis import RedisServers
from celadon.caches.servers import Servers
from celadon.model.engine import EngineKind
from celadon.platform import runtimes
from celadon.platform.settings import Settings
from tests import stores
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings


@pytest.fixture(scope="module")
def context(settings: Settings) -> Context:
    stores.make(settings)
    runtimes.network(settings).ensure()
    return contexts.connect(settings)


@pytest.fixture(scope="module")
def told() -> dict[str, Mapping[str, str]]:
    """Add-on → the config that its apps were given last."""
    return {}


@pytest.fixture(scope="module")
def manager(context: Context, told: dict[str, Mapping[str, str]]) -> Manager:
    engines = Engines(context.settings)
    servers: dict[EngineKind, Servers] = {
        EngineKind.REDIS: RedisServers(engines),
        EngineKind.MEMCACHED: MemcachedServers(engines),
    }
    ports = Ports(engines, (lambda: caches.published(context),))
    return Manager(context, servers, Locks(), ports, told.__setitem__)


@pytest.fixture(scope="module")
def redis_provider(manager: Manager) -> RedisProvider:
    return RedisProvider(manager)


@pytest.fixture(scope="module")
def memcached_provider(manager: Manager) -> MemcachedProvider:
    return MemcachedProvider(manager)


def wanted(plan: str, **options: str) -> Wanted:
    return Wanted(
        addon_id=str(uuid.uuid4()),
        name="redis-clear-1",
        plan=plan,
        region="us",
        app_id="app",
        app_name="shop",
        options=options,
    )


def place_of(provider: CacheProvider, addon_id: str) -> Place:
    found = caches.find(provider.manager.context, addon_id)
    assert found is not None
    return found


def made(provider: CacheProvider, plan: str, **options: str) -> Iterator[str]:
    """An add-on's id; it is gone afterwards."""
    order = wanted(plan, **options)
    provider.provision(order)
    yield order.addon_id
    provider.deprovision(order.addon_id, order.addon_id)


def config_of(provider: CacheProvider, addon_id: str) -> Mapping[str, str]:
    return provider.servers.config(place_of(provider, addon_id))


def client_of(settings: Settings, config: Mapping[str, str], **options: object) -> "redis.Redis":
    """As an app would with its REDIS_URL, the platform's authority trusted."""
    return redis.Redis.from_url(
        config["REDIS_URL"],
        ssl_ca_certs=str(settings.ca_file),
        ssl_cert_reqs="required",
        ssl_check_hostname=True,
        socket_timeout=30,
        decode_responses=True,
        single_connection_client=True,
        **options,
    )


def connection_of(client: "redis.Redis") -> Any:
    """Its own connection: asked for more, the client would come in again by itself."""
    assert client.connection is not None
    return client.connection


def given(provided: Provided) -> Mapping[str, str]:
    assert provided.config is not None
    return provided.config
