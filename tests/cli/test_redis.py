"""Redis at the command line, with a real server, from its add-on to its removal."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.caches.conftest import client_of, connection_of
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.world import World
from tests.official_cli import install
from tests.official_cli.client import client
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.actions import addons, apps, attachments, authorizations, caches, provisioning
from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.addons.manager import Manager as Asking
from celadon.addons.ports import Ports
from celadon.addons.services import Providers
from celadon.api import role
from celadon.api.asgi import Application
from celadon.caches import routes
from celadon.caches.manager import Manager
from celadon.caches.provider import RedisProvider
from celadon.caches.redis import RedisServers
from celadon.model.engine import EngineKind
from celadon.platform import runtimes
from celadon.platform.settings import Settings


@pytest.fixture
def ask(stand: Stand, world: World, settings: Settings) -> Iterator[Asking]:
    """The platform of an app, with who makes its Redis; all is gone afterwards."""
    runtimes.network(settings).ensure()
    engines, context = Engines(settings), world.context
    servers = RedisServers(engines)
    manager = Manager(
        context,
        {EngineKind.REDIS: servers},
        Locks(),
        Ports(engines, (lambda: caches.published(context),)),
        lambda addon_id, config: provisioning.config_changed(context, addon_id, config),
    )
    stand.application = Application(context, (*role.ROUTES, *routes.routes(manager, servers)))
    yield Asking(context, Providers(context, {"heroku-redis": RedisProvider(manager)}))
    for left in caches.list_all(context):
        caches.remove(context, left.cache.addon_id)
        manager.remove(left)


def make(world: World, ask: Asking) -> str:
    name = addons.create(world.context, world.actor, "example", plan="heroku-redis:mini").addon.name
    deadline = time.monotonic() + 180
    while addons.find(world.context, world.actor, name).addon.work is not None:
        assert time.monotonic() < deadline, "its server is not there yet"
        ask.ensure()
        time.sleep(0.02)
    return name


def test_redis_from_its_address_to_its_settings(
    world: World, ask: Asking, celadon: Program, settings: Settings
) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert "example has no Redis" in celadon("redis").out
    assert "No Redis instances found." in celadon("redis:credentials").err
    name = make(world, ask)
    told = celadon("redis:info").out
    assert f"=== {name} (REDIS_URL)" in told
    for line in ("Mini", "noeviction", "0/20"):
        assert line.lower() in told.lower()
    url = celadon("redis:credentials").out.strip()
    assert celadon("config:get", "REDIS_URL").out.strip() == url
    with client_of(settings, {"REDIS_URL": url}) as client:
        client.set("key", "value")
        assert celadon("redis:maxmemory", "--policy", "allkeys-lru").out.splitlines() == [
            f"Maxmemory policy for {name} (REDIS_URL) set to allkeys-lru.",
            "allkeys-lru removes less recently used keys first.",
        ]
        assert client.info("memory")["maxmemory_policy"] == "allkeys-lru"
        assert "set to 60 seconds" in celadon("redis:timeout", "--seconds", "60").out
        assert "set to 'AKE'" in celadon("redis:keyspace-notifications", "--config", "AKE").out
        assert celadon("redis:maxmemory", "--policy", "none").status == 1
        assert celadon("redis:stats-reset", "--confirm", "example").status == 0
        assert client.info("stats")["keyspace_hits"] == 0
        assert celadon("redis:credentials", "--reset").status == 0
        with pytest.raises(redis.RedisError):
            connection_of(client).send_command("PING")
            connection_of(client).read_response()
    again = celadon("redis:credentials").out.strip()
    assert again == celadon("config:get", "REDIS_URL").out.strip() != url
    with client_of(settings, {"REDIS_URL": again}) as client:
        assert client.get("key") == "value"
    assert "available" in celadon("redis:wait").out + celadon("redis:wait").err
    (shown,) = json.loads(celadon("redis", "--json").out)
    assert shown["resource_url"] == again


def test_a_second_one_is_promoted_and_the_first_keeps_a_name(world: World, ask: Asking, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    first, second = make(world, ask), make(world, ask)
    assert f"Found: {first}, {second}" in celadon("redis:credentials").err.replace(
        f"{second}, {first}", f"{first}, {second}"
    )
    assert celadon("redis:promote", second).status == 0
    assert celadon("config:get", "REDIS_URL").out == celadon("redis:credentials", second).out
    assert len(addons.find(world.context, world.actor, first).config_vars) == 1


def test_another_apps_one_has_the_names_of_the_app_that_is_asked_about(
    world: World, ask: Asking, celadon: Program
) -> None:
    name = make(world, ask)
    apps.create(world.context, world.actor, name="guest")
    attachments.create(world.context, world.actor, addon=name, app="guest", name="SHARED")
    assert f"=== {name} (SHARED_URL)\n" in celadon("redis", "-a", "guest").out
    url = celadon("redis:credentials", "-a", "example").out
    assert url == celadon("redis:credentials", "shared", "-a", "guest").out and url.startswith("rediss://")
    assert celadon("redis:promote", "SHARED", "-a", "guest").status == 0
    assert celadon("config:get", "REDIS_URL", "-a", "guest").out == url
    assert "is already promoted on guest" in celadon("redis:promote", name, "-a", "guest").err


def test_who_may_only_see_the_app_sees_no_password(world: World, ask: Asking, celadon: Program) -> None:
    make(world, ask)
    _, token = authorizations.create(world.context, world.actor, scope=("read",))
    celadon.env["CELADON_APP"], celadon.env["CELADON_API_KEY"] = "example", token
    (shown,) = json.loads(celadon("redis", "--json").out)
    assert shown["resource_url"] is None
    assert celadon("redis:credentials").status == 1
    assert celadon("redis:credentials", "--reset").status == 1
    assert celadon("redis:timeout", "--seconds", "1").status == 1


def test_herokus_own_client_does_the_same(world: World, ask: Asking, celadon: Program, tmp_path: Path) -> None:
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    heroku = client(
        install.install(), tmp_path / "heroku-home", tmp_path / "desk", {**variables, "HEROKU_API_KEY": world.token}
    )
    name = make(world, ask)
    assert f"{name} (REDIS_URL)" in heroku("redis:info", "-a", "example")
    assert "\nrediss://:" in f"\n{heroku('redis:credentials', '-a', 'example')}"
    assert "set to volatile-ttl" in heroku("redis:maxmemory", "-p", "volatile-ttl", "-a", "example")
    assert "set to 30 seconds" in heroku("redis:timeout", "-s", "30", "-a", "example")
    assert "set to 'KEA'" in heroku("redis:keyspace-notifications", "-c", "KEA", "-a", "example").replace("AKE", "KEA")
    before = heroku("redis:credentials", "-a", "example")
    heroku("redis:credentials", "--reset", "-a", "example")
    assert heroku("redis:credentials", "-a", "example") != before
    heroku("redis:stats-reset", "--confirm", "example", "-a", "example")
    heroku("redis:wait", "-a", "example")
