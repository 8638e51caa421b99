"""What is looked at in a database by our command line and by Heroku's own: both print the same, as psql draws it."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
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
from celadon.postgres.cluster import Clusters
from celadon.postgres.databases import Databases
from celadon.postgres.inspection import Inspection
from celadon.postgres.provider import PostgresProvider


@pytest.fixture
def made(
    stand: Stand, world: World, settings: Settings, clusters: Clusters, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database of the app; its name."""
    context = world.context
    context.settings.ca_file.parent.mkdir(exist_ok=True)
    table = (*routes.of_databases(Databases(clusters, lambda _: None)), *routes.of_inspection(Inspection(clusters)))
    stand.application = Application(context, (*role.ROUTES, *table))
    provider = PostgresProvider(context, clusters, Locks())
    asking = Asking(context, Providers(context, {"heroku-postgresql": provider}))
    name = addons.create(context, world.actor, "example", plan=f"heroku-postgresql:{request.param}").addon.name
    deadline = time.monotonic() + 60
    while addons.find(context, world.actor, name).addon.work is not None and time.monotonic() < deadline:
        asking.ensure()
        time.sleep(0.02)
    shutil.copy(settings.ca_file, context.settings.ca_file)
    yield name
    for described in addons.list_of_app(context, world.actor, "example"):
        provider.deprovision(described.addon.id, None)


def fill(celadon: Program) -> str:
    """Some rows to tell of; returns the database's address."""
    celadon.env["CELADON_APP"] = "example"
    url = celadon("config:get", "DATABASE_URL").out.strip()
    with psycopg.connect(f"{url}?sslmode=require", autocommit=True) as connection:
        connection.execute("create table items (id integer primary key, name text)")
        connection.execute("insert into items select n, repeat('x', 100) from generate_series(1, 5000) n")
        connection.execute("create index on items (name)")
        connection.execute("vacuum analyze items")
        for _ in range(50):
            connection.execute("select count(*) from items")
    return url


# Those whose answers do not change while nobody does anything, and those that do. The first of each is enough for most
# changes: a command of Heroku's client takes seconds.
SAME = (
    *("unused-indexes", "index-size", "index-usage", "records-rank", "table-indexes-size", "table-size"),
    *("total-index-size", "total-table-size", "blocking", "long-running-queries"),
)
OTHERS = ("vacuum-stats", "bloat", "cache-hit", "locks", "outliers", "seq-scans", "user-connections")


@pytest.fixture
def heroku(world: World, celadon: Program, tmp_path: Path) -> Callable[..., str]:
    """Heroku's client with the app; what it says besides is left out."""
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    environment = {**variables, "HEROKU_API_KEY": world.token}
    official = client(install.install(), tmp_path / "heroku-home", tmp_path / "desk", environment)

    def run(*words: str) -> str:
        said = official(*words, "-a", "example")
        return "".join(line for line in said.splitlines(keepends=True) if "›" not in line)

    return run


@pytest.mark.parametrize("made", ["mini", "standard-0"], indirect=True)
def test_both_clients_show_the_same(made: str, celadon: Program, heroku: Callable[..., str]) -> None:
    url = fill(celadon)
    compare(celadon, heroku, SAME[:1], OTHERS[:1])
    with psycopg.connect(f"{url}?sslmode=require", autocommit=True) as connection:
        connection.execute("begin")
        connection.execute("select 'by hand'")
        pid = str(connection.info.backend_pid)
        for shown in (celadon("pg:ps").out, heroku("pg:ps")):
            assert re.search(rf"^ *{pid} \| idle in transaction .*select 'by hand'$", shown, re.MULTILINE), shown
        assert celadon("pg:kill", pid).out.strip("\n") == heroku("pg:kill", pid).strip("\n")
        connection.execute("select 1")
        heroku("pg:kill", pid, "--force")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert "from items" in celadon("pg:calls").out and "from items" in heroku("pg:calls")
    assert "…" in heroku("pg:outliers", "--truncate", "-n", "3")
    heroku("pg:outliers", "--reset")
    assert "from items" not in celadon("pg:outliers", "--num", "100").out
    assert celadon("pg:outliers", "--reset").status == 0


@pytest.mark.long
@pytest.mark.parametrize("made", ["mini"], indirect=True)
def test_all_statistics_are_the_same(made: str, celadon: Program, heroku: Callable[..., str]) -> None:
    fill(celadon)
    compare(celadon, heroku, SAME, OTHERS)


def compare(celadon: Program, heroku: Callable[..., str], same: Sequence[str], others: Sequence[str]) -> None:
    for name in same:
        ours = celadon(f"pg:{name}")
        assert ours.status == 0 and ours.out.strip("\n") == heroku(f"pg:{name}").strip("\n"), name
    for name in others:
        ours, theirs = celadon(f"pg:{name}"), heroku(f"pg:{name}")
        assert ours.status == 0 and _titles(ours.out) == _titles(theirs), (ours.out, theirs)


def _titles(shown: str) -> list[str]:
    return [title.strip() for title in shown.strip().splitlines()[0].split("|")]


@pytest.mark.parametrize("made", ["mini"], indirect=True)
def test_what_cannot_be_shown_or_ended_is_said(made: str, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert "from 1 to 100" in celadon("pg:outliers", "--num", "1000").err
    assert 'Cannot parse num param value "many"' in celadon("pg:outliers", "--num", "many").err
    assert "pg:ps --verbose lists those it has" in celadon("pg:kill", "1").err
    assert "its first column" in celadon("pg:kill", "x").err
    assert "Must specify which connection" in celadon("pg:kill").err
    assert "has no database OTHER" in celadon("pg:ps", "OTHER").err
