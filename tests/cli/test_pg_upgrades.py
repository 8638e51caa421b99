"""Upgrades at the command line, by our client and by Heroku's own, with real servers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli import test_postgres
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.test_postgres import ask as ask
from tests.cli.world import World
from tests.official_cli import install
from tests.official_cli.client import client
from tests.postgres.conftest import clusters as clusters
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.actions import addons
from celadon.addons.locks import Locks
from celadon.addons.manager import Manager as Asking
from celadon.api import role
from celadon.api.asgi import Application
from celadon.platform.settings import Settings
from celadon.postgres import routes, upgrade_routes
from celadon.postgres.cluster import Clusters
from celadon.postgres.databases import Databases
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.upgrades import Upgrades


@pytest.fixture
def work(stand: Stand, world: World, ask: Asking, clusters: Clusters) -> Iterator[Callable[[str], None]]:
    """Does what the role does for a database, by its name."""
    pairs = Pairs(world.context, clusters, Locks())
    table = (
        *routes.of_databases(Databases(world.context, pairs, lambda _: None)),
        *upgrade_routes.routes(clusters.versions),
    )
    stand.application = Application(world.context, (*role.ROUTES, *table))
    provider = PostgresProvider(world.context, pairs)

    def working(name: str) -> None:
        provider.finish_followers()
        Upgrades(provider).run(addons.find(world.context, world.actor, name).addon.id)

    yield working


def test_a_database_is_tried_prepared_and_upgraded(
    world: World, ask: Asking, celadon: Program, settings: Settings, work: Callable[[str], None]
) -> None:
    celadon.env["CELADON_APP"] = "example"
    name = test_postgres.make(world, ask, settings, plan="standard-0", version="15")
    assert "PG Version" in celadon("pg:info", name).out and "Upgrade" not in celadon("pg:info", name).out
    assert "no upgrade was asked for" in celadon("pg:upgrade:wait", name).out
    for words, why in (
        (("dryrun", name, "--version", "14"), "it can become 17"),
        (("run", name, "--version", "15", "--confirm", "example"), "it can become 17"),
        (("cancel", name), "no upgrade of"),
    ):
        refused = celadon(f"pg:upgrade:{words[0]}", *words[1:])
        assert refused.status == 1 and why in refused.err, refused.err
    celadon("pg:psql", name, "-c", "create table hindering (what regproc)")
    assert celadon("pg:upgrade:dryrun", name).status == 0
    assert "under way" in celadon("pg:upgrade:prepare", name).err
    work(name)
    told = celadon("pg:upgrade:wait", name)
    assert (
        told.status == 1 and "hindering.what" in told.err and "cannot be upgraded from PostgreSQL 15 to 17" in told.err
    )
    assert "Upgrade:" in celadon("pg:info", name).out
    celadon("pg:psql", name, "-c", "drop table hindering; create table t as select 42 as n")
    assert celadon("pg:upgrade:prepare", name, "--version", "17").status == 0
    work(name)
    assert "ready to be upgraded from PostgreSQL 15 to 17" in celadon("pg:upgrade:wait", name).out
    assert "is prepared" in celadon("pg:upgrade:dryrun", name).err
    assert celadon("pg:upgrade:cancel", name).status == 0
    assert celadon("pg:upgrade:run", name, "--confirm", "other").status == 1
    assert celadon("pg:upgrade:run", name, "--confirm", "example").status == 0
    assert "cannot cancel" not in celadon("pg:info", name).err
    work(name)
    assert "upgraded from PostgreSQL 15 to 17" in celadon("pg:upgrade:wait", name).out
    assert "42" in celadon("pg:psql", name, "-c", "select n from t").out
    assert "the newest here" in celadon("pg:upgrade:run", name, "--confirm", "example").err
    shared = test_postgres.make(world, ask, settings)
    refused = celadon("pg:upgrade:run", shared, "--confirm", "example")
    assert refused.status == 1 and "pg:copy" in refused.err


def test_herokus_own_client_upgrades_a_database_and_a_follower(
    world: World,
    ask: Asking,
    celadon: Program,
    settings: Settings,
    work: Callable[[str], None],
    tmp_path: Path,
) -> None:
    celadon.env["CELADON_APP"] = "example"
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    environment = {**variables, "HEROKU_API_KEY": world.token}
    heroku = client(install.install(), tmp_path / "heroku-home", tmp_path / "desk", environment)
    name = test_postgres.make(world, ask, settings, plan="standard-0", version="15")
    follower = test_postgres.make(world, ask, settings, plan="standard-0", follow=name)
    app = ("-a", "example")
    sure = (*app, "--confirm", "example")
    assert "A copy of it is being upgraded" in heroku("pg:upgrade:dryrun", name, *sure)
    work(name)
    assert "can be upgraded from PostgreSQL 15 to 17" in heroku("pg:upgrade:wait", name, *app)
    assert "no maintenance window" in heroku("pg:upgrade:prepare", name, "--version", "17", *sure)
    assert "is cancelled" in heroku("pg:upgrade:cancel", name, *sure)
    assert "is being upgraded to PostgreSQL 17" in heroku("pg:upgrade:run", follower, *sure)
    work(follower)
    assert "upgraded from PostgreSQL 15 to 17" in heroku("pg:upgrade:wait", follower, *app)
    told = heroku("pg:info", follower, *app)
    assert "17" in next(line for line in told.splitlines() if line.startswith("PG Version"))
    assert "15" in next(line for line in heroku("pg:info", name, *app).splitlines() if line.startswith("PG Version"))
