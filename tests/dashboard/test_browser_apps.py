"""The list of apps and an app's overview as a person sees them."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import formations
from celadon.model.formation import Update


def test_a_new_app_is_made_and_found(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_label("Name of a new app").fill("second")
    page.get_by_role("button", name="Create app").click()
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    visitor.look("app-new")
    page.get_by_role("link", name="Celadon").click()
    page.get_by_label("Search apps").fill("seco")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="second")).to_be_visible()
    expect(page.locator("a[href='/dashboard/apps/example']")).to_have_count(0)


def test_the_list_of_apps(visitor: Visitor) -> None:
    visitor.look("apps")


def test_a_name_that_cannot_be_is_told(visitor: Visitor) -> None:
    visitor.expect("422")
    visitor.page.get_by_label("Name of a new app").fill("No Good")
    visitor.page.get_by_role("button", name="Create app").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("ame")
    visitor.look("apps-wrong")


def test_a_page_that_is_not_there(visitor: Visitor) -> None:
    visitor.expect("404")
    expect(visitor.go("/dashboard/apps/nobody").get_by_role("alert")).to_contain_text("Couldn't find that app")
    visitor.look("not-found")


def test_an_overview_follows_what_changes(world: World, visitor: Visitor) -> None:
    world.deploy("example", {"web": "python server.py"})
    page = visitor.go("/dashboard/apps/example")
    expect(page.get_by_role("row", name="web")).to_contain_text("1")
    visitor.look("overview")
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=3)])
    expect(page.get_by_role("row", name="web")).to_contain_text("3")
    world.deploy("example", {"web": "python server.py", "worker": "python worker.py"})
    expect(page.get_by_role("row", name="worker")).to_be_visible()
    expect(page.locator("#releases")).to_contain_text("v3")
