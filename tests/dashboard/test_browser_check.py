"""The production check as a person sees it."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import addons, domains, formations
from celadon.model.formation import Update


def test_the_check_follows_what_is_mended(world: World, visitor: Visitor) -> None:
    addons.create(world.context, world.actor, "example", plan="heroku-postgresql:mini")
    for number in range(7):
        domains.add(world.context, world.actor, "example", f"a-rather-long-name-of-a-shop-{number}.example.com")
    page = visitor.go("/dashboard/apps/example/check")
    row = page.get_by_role("listitem").filter(has_text="Dyno redundancy")
    expect(row).to_contain_text("One web dyno")
    visitor.look("check")
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=2)])
    expect(row).to_contain_text("2 web dynos share the work")
    expect(row).to_contain_text("passed")
