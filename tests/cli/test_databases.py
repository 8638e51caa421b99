"""Which database is meant: by the names in the app that is asked about, also where apps share one."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.cli.conftest import Stand as Stand
from tests.cli.program import Program
from tests.cli.test_postgres import ask as ask
from tests.cli.test_postgres import make
from tests.cli.world import PASSWORD, World
from tests.postgres.conftest import clusters as clusters
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings

from celadon.actions import accounts, apps, attachments, collaborators
from celadon.addons.manager import Manager as Asking
from celadon.cli.commands import databases
from celadon.cli.commands.databases import POSTGRES, REDIS, Database
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.platform.settings import Settings

GUEST = "alan@example.com"


def attached(
    name: str, addon: str, *, owner: str = "b", namespace: str | None = None, plan: str = "heroku-postgresql:mini"
) -> dict[str, Any]:
    whose = {"app": {"name": owner}, "id": f"id-of-{addon}", "name": addon, "plan": {"name": plan}}
    return {
        "id": f"{name}-{addon}",
        "name": name,
        "namespace": namespace,
        "addon": whose,
        "config_vars": [f"{name}_URL"],
    }


APPS = {
    "/apps/a/addon-attachments": [attached("DATABASE", "postgresql-a", owner="a")],
    "/apps/b/addon-attachments": [
        attached("HEROKU_POSTGRESQL_RED", "postgresql-b"),
        attached("HEROKU_POSTGRESQL_REDDISH", "postgresql-c"),
        attached("FOO", "postgresql-a", owner="a"),
        attached("READER", "postgresql-b", namespace="credential:reader"),
        attached("DATABASE", "postgresql-b"),
        attached("REDIS", "redis-b", plan="heroku-redis:mini"),
    ],
    "/apps/c/addon-attachments": [attached("OLD_DATABASE", "postgresql-a", owner="a")],
}


class Client:
    def all(self, path: str, *, headers: Mapping[str, str]) -> list[dict[str, Any]]:
        assert headers == {"Accept-Inclusion": "addon:plan,config_vars"}
        return list(APPS[path])


def meant(named: str | None, app: str = "b", service: databases.Service = POSTGRES) -> Database:
    return databases.resolve(cast(Invocation, SimpleNamespace(app=app, client=Client())), named, service)


@pytest.mark.parametrize(
    ("named", "addon", "attachment"),
    [
        (None, "postgresql-b", "DATABASE"),
        ("DATABASE_URL", "postgresql-b", "DATABASE"),
        ("database", "postgresql-b", "DATABASE"),
        ("FOO", "postgresql-a", "FOO"),
        ("foo_url", "postgresql-a", "FOO"),
        ("postgresql-a", "postgresql-a", "FOO"),
        ("id-of-postgresql-a", "postgresql-a", "FOO"),
        # A whole name is meant where it is also a part of another.
        ("RED", "postgresql-b", "HEROKU_POSTGRESQL_RED"),
        ("HEROKU_POSTGRESQL_RED_URL", "postgresql-b", "HEROKU_POSTGRESQL_RED"),
        ("reddi", "postgresql-c", "HEROKU_POSTGRESQL_REDDISH"),
        ("reader", "postgresql-b", "READER"),
        # With its own rights, not those of a credential, where several names of one database are meant.
        ("postgresql-b", "postgresql-b", "DATABASE"),
        ("a::DATABASE", "postgresql-a", "DATABASE"),
    ],
)
def test_the_names_of_this_app_say_which(named: str | None, addon: str, attachment: str) -> None:
    found = meant(named)
    assert (found.name, found.attachment) == (addon, attachment)


def test_one_has_all_its_names_in_this_app_and_the_rights_of_the_name_that_was_said() -> None:
    assert meant(None).config_vars == ("DATABASE_URL", "HEROKU_POSTGRESQL_RED_URL", "READER_URL")
    assert meant(None).credential == "default" and meant("READER").credential == "reader"
    assert meant("FOO").config_vars == ("FOO_URL",)
    assert "which a owns" in meant("FOO").described and meant(None).described == "postgresql-b"
    assert meant(None, service=REDIS).name == "redis-b"


@pytest.mark.parametrize(
    ("named", "app", "words"),
    [
        ("HEROKU", "b", "Please specify a single database. Found: postgresql-b, postgresql-c"),
        ("nothing", "b", "b has no database nothing"),
        # Of a database that nobody has named a part of a name is not enough.
        (None, "c", "c has no database DATABASE_URL"),
    ],
)
def test_none_and_several_are_no_one(named: str | None, app: str, words: str) -> None:
    with pytest.raises(UsageFailure, match=words):
        meant(named, app)


def test_another_apps_database_is_never_taken_for_ones_own(
    world: World, ask: Asking, celadon: Program, settings: Settings
) -> None:
    own = make(world, ask, settings)
    apps.create(world.context, world.actor, name="theirs")
    theirs = make(world, ask, settings, app="theirs")
    attachments.create(world.context, world.actor, addon=theirs, app="example", name="FOO")
    celadon.env["CELADON_APP"] = "example"
    for name, app in ((own, "example"), (theirs, "theirs")):
        assert celadon("pg:psql", "-a", app, "-c", f"create table kept as select '{name}' as whose").status == 0
    assert own in celadon("pg:psql", "-c", "select whose from kept").out
    assert theirs in celadon("pg:psql", "FOO", "-c", "select whose from kept").out
    told = celadon("pg:info").out
    assert "=== FOO_URL\n" in told and "=== DATABASE_URL, HEROKU_POSTGRESQL_" in told
    assert [line.split() for line in told.splitlines() if line.startswith("Billing App")] == [
        ["Billing", "App:", "theirs"]
    ]
    assert [one["config_vars"] for one in json.loads(celadon("pg:info", "FOO", "--json").out)] == [["FOO_URL"]]
    assert celadon("pg:reset", "--confirm", "example").status == 0
    assert celadon("pg:psql", "-c", "select whose from kept").status == 1
    assert theirs in celadon("pg:psql", "FOO", "-c", "select whose from kept").out
    assert celadon("pg:promote", "FOO").status == 0
    assert theirs in celadon("pg:psql", "-c", "select whose from kept").out
    assert "already promoted on example" in celadon("pg:promote", theirs).err


def test_who_works_on_an_app_alone_reaches_what_it_was_given(
    world: World, ask: Asking, celadon: Program, settings: Settings
) -> None:
    name = make(world, ask, settings)
    apps.create(world.context, world.actor, name="guest")
    attachments.create(world.context, world.actor, addon=name, app="guest", name="SHARED")
    accounts.create(world.context, world.actor, email=GUEST, password=PASSWORD)
    collaborators.add(world.context, world.actor, "guest", GUEST, silent=True)
    celadon.env |= {"CELADON_APP": "guest", "CELADON_API_KEY": world.new_token(GUEST)}
    assert "42" in celadon("pg:psql", "SHARED", "-c", "select 41 + 1").out
    assert "guest has no database DATABASE_URL" in celadon("pg:psql", "-c", "select 1").err
    assert celadon("pg:reset", "SHARED", "--confirm", "guest").status == 1
