"""Dataclips at the command line, with a real database."""

import json
from collections.abc import Iterator

import pytest
from tests.api import examples_dataclips
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.world import World
from tests.dataclips.tenant import Tenant, tenant
from tests.dataclips.world import OnePlace

from celadon.api import role
from celadon.api.asgi import Application
from celadon.postgres import routes
from celadon.postgres.clip_runs import Runs


@pytest.fixture(scope="module")
def database() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.fixture
def program(stand: Stand, world: World, celadon: Program, database: Tenant) -> Program:
    """The program of the owner of an app with a database."""
    examples_dataclips.database(world.context)
    runs = Runs(world.context, OnePlace(database.place))
    stand.application = Application(world.context, (*role.ROUTES, *routes.routes(runs)))
    celadon.env["CELADON_APP"] = "example"
    return celadon


def create(program: Program, query: str, *words: str) -> str:
    made = program("dataclips:create", query, *words)
    assert made.status == 0, made.err
    return made.out.rpartition(" ")[2].strip()


def test_a_dataclip_from_the_first_to_none(program: Program) -> None:
    assert program("dataclips").out == "example has no dataclips\nUse celadon dataclips:create to make one.\n"
    name = create(program, "select id, name from people order by id", "--title", "People", "--database", "DATABASE")
    assert program("dataclips").out.splitlines()[2] == f"{name}  People  postgresql-clear-1  "
    assert program("dataclips:run", name).out == (
        "id  name \n--  -----\n 1  ada\n 2  grace\n 3  \n\n(3 rows)\n".replace("name \n", "name\n")
    )
    assert program("dataclips:run", name, "--csv").out == "id,name\n1,ada\n2,grace\n3,\n"
    assert json.loads(program("dataclips:run", name, "--json").out)["values"] == [[1, "ada"], [2, "grace"], [3, None]]
    shared = program("dataclips:share", name)
    assert "/dataclips/" in shared.out and "Whoever has this link" in shared.err
    assert program("dataclips:share", name).out == shared.out
    assert f"Link:        {shared.out}" in program("dataclips:info", name).out
    assert program("dataclips:revoke", name).out == f"Revoking the link of dataclip {name}... done\n"
    assert json.loads(program("dataclips:info", name, "--json").out)["url"] is None
    assert program("dataclips:update", name, "--sql", "select 2").out == f"Updating dataclip {name}... done, v2\n"
    told = program("dataclips:info", name, "--versions").out
    assert "select id, name from people" in told and "select 2" in told and "=== v1: People" in told
    assert program("dataclips:destroy", name, "--confirm", "other").status == 1
    assert program("dataclips:destroy", name, "--confirm", "example").status == 0
    assert program("dataclips", "--json").out == "[]\n"


def test_numbers_keep_their_digits_and_control_characters_do_nothing(program: Program) -> None:
    name = create(program, "select 0.10000000000000000001::numeric as n, E'\\x1b[31mred\\n' as t, '{1}'::int[] as a")
    assert program("dataclips:run", name, "--csv").out.splitlines()[1].startswith("0.10000000000000000001,")
    shown = program("dataclips:run", name).out
    assert "\x1b" not in shown and "\\x1b[31mred\\n" in shown and "[1]" in shown
    assert "0.10000000000000000001" in program("dataclips:run", name, "--json").out


def test_sql_comes_from_standard_input_too(program: Program) -> None:
    made = program("dataclips:create", "-", input="select 7 as n\n")
    assert program("dataclips:run", made.out.rpartition(" ")[2].strip(), "--csv").out == "n\n7\n"


def test_what_is_wrong_is_said(program: Program) -> None:
    name = create(program, "select nme from people")
    failed = program("dataclips:run", name)
    assert failed.status == 1
    assert 'column "nme" does not exist at character 8' in failed.err and "people.name" in failed.err
    assert "Couldn't find that database" in program("dataclips:create", "select 1", "-d", "NONE").err
    assert "Couldn't find that dataclip" in program("dataclips:run", "none").err
    assert program("dataclips:create", "  ").status == 1
