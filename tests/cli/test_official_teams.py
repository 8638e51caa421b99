"""Heroku's own client, unmodified, with teams: two people share one, each with a client of their own.

The API behind it is the real one; what of the client needs a whole platform is in `tests/journeys/test_official_cli.py`.
"""

import json
import re
from pathlib import Path

import pytest
from tests.api.examples_teams import token_for
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, World
from tests.official_cli import install
from tests.official_cli.client import Client, client


class Pair:
    """Ada is an admin of the team `widgets`, Grace a member of it."""

    def __init__(self, world: World, celadon: Program, directory: Path) -> None:
        variables = json.loads(celadon("client:env", "--json").out)
        argv = install.install()

        def new(name: str, token: str) -> Client:
            (directory / name).mkdir()
            return client(argv, directory / f"{name}-home", directory / name, {**variables, "HEROKU_API_KEY": token})

        self.ada = new("ada", world.token)
        self.grace = new("grace", world.new_token(OTHER))
        assert celadon("teams:create", "widgets").status == 0


@pytest.fixture
def pair(world: World, celadon: Program, tmp_path: Path) -> Pair:
    return Pair(world, celadon, tmp_path)


@pytest.fixture
def both(world: World, celadon: Program, pair: Pair) -> Pair:
    """Grace has accepted her invitation."""
    pair.ada("members:add", OTHER, "--role", "member", "-t", "widgets")
    with world.context.database.read() as tx:
        token = token_for(tx, OTHER)
    celadon("teams:accept", token, env={"CELADON_API_KEY": world.new_token(OTHER)})
    return pair


def rows(said: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in said.splitlines() if line.strip()]


def test_teams_and_members(world: World, celadon: Program, pair: Pair) -> None:
    ada, grace = pair.ada, pair.grace
    assert ["widgets", "admin"] in rows(ada("teams"))
    assert "widgets" in ada("orgs")
    assert f"Inviting {OTHER} to widgets as viewer... done" in ada(
        "members:add", OTHER, "-r", "viewer", "-t", "widgets"
    )
    assert [OTHER, "viewer", "pending"] in rows(ada("members", "-t", "widgets"))
    assert f"Revoking invite for {OTHER} in widgets... done" in ada("members:remove", OTHER, "-t", "widgets")
    ada("members:add", OTHER, "-r", "member", "-t", "widgets")
    with world.context.database.read() as tx:
        token = token_for(tx, OTHER)
    celadon("teams:accept", token, env={"CELADON_API_KEY": world.new_token(OTHER)})
    assert [OTHER, "member"] in rows(ada("members", "-t", "widgets"))
    assert f"Adding {OTHER} to widgets as viewer... done" in ada("members:set", OTHER, "-r", "viewer", "-t", "widgets")
    assert ["widgets", "viewer"] in rows(grace("teams"))
    assert "without an admin" in " ".join(
        ada("members:set", EMAIL, "-r", "viewer", "-t", "widgets", status=2).replace("›", "").split()
    )
    assert f"Removing {OTHER} from widgets... done" in ada("members:remove", OTHER, "-t", "widgets")
    assert "Couldn't find that team" in grace("members", "-t", "widgets", status=2)


def test_members_and_viewers_list_members(both: Pair) -> None:
    assert [OTHER, "member"] in rows(both.grace("members", "-t", "widgets"))


def test_apps_of_a_team(both: Pair) -> None:
    ada, grace = both.ada, both.grace
    assert "There are no apps in team widgets." in ada("apps", "-t", "widgets")
    assert "Creating gear... done" in ada("create", "gear", "-t", "widgets")
    assert "=== Apps in team widgets\n\ngear\n" in grace("apps", "-t", "widgets")
    assert "gear" in grace("apps", "--all") and "gear" not in grace("apps")
    assert "Joining gear... done" in grace("apps:join", "-a", "gear")
    assert ["gear", "widgets@herokumanager.com"] in rows(grace("apps"))
    assert "Locking gear... done" in ada("apps:lock", "-a", "gear")
    assert "already locked" in ada("apps:lock", "-a", "gear", status=1)
    assert "gear [locked]" in grace("apps", "-t", "widgets")
    assert re.search(r"Owner: +widgets@herokumanager.com", grace("info", "-a", "gear"))
    assert "Leaving gear... done" in grace("apps:leave", "-a", "gear")
    assert "Couldn't find that app" in grace("info", "-a", "gear", status=2)
    assert "Unlocking gear... done" in ada("apps:unlock", "-a", "gear")
    assert "not locked" in ada("apps:unlock", "-a", "gear", status=1)
    assert "gear" in grace("info", "-a", "gear")


def test_access_to_a_teams_app(both: Pair) -> None:
    ada, grace = both.ada, both.grace
    ada("create", "gear", "-t", "widgets")
    assert "Missing argument: permissions" in ada("access:add", OTHER, "-a", "gear", status=1)
    added = ada("access:add", OTHER, "-a", "gear", "-p", "deploy,operate")
    assert f"Adding {OTHER} access to the app gear with deploy, operate, view permissions... done" in added
    listed = rows(ada("access", "-a", "gear"))
    assert [EMAIL, "admin", "deploy,", "manage,", "operate,", "view"] in listed
    assert [OTHER, "member", "deploy,", "operate,", "view"] in listed
    assert "herokumanager" not in str(listed)
    assert "manage,view permissions... done" in ada("access:update", OTHER, "-a", "gear", "-p", "manage")
    assert "Renaming gear to gearbox... done" in grace("apps:rename", "gearbox", "-a", "gear")
    assert f"Removing {OTHER} access from the app gearbox... done" in ada("access:remove", OTHER, "-a", "gearbox")
    assert OTHER not in ada("access", "-a", "gearbox")


def test_transfer_to_a_team_and_back(both: Pair) -> None:
    ada, grace = both.ada, both.grace
    said = ada("apps:transfer", "widgets", "-a", "example", "--locked")
    assert "Transferring example to widgets... done" in said and "Locking example... done" in said
    assert "example [locked]" in ada("apps", "-t", "widgets")
    assert "Transferring example to" in ada("apps:transfer", OTHER, "-a", "example", "--confirm", "example")
    assert f"=== {OTHER} Apps\n\nexample\n" in grace("apps")
