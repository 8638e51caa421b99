"""Who is given access to an app on its page, and who may give it."""

import pytest
from tests.api.world import World
from tests.dashboard.test_resources import browse, cookie_for

from celadon.actions import apps, collaborators, team_app_collaborators, teams
from celadon.actions.team_apps import transfer

PATH = "/dashboard/apps/example/access"


def people(world: World) -> dict[str, str]:
    return {account.email: role for account, role in apps.collaborators(world.context, world.actor, "example")}


def test_somebody_without_an_account_is_invited_and_the_invitation_taken_back(world: World) -> None:
    assert browse(world, PATH, {"step": "add", "email": "New@example.com"}).status == 303
    text = browse(world, PATH).content.decode()
    assert "new@example.com" in text and "invited" in text
    assert browse(world, PATH, {"step": "add", "email": "new@example.com"}).status == 303
    assert browse(world, PATH, {"step": "remove", "email": "new@example.com"}).status == 303
    assert collaborators.waiting(world.context, world.actor, "example") == []


def test_a_collaborator_is_added_and_removed(world: World) -> None:
    cookie_for(world, "eve@example.com")
    assert browse(world, PATH, {"step": "add", "email": "eve@example.com"}).status == 303
    assert people(world)["eve@example.com"] == "collaborator"
    assert browse(world, PATH, {"step": "remove", "email": "eve@example.com"}).status == 303
    assert "eve@example.com" not in people(world)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"step": "add", "email": "no address"}, 422, "no address"),
        ({"step": "add", "email": ""}, 422, "give an e-mail address"),
        ({"step": "add", "email": "grace@example.com"}, 422, "they work on example already"),
        ({"step": "update", "email": "grace@example.com"}, 422, "all of them may the same"),
        ({"step": "remove", "email": "nobody@example.com"}, 404, "find that collaborator"),
        ({"step": "burn", "email": "grace@example.com"}, 404, "find that step"),
        ({}, 404, "find that step"),
    ],
)
def test_what_cannot_be_is_told(world: World, form: dict[str, str], status: int, words: str) -> None:
    refused = browse(world, PATH, form)
    assert refused.status == status and words in refused.content.decode()


def test_who_leaves_sees_the_list_of_apps(world: World) -> None:
    colleague = cookie_for(world, "grace@example.com")
    left = browse(world, PATH, {"step": "remove", "email": "grace@example.com"}, colleague)
    assert (left.status, left.headers["location"]) == (303, "/dashboard")
    assert browse(world, PATH, cookie=colleague).status == 404
    assert browse(world, PATH, {"step": "add", "email": "grace@example.com"}, colleague).status == 404


def test_a_teams_app_has_permissions_of_each(world: World) -> None:
    teams.create(world.context, world.actor, "widgets")
    transfer(world.context, world.actor, "example", "widgets")
    colleague = cookie_for(world, "grace@example.com")
    form = {"step": "add", "email": "grace@example.com", "may:operate": "yes"}
    if any(
        one.account.email == form["email"]
        for one in team_app_collaborators.list_of(world.context, world.actor, "example")
    ):
        form["step"] = "update"
    assert browse(world, PATH, form).status == 303
    found = team_app_collaborators.find(world.context, world.actor, "example", "grace@example.com")
    assert found.permissions == ("view", "operate")
    refused = browse(world, PATH, {**form, "step": "update", "may:manage": "yes"}, colleague)
    assert refused.status == 403 and "needs the permission manage" in refused.content.decode()
    assert "Give access" not in browse(world, PATH, cookie=colleague).content.decode()
    unknown = browse(world, PATH, {"step": "add", "email": "new@example.com"})
    assert unknown.status == 422 and "nobody has an account" in unknown.content.decode()
