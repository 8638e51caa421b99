"""Databases at the command line, by our client and by Heroku's own, with a real server."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.world import World
from tests.official_cli import install
from tests.official_cli.client import client
from tests.postgres.conftest import clusters as clusters
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.actions import addons
from celadon.addons.locks import Locks
from celadon.addons.manager import Manager as Asking
from celadon.addons.services import Providers
from celadon.api import role
from celadon.api.asgi import Application
from celadon.platform.settings import Settings
from celadon.postgres import routes
from celadon.postgres.changes import Changes
from celadon.postgres.cluster import Clusters
from celadon.postgres.credentials import Credentials
from celadon.postgres.databases import Databases
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider


@pytest.fixture
def ask(stand: Stand, world: World, settings: Settings, clusters: Clusters) -> Iterator[Asking]:
    """The platform of an app, with who makes its databases; all are gone afterwards."""
    context = world.context
    # The servers are of a platform of their own: its authority is who the clients are to trust.
    context.settings.ca_file.parent.mkdir(exist_ok=True)
    locks = Locks()
    pairs = Pairs(context, clusters, locks)
    databases = Databases(context, pairs, lambda _: None)
    credentials = Credentials(databases, Changes(context, pairs))
    table = (*routes.of_databases(databases), *routes.of_credentials(credentials))
    stand.application = Application(context, (*role.ROUTES, *table))
    provider = PostgresProvider(context, pairs)
    yield Asking(context, Providers(context, {"heroku-postgresql": provider}))
    for described in addons.list_of_app(context, world.actor, "example"):
        provider.deprovision(described.addon.id, None)


def make(
    world: World, ask: Asking, settings: Settings, plan: str = "mini", *, app: str = "example", **options: str
) -> str:
    plan = f"heroku-postgresql:{plan}"
    name = addons.create(world.context, world.actor, app, plan=plan, options=options).addon.name
    deadline = time.monotonic() + 180
    while addons.find(world.context, world.actor, name).addon.work is not None:
        assert time.monotonic() < deadline, "its server is not there yet"
        ask.ensure()
        time.sleep(0.02)
    shutil.copy(settings.ca_file, world.context.settings.ca_file)
    return name


def test_a_database_from_its_address_to_its_reset(
    world: World, ask: Asking, celadon: Program, settings: Settings
) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert "example has no databases" in celadon("pg").out
    first, second = make(world, ask, settings), make(world, ask, settings)
    url = celadon("config:get", "DATABASE_URL").out.strip()
    assert f"   {url}" in celadon("pg:credentials:url").out.splitlines()
    assert "available" in celadon("pg:wait").out + celadon("pg:wait").err
    assert celadon("pg:psql", "-c", "create table kept as select 41 + 1 as n").status == 0
    assert "42" in celadon("pg:psql", first, "-c", "select n from kept").out
    assert "1" in next(line for line in celadon("pg:info", first).out.splitlines() if line.startswith("Tables"))
    assert celadon("pg:promote", second).status == 0
    assert celadon("config:get", "DATABASE_URL").out.strip() != url
    assert "already promoted" in celadon("pg:promote", second).err
    assert celadon("pg:psql", "-c", "select n from kept").status == 1
    assert celadon("pg:killall", first).status == 0
    assert celadon("pg:reset", first, "--confirm", "other").status == 1
    assert "42" in celadon("pg:psql", first, "-c", "select n from kept").out
    assert celadon("pg:reset", first, "--confirm", "example").status == 0
    assert celadon("pg:psql", first, "-c", "select n from kept").status == 1


def test_herokus_own_client_does_the_same(
    world: World, ask: Asking, celadon: Program, settings: Settings, tmp_path: Path
) -> None:
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    environment = {**variables, "HEROKU_API_KEY": world.token}
    heroku = client(install.install(), tmp_path / "heroku-home", tmp_path / "desk", environment)
    first, second = make(world, ask, settings), make(world, ask, settings)
    told = heroku("pg:info", "-a", "example")
    assert "DATABASE_URL" in told and "Available" in told and first in told and second in told
    url = celadon("config:get", "DATABASE_URL", "-a", "example").out.strip()
    assert url in heroku("pg:credentials:url", "DATABASE", "-a", "example").replace("postgresql://", "postgres://")
    heroku("pg:wait", "-a", "example")
    assert "42" in heroku("pg:psql", "-c", "select 41 + 1", "-a", "example")
    heroku("pg:killall", "-a", "example")
    heroku("pg:promote", second, "-a", "example")
    assert celadon("config:get", "DATABASE_URL", "-a", "example").out.strip() != url
    heroku("pg:reset", "DATABASE", "--confirm", "example", "-a", "example")
