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
from tests.postgres.owned import hold_back

from celadon.actions import addons
from celadon.actions import postgres_databases as databases
from celadon.addons.locks import Locks
from celadon.addons.manager import Manager as Asking
from celadon.addons.services import Providers
from celadon.api import role
from celadon.api.asgi import Application
from celadon.platform.settings import Settings as PlatformSettings
from celadon.postgres import maintenance_routes, reports, routes
from celadon.postgres.cluster import Clusters
from celadon.postgres.databases import Databases
from celadon.postgres.inspection import Inspection
from celadon.postgres.maintenance import Maintenance
from celadon.postgres.maintenance_routes import Windows
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.reports import Reports
from celadon.postgres.settings import Settings
from celadon.store import engines


@pytest.fixture
def made(
    stand: Stand, world: World, settings: PlatformSettings, clusters: Clusters, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database of the app; its name."""
    context = world.context
    context.settings.ca_file.parent.mkdir(exist_ok=True)
    pairs = Pairs(context, clusters, Locks())
    provider = PostgresProvider(context, pairs)
    table = (
        *routes.of_databases(Databases(context, pairs, lambda _: None)),
        *routes.of_inspection(Inspection(pairs)),
        *routes.of_settings(Settings(context, pairs)),
        *maintenance_routes.routes(Windows(clusters)),
        *reports.routes(Reports(pairs)),
    )
    stand.application = Application(context, (*role.ROUTES, *table))
    asking = Asking(context, Providers(context, {"heroku-postgresql": provider}))
    name = addons.create(context, world.actor, "example", plan=f"heroku-postgresql:{request.param}").addon.name
    deadline = time.monotonic() + 180
    while addons.find(context, world.actor, name).addon.work is not None:
        assert time.monotonic() < deadline, "its server is not there yet"
        asking.ensure()
        time.sleep(0.02)
    shutil.copy(settings.ca_file, context.settings.ca_file)
    yield name
    for described in addons.list_of_app(context, world.actor, "example"):
        provider.deprovision(described.addon.id, None)
    with context.database.read() as tx:
        left = engines.list_all(tx)
    for engine in left:
        # The shared one: the next test's server has its number.
        clusters.engines.remove(engine)


def fill(celadon: Program) -> str:
    """Some rows to tell of; returns the database's address."""
    celadon.env["CELADON_APP"] = "example"
    url = celadon("config:get", "DATABASE_URL").out.strip()
    with psycopg.connect(f"{url}?sslmode=require", autocommit=True) as connection:
        connection.execute("create table items (id integer primary key, name text)")
        connection.execute("insert into items select n, repeat('x', 100) from generate_series(1, 5000) n")
        # As long as the insert, so that of the slowest three statements one is cut: the vacuum and the counts are short.
        connection.execute("create index items_by_what_they_are_called on items (name)")
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


@pytest.mark.parametrize("made", ["standard-0"], indirect=True)
def test_settings_maintenance_and_reports_by_both_clients(
    world: World, clusters: Clusters, made: str, celadon: Program, heroku: Callable[..., str]
) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("pg:settings:log-statement", "ddl").out == (
        f"log-statement has been set to ddl for {made}.\n"
        "All data definition statements, such as CREATE, ALTER and DROP, are logged.\n"
    )
    assert f"log-statement is set to ddl for {made}." in heroku("pg:settings:log-statement")
    told = heroku("pg:settings:log-min-duration-statement", "DATABASE", "100")
    assert f"log-min-duration-statement has been set to 100 for {made}." in told
    assert "is set to 100" in celadon("pg:settings:log-min-duration-statement", "DATABASE").out
    assert "has been set to -1" in celadon("pg:settings:log-min-duration-statement", made, "-1").out
    assert "has been set to true" in celadon("pg:settings:auto-explain:log-analyze", "on", "DATABASE").out
    assert re.search(r"^log-statement: +ddl$", celadon("pg:settings").out, re.MULTILINE)
    assert re.search(r"^log-statement: +ddl$", heroku("pg:settings"), re.MULTILINE)
    assert "one of none, ddl, mod, all" in celadon("pg:settings:log-statement", "everything").err

    assert "Sundays 13:30 to 17:30 UTC" in celadon("pg:maintenance:window", "Sunday 13:30").out
    assert "Sundays 13:30 to 17:30 UTC" in heroku("data:maintenances:window", "DATABASE")
    assert "Fridays 22:00" in heroku("data:maintenances:window:update", "DATABASE", "friday", "10:00PM")
    shown = celadon("pg:maintenance", made).out
    assert "Fridays 22:00 to Saturdays 02:00 UTC" in shown and re.search("^Status: +none$", shown, re.MULTILINE)
    assert made in heroku("data:maintenances:info", "DATABASE") and made in heroku("data:maintenances")
    assert "not in maintenance mode" in celadon("pg:maintenance:run").err
    assert "none is pending" in celadon("pg:maintenance:run", "--confirm", "example").err
    maintain(world, clusters, made, celadon, heroku)

    report = celadon("pg:diagnose").out
    assert re.match(
        r"Report [0-9a-f-]{36} for example::HEROKU_POSTGRESQL_\w+_URL\navailable for one month after", report
    )
    assert "\nGREEN: Connection Count\n" in report
    theirs = heroku("pg:diagnose")
    (report_id,) = re.findall(r"Report ([0-9a-f-]{36}) for example::", theirs)
    assert "GREEN: Hit Rate" in theirs
    assert f"Report {report_id} for example::" in celadon("pg:diagnose", report_id).out
    assert f"Report {report_id} for example::" in heroku("pg:diagnose", report_id)


def maintain(world: World, clusters: Clusters, made: str, celadon: Program, heroku: Callable[..., str]) -> None:
    """What waits for a restart is told, asked for by each client, and done."""
    found = databases.find(world.context, addons.find(world.context, world.actor, made).addon.id)
    assert found is not None
    maintenance = Maintenance(world.context, Pairs(world.context, clusters, Locks()))
    runs = (
        lambda: heroku("data:maintenances:run", "DATABASE", "--confirm", "example"),
        lambda: celadon("pg:maintenance:run", "--confirm", "example").out,
    )
    for run in runs:
        hold_back(clusters, found.engine)
        shown = celadon("pg:maintenance").out
        assert "pending" in shown and "the setting max_prepared_transactions" in shown
        assert "riggering maintenance" in run() and "running" in celadon("pg:maintenance").out
        assert maintenance.ensure() == 1 and maintenance.ensure() == 0
        assert re.search("^Status: +completed$", celadon("pg:maintenance").out, re.MULTILINE)
        assert "completed" in heroku("data:maintenances")


@pytest.mark.parametrize("made", ["mini"], indirect=True)
def test_a_shared_server_is_diagnosed_and_has_nothing_to_set(
    made: str, celadon: Program, heroku: Callable[..., str]
) -> None:
    celadon.env["CELADON_APP"] = "example"
    for shown in (celadon("pg:diagnose").out, heroku("pg:diagnose")):
        assert re.search("SKIPPED: Load\n *Error Load check not supported on this plan\n", shown), shown
    for name in ("pg:settings", "pg:settings:log-statement"):
        assert "standard-0" in celadon(name).err
    assert "Sundays 03:00 to 07:00 UTC" in celadon("pg:maintenance").out
    assert "restarts that by itself" in celadon("pg:maintenance:window", "Sunday 13:30").err
