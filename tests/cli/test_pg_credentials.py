"""Credentials of databases at the command line, by our client and by Heroku's own, with a real server."""

import json
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.test_postgres import ask as ask
from tests.cli.test_postgres import make
from tests.cli.world import World
from tests.official_cli import install
from tests.official_cli.client import client
from tests.postgres.conftest import clusters as clusters
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.actions import apps
from celadon.addons.manager import Manager as Asking
from celadon.platform.settings import Settings


def test_credentials_from_their_creation_to_their_destruction(
    world: World, ask: Asking, celadon: Program, settings: Settings
) -> None:
    celadon.env["CELADON_APP"] = "example"
    apps.create(world.context, world.actor, name="desk")
    name = make(world, ask, settings, "standard-0")
    assert celadon("pg:psql", "-c", "create table kept as select 41 + 1 as n").status == 0
    wrong = celadon("pg:credentials:create", "--name", "reader", "--permission", "root")
    assert wrong.status == 1 and "there are none, readonly, readwrite" in wrong.err
    told = celadon("pg:credentials:create", "--name", "reader", "--permission", "readonly")
    assert told.out.startswith("Creating credential reader... done\n"), told
    assert f"celadon addons:attach {name} --credential reader -a example" in told.out and "grants" not in told.out
    assert "define the new grants" in celadon("pg:credentials:create", "-n", "nobody").out
    assert celadon("addons:attach", name, "--credential", "reader", "--as", "READER", "-a", "desk").status == 0
    lines = [line.split() for line in celadon("pg:credentials").out.splitlines()]
    assert lines[0] == ["Credential", "State", "Permission"]
    assert ["default", "active", "owner"] in lines and ["reader", "active", "readonly"] in lines
    assert ["nobody", "active", "none"] in lines
    assert lines[lines.index(["reader", "active", "readonly"]) + 1] == ["└─", "as", "READER", "on", "desk", "app"]
    assert "password" not in celadon("pg:credentials", "--json").out
    assert "42" in celadon("pg:psql", "--credential", "reader", "-c", "select n from kept").out
    assert celadon("pg:psql", "--name", "reader", "-c", "delete from kept").status == 1
    assert celadon("addons:attach", name, "--credential", "reader", "--as", "MINE").status == 0
    assert "reader" in celadon("pg:psql", "MINE", "-c", "select current_user").out
    assert "Connection information for reader credential." in celadon("pg:credentials:url", "MINE_URL").out
    assert celadon("addons:detach", "MINE").status == 0
    url = celadon("config:get", "READER_URL", "-a", "desk").out.strip()
    assert f"   {url}" in celadon("pg:credentials:url", "--name", "reader").out.splitlines()
    assert "detached from the app desk" in celadon("pg:credentials:destroy", "--name", "reader").err
    rotated = celadon("pg:credentials:rotate", "--name", "reader", "--confirm", "example")
    assert rotated.out == f"Rotating reader on {name}... done\n", rotated
    assert celadon("config:get", "READER_URL", "-a", "desk").out.strip() != url
    both = celadon("config:get", "READER_URL", "-a", "desk").out, celadon("config:get", "DATABASE_URL").out
    assert celadon("pg:credentials:rotate", "--all", "--name", "reader").status == 2
    assert celadon("pg:credentials:rotate", "--all", "--confirm", "other").status == 1
    assert celadon("pg:credentials:rotate", "--all", "--force", "--confirm", "example").status == 0
    after = celadon("config:get", "READER_URL", "-a", "desk").out, celadon("config:get", "DATABASE_URL").out
    assert not set(both) & set(after)
    assert celadon("pg:credentials", "--reset").out.endswith(" (DATABASE_URL)... done\n")
    assert celadon("config:get", "DATABASE_URL").out != after[1]
    assert celadon("pg:credentials:repair-default", "--confirm", "example").status == 0
    assert celadon("addons:detach", "READER", "-a", "desk").status == 0
    assert celadon("pg:credentials:destroy", "-n", "reader", "--confirm", "example").out.splitlines() == [
        "Destroying credential reader... done",
        f"The credential has been destroyed within {name}.",
        "Database objects owned by reader will be assigned to the default credential.",
    ]
    assert "Default credential cannot be destroyed." in celadon("pg:credentials:destroy", "-n", "default").err
    assert "no credential 'reader'" in celadon("pg:credentials:url", "-n", "reader").err


@pytest.mark.parametrize("plan", ["mini", "standard-0"])
def test_herokus_own_client_does_the_same(
    world: World, ask: Asking, celadon: Program, settings: Settings, tmp_path: Path, plan: str
) -> None:
    variables = json.loads(celadon("client:env", "--json").out)
    (tmp_path / "desk").mkdir()
    environment = {**variables, "HEROKU_API_KEY": world.token}
    heroku = client(install.install(), tmp_path / "heroku-home", tmp_path / "desk", environment)
    app, name = ("-a", "example"), make(world, ask, settings, plan)
    url = celadon("config:get", "DATABASE_URL", *app).out
    heroku("pg:credentials:rotate", "--confirm", "example", *app)
    assert celadon("config:get", "DATABASE_URL", *app).out != url
    if plan == "mini":
        assert "default" in heroku("pg:credentials", *app)
        told = heroku("pg:credentials:create", "--name", "reader", *app, status=1)
        assert "You can't create a custom credential on Essential-tier databases." in told
        return
    heroku("pg:psql", "-c", "create table kept as select 41 + 1 as n", *app)
    heroku("pg:credentials:create", "--name", "reader", *app)
    heroku("addons:attach", name, "--credential", "reader", "--as", "READER", *app)
    heroku("pg:psql", "-c", "grant select on kept to reader", *app)
    assert "42" in heroku("pg:psql", "READER", "-c", "select n from kept", *app)
    assert "42" in heroku("pg:psql", name, "--credential", "reader", "-c", "select n from kept", *app)
    told = heroku("pg:credentials", *app)
    assert "reader" in told and "active" in told and "as READER" in told
    read = celadon("config:get", "READER_URL", *app).out.strip()
    shown = heroku("pg:credentials:url", "--name", "reader", *app)
    assert read in shown.replace("postgresql://", "postgres://")
    assert "must be detached from the app" in heroku(
        "pg:credentials:destroy", "--name", "reader", "--confirm", "example", *app, status=1
    )
    heroku("pg:credentials:rotate", "--name", "reader", "--confirm", "example", *app)
    assert celadon("config:get", "READER_URL", *app).out.strip() != read
    heroku("pg:credentials:rotate", "--all", "--force", "--confirm", "example", *app)
    heroku("pg:credentials:repair-default", "--confirm", "example", *app)
    heroku("addons:detach", "READER", *app)
    heroku("pg:credentials:destroy", "--name", "reader", "--confirm", "example", *app)
    assert "reader" not in heroku("pg:credentials", *app)
