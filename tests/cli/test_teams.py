"""Teams, their members and apps, and who has access, on the command line."""

import json

import pytest
from tests.api.examples_teams import token_for
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, World


@pytest.fixture(autouse=True)
def team(world: World, celadon: Program) -> None:
    assert celadon("teams:create", "widgets").out == "Creating team widgets... done\n"


@pytest.fixture
def grace(world: World, celadon: Program, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program of a member of the team."""
    assert celadon("members:add", OTHER, "--role", "member", "-t", "widgets").out == (
        f"Inviting {OTHER} to widgets as member... done\n"
    )
    program = Program(tmp_path_factory.mktemp("grace"))
    program.env["CELADON_HOME"] = str(world.context.settings.home)
    program.log_in(world.machine, OTHER, world.new_token(OTHER))
    with world.context.database.read() as tx:
        token = token_for(tx, OTHER)
    assert program("teams:accept", token).out == "Joining team widgets as member... done\n"
    return program


def test_teams_and_members(celadon: Program, grace: Program) -> None:
    assert celadon("teams").out == "Team     Role\n-------  -----\nwidgets  admin\n"
    assert celadon("orgs").out == celadon("teams").out
    listed = f"Email              Role\n-----------------  ------\n{EMAIL}    admin\n{OTHER}  member\n"
    assert celadon("members", "-t", "widgets").out == grace("members", "--org", "widgets").out == listed
    assert OTHER not in celadon("members", "--role", "admin", env={"HEROKU_TEAM": "widgets"}).out
    assert celadon("members:set", OTHER, "-r", "viewer", "-t", "widgets").out == (
        f"Adding {OTHER} to widgets as viewer... done\n"
    )
    assert grace("teams").out == "Team     Role\n-------  ------\nwidgets  viewer\n"
    assert celadon("members:remove", OTHER, "-t", "widgets").out == f"Removing {OTHER} from widgets... done\n"
    assert grace("teams").out == "You are in no team.\n"
    assert "Couldn't find that team" in grace("members", "-t", "widgets").err
    shown = celadon("members:set", EMAIL, "-r", "viewer", "-t", "widgets")
    assert shown.status == 1 and "cannot leave widgets without an admin" in shown.err


def test_the_invited_are_pending_until_they_are_in_or_the_invitation_is_taken_back(celadon: Program) -> None:
    celadon("members:add", "eve@example.com", "--role", "viewer", "-t", "widgets")
    assert celadon("members", "-t", "widgets").out == (
        "Email            Role    Status\n---------------  ------  -------\n"
        f"{EMAIL}  admin   \neve@example.com  viewer  pending\n"
    )
    assert [entry["email"] for entry in json.loads(celadon("members", "--pending", "-t", "widgets", "--json").out)] == [
        "eve@example.com"
    ]
    assert celadon("members:remove", "eve@example.com", "-t", "widgets").out == (
        "Revoking invite for eve@example.com in widgets... done\n"
    )
    assert celadon("members", "--pending", "-t", "widgets").out == "No invited members in widgets\n"


def test_apps_of_a_team(celadon: Program, grace: Program) -> None:
    assert celadon("apps", "-t", "widgets").out == "There are no apps in team widgets.\n"
    assert grace("create", "gear", "-t", "widgets").out.startswith("Creating gear... done, stack is cedar\n")
    assert celadon("create", "cog", "--team", "widgets", "--locked").status == 0
    assert celadon("apps", "-t", "widgets").out == "=== Apps in team widgets\ncog [locked]\ngear\n\n"
    assert grace("apps", "-t", "widgets").out == "=== Apps in team widgets\ngear\n\n"
    assert grace("apps").out == (f"=== Collaborated Apps\nexample  {EMAIL}\ngear     widgets@herokumanager.com\n\n")
    assert celadon("apps").out == ("=== My Apps\nexample\n\n=== Collaborated Apps\ncog  widgets@herokumanager.com\n\n")
    assert "gear" in celadon("apps", "--all").out
    assert "example" in grace("apps", "--personal", env={"CELADON_TEAM": "widgets"}).out
    refused = celadon("teams:destroy", "widgets", "--confirm", "widgets")
    assert refused.status == 1 and "owns 2 apps (cog, gear)" in refused.err


def test_locking_joining_and_leaving(celadon: Program, grace: Program) -> None:
    celadon("create", "gear", "-t", "widgets")
    assert grace("join", "-a", "gear").out == "Joining gear... done\n"
    assert celadon("apps:lock", "-a", "gear").out == "Locking gear... done\n"
    assert "this app is already locked" in celadon("lock", "-a", "gear").err
    assert grace("info", "-a", "gear").status == 0
    assert grace("apps:leave", "-a", "gear").out == "Leaving gear... done\n"
    assert "Couldn't find that app" in grace("join", "-a", "gear").err
    assert celadon("apps:unlock", "-a", "gear").out == "Unlocking gear... done\n"
    assert "this app is not locked" in celadon("unlock", "-a", "gear").err
    assert grace("join", "-a", "gear").status == 0
    assert "Couldn't find that team app" in celadon("lock", "-a", "example").err


def test_access_to_a_teams_app(celadon: Program, grace: Program) -> None:
    celadon("create", "gear", "-t", "widgets")
    refused = celadon("access:add", OTHER, "-a", "gear")
    assert refused.status == 2 and "--permissions" in refused.err
    assert celadon("access:add", OTHER, "-a", "gear", "-p", "deploy,operate").out == (
        f"Adding {OTHER} access to the app gear with deploy, operate, view permissions... done\n"
    )
    assert celadon("access", "-a", "gear").out == (
        "=== gear Access List\n"
        f"{EMAIL}    admin   deploy, manage, operate, view\n"
        f"{OTHER}  member  deploy, operate, view\n\n"
    )
    assert celadon("access:update", OTHER, "-a", "gear", "-p", "manage").out == (
        f"Updating {OTHER} in application gear with manage, view permissions... done\n"
    )
    assert grace("rename", "gearbox", "-a", "gear").status == 0
    wrong = celadon("access:update", OTHER, "-a", "gearbox", "-p", "all")
    assert wrong.status == 1 and "there are view, deploy, operate, manage" in wrong.err
    removed = celadon("access:remove", OTHER, "-a", "gearbox").out
    assert removed == f"Removing {OTHER} from gearbox collaborators... done\n"
    assert "not owned by a team" in celadon("access:update", OTHER, "-a", "example", "-p", "manage").err
    assert celadon("sharing", "-a", "example").out == (
        f"=== example Access List\n{EMAIL}    owner\n{OTHER}  collaborator\n\n"
    )


def test_transfer_to_a_team_and_back(celadon: Program, grace: Program) -> None:
    assert celadon("apps:transfer", "widgets", "-a", "example", "--locked").out == (
        "Transferring example to widgets... done\nLocking example... done\n"
    )
    assert "example [locked]" in grace("apps", "-t", "widgets").out
    unsure = celadon("apps:transfer", OTHER, "-a", "example", "--confirm", "other")
    assert unsure.status == 1 and "Aborted" in unsure.err
    assert celadon("sharing:transfer", OTHER, "-a", "example", "--confirm", "example").out == (
        f"Transferring example to {OTHER}... done\n"
    )
    assert grace("apps").out == "=== My Apps\nexample\n\n"


def test_rename_and_destroy(celadon: Program) -> None:
    assert celadon("teams:rename", "wheels", "-t", "widgets").out == "Renaming team widgets to wheels... done\n"
    assert celadon("teams:destroy", "wheels", "--confirm", "other").status == 1
    assert celadon("teams:destroy", "wheels", "--confirm", "wheels").out == "Destroying team wheels... done\n"
    assert celadon("teams").out == "You are in no team.\n"


@pytest.mark.parametrize("words", [("members",), ("members:add", OTHER, "-t", "widgets"), ("teams:create",)])
def test_what_is_missing_is_told(celadon: Program, words: tuple[str, ...]) -> None:
    shown = celadon(*words)
    assert shown.status == 2 and "Must specify" in shown.err
