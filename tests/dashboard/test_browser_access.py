"""Access to an app as a person sees and changes it."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import collaborators, teams
from celadon.actions.team_apps import transfer

PATH = "/dashboard/apps/example/access"


def test_people_are_invited_and_removed(world: World, visitor: Visitor) -> None:
    page = visitor.go(PATH)
    page.get_by_label("E-mail address").fill("somebody.with.a.very.long.address@department.example.com")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("#people")).to_contain_text("invited")
    collaborators.add(world.context, world.actor, "example", "late@example.com", silent=True)
    expect(page.locator("#people")).to_contain_text("late@example.com")
    page.get_by_label("Remove grace@example.com").click()
    visitor.look("access")
    page.get_by_role("button", name="Remove grace@example.com").click()
    expect(page.locator("#people")).not_to_contain_text("grace@example.com")
    visitor.expect("422")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("alert")).to_contain_text("they work on example already")
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.com")


def test_permissions_on_a_teams_app_are_chosen(world: World, visitor: Visitor) -> None:
    teams.create(world.context, world.actor, "widgets")
    transfer(world.context, world.actor, "example", "widgets")
    page = visitor.go(PATH)
    page.get_by_label("Change what grace@example.com may do").click()
    page.get_by_label("manage").last.check()
    visitor.look("access-team")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#people")).to_contain_text("view, deploy, operate, manage")
