"""An app's activity as a person sees it."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import addons, builds, formations
from celadon.model.formation import Update


def test_activity_follows_what_happens_and_is_filtered(world: World, visitor: Visitor) -> None:
    addons.create(world.context, world.actor, "example", plan="heroku-redis")
    build = builds.create(world.context, world.actor, "example", commit="1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d")
    builds.fail(
        world.context, build.id, "bin/compile of Python failed: pip could not find a version of nothing-like-it"
    )
    page = visitor.go("/dashboard/apps/example/activity")
    expect(page.locator("#activity")).to_contain_text("Build failed -- bin/compile of Python failed")
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=4)])
    expect(page.locator("#activity")).to_contain_text("Scaled to web@4:1X")
    visitor.look("activity")
    page.get_by_role("navigation", name="Kinds").get_by_role("link", name="Add-ons").click()
    expect(page.locator("#activity")).to_contain_text("heroku-redis:mini")
    expect(page.locator("#activity")).not_to_contain_text("Scaled")
