"""pg:pull and pg:push between a platform's databases and those of a user's own server, by our client and by Heroku's."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests import postgresql
from tests.cli import test_postgres
from tests.cli.conftest import Stand as Stand
from tests.cli.program import Program
from tests.cli.test_postgres import ask as ask
from tests.cli.world import World
from tests.official_cli import install
from tests.official_cli.client import client
from tests.postgres.conftest import clusters as clusters
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.addons.manager import Manager as Asking
from celadon.platform.settings import Settings
from celadon.postgres.cluster import Clusters


class Local:
    """The user's own server."""

    def __init__(self, template: str) -> None:
        self.template = template.replace("+psycopg", "")
        self.host = template.partition("?host=")[2]

    def ask(self, database: str, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.template.format(name=database), autocommit=True) as connection:
            found = connection.execute(statement)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    with postgresql.cluster() as template:
        yield Local(template)


@pytest.fixture
def source(
    world: World, ask: Asking, celadon: Program, settings: Settings, clusters: Clusters, local: Local, tmp_path: Path
) -> str:
    """A database with something in it, and the programs of its version on the user's machine."""
    version = clusters.versions[0]
    install_programs(clusters, tmp_path / "programs", version)
    path = f"{tmp_path / 'programs'}:{celadon.env['PATH']}"
    celadon.env |= {"CELADON_APP": "example", "PGHOST": local.host, "PGUSER": "postgres", "PATH": path}
    name = test_postgres.make(world, ask, settings, plan="standard-0", version=version)
    made = "create table t as select n from generate_series(1, 100) n; create table other as select 1 as n;"
    assert celadon("pg:psql", name, "-c", made).status == 0
    return name


def install_programs(clusters: Clusters, directory: Path, version: str) -> None:
    """The image's programs, which know what its servers write, with the libraries they were made for."""
    directory.mkdir()
    root = clusters.engines.root
    libraries = f"{root}/usr/lib/x86_64-linux-gnu"
    for name in ("pg_dump", "pg_restore", "psql", "createdb"):
        program = f"{root}/usr/lib/postgresql/{version}/bin/{name}"
        path = directory / name
        path.write_text(
            f'#!/bin/sh\nexec {root}/lib64/ld-linux-x86-64.so.2 --library-path {libraries} {program} "$@"\n'
        )
        path.chmod(0o755)


def spied(celadon: Program, tmp_path: Path, *names: str) -> Path:
    """Have each of these programs write down what it was called with."""
    spies, written = tmp_path / "spies", tmp_path / "called"
    spies.mkdir()
    for name in names:
        path = spies / name
        path.write_text(
            f'#!/bin/sh\necho {name} "$@" >> {written}\nexec {shutil.which(name, path=celadon.env["PATH"])} "$@"\n'
        )
        path.chmod(0o755)
    celadon.env["PATH"] = f"{spies}:{celadon.env['PATH']}"
    return written


def test_a_database_goes_to_this_machine_and_back(
    world: World, ask: Asking, celadon: Program, settings: Settings, local: Local, source: str, tmp_path: Path
) -> None:
    called = spied(celadon, tmp_path, "pg_dump", "pg_restore", "psql", "createdb")
    pulled = celadon("pg:pull", source, "mine")
    assert (pulled.status, pulled.out.splitlines()) == (0, [f"Pulling {source} to mine", "Pulling complete."]), (
        pulled.err
    )
    assert local.ask("mine", "select count(*) from t") == [(100,)]
    again = celadon("pg:pull", source, "mine")
    assert again.status == 1 and "mine is not empty" in again.err and "dropdb mine" in again.err
    lean = celadon("db:pull", source, f"postgres:///lean?host={local.host}&user=postgres", "--exclude-table-data", "t;")
    assert lean.status == 0, lean.err
    assert local.ask("lean", "select (select count(*) from t), (select count(*) from other)") == [(0, 1)]
    target = test_postgres.make(world, ask, settings)
    pushed = celadon("pg:push", "mine", target)
    assert pushed.status == 0 and "Pushing complete." in pushed.out, pushed.err
    assert "100" in celadon("pg:psql", target, "-c", "select count(*) from t").out
    refused = celadon("pg:push", "mine", target)
    assert refused.status == 1 and "not empty" in refused.err and "pg:reset" in refused.err
    config = json.loads(celadon("config", "--json").out)
    passwords = {re.findall(r":([^:@/]+)@", url)[0] for url in config.values() if url.startswith("postgres://")}
    words = called.read_text()
    assert passwords and not any(one in words for one in passwords) and "pg_dump" in words
    by_url = celadon("pg:pull", f"{config['DATABASE_URL']}?sslmode=require", "third")
    assert by_url.status == 0, by_url.err
    assert local.ask("third", "select count(*) from t") == [(100,)]
    assert not any(one in called.read_text() + by_url.out for one in passwords)


def test_what_goes_wrong_at_either_end_is_told(
    world: World, ask: Asking, celadon: Program, settings: Settings, local: Local, source: str, tmp_path: Path
) -> None:
    for wrong in ("postgres://u:secret@localhost:x/n", "http://u:secret@a/b", "postgres://u:secret@a/b?passfile=x"):
        refused = celadon("pg:pull", source, wrong)
        assert refused.status == 2 and "URL" in refused.err and "secret" not in refused.err
    nobody = celadon("pg:pull", source, "postgres://u:secret@localhost:1/n")
    assert nobody.status == 1 and "cannot look into n at localhost" in nobody.err and "secret" not in nobody.err
    target = test_postgres.make(world, ask, settings)
    missing = celadon("pg:push", "missing", target)
    assert missing.status == 1 and '"missing" does not exist' in missing.err
    local.ask("postgres", "create role poor login")
    local.ask("postgres", "create table kept as select 1 as n")
    poor = celadon("pg:push", "postgres", target, env={"PGUSER": "poor"})
    assert poor.status == 1 and "pg_dump ended" in poor.err and "permission denied for table kept" in poor.err
    assert f"{target} is not complete: empty it (pg:reset)" in poor.err
    local.ask("postgres", "create database wild")
    local.ask("wild", "create table t as select 1 as n; create extension pageinspect")
    refused = celadon("pg:push", "wild", target)
    assert refused.status == 1 and "permission denied to create extension" in refused.err
    assert f"{target} is not complete: empty it (pg:reset)" in refused.err
    stub = tmp_path / "stub"
    stub.mkdir()
    for said, why in (("15.1", "Update postgresql-client"), ("9.6", "install postgresql-client-15")):
        (stub / "pg_dump").write_text(
            f"#!/bin/sh\n[ $1 = --version ] && exec echo 'pg_dump (P) {said} (D)'\necho bad >&2; exit 1\n"
        )
        (stub / "pg_dump").chmod(0o755)
        older = celadon("pg:pull", source, "fourth", env={"PATH": f"{stub}:{celadon.env['PATH']}"})
        assert older.status == 1 and why in older.err, older.err
        assert ("bad" in older.err and "dropdb fourth" in older.err) == (said == "15.1")
    nothing = celadon("pg:pull", source, "fifth", env={"PATH": "/nowhere"})
    assert nothing.status == 1 and "cannot find pg_dump: install it" in nothing.err


def test_herokus_own_client_does_the_same(
    world: World,
    ask: Asking,
    celadon: Program,
    settings: Settings,
    local: Local,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    environment = {**variables, "HEROKU_API_KEY": world.token, "PGHOST": local.host, "PGUSER": "postgres"}
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")
    heroku = client(install.install(), tmp_path / "heroku-home", tmp_path / "desk", environment)
    assert "Pulling complete." in heroku("pg:pull", source, "theirs", "-a", "example")
    assert local.ask("theirs", "select count(*) from t") == [(100,)]
    local.ask("postgres", "create database plain")
    local.ask("plain", "create table t as select n from generate_series(1, 50) n")
    target = test_postgres.make(world, ask, settings)
    assert "Pushing complete." in heroku("pg:push", "plain", target, "-a", "example")
    assert "50" in celadon("pg:psql", target, "-c", "select count(*) from t").out
    assert "not empty" in heroku("pg:push", "plain", target, "-a", "example", status=2)
