"""The star of an app as a person sets it."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import apps


def test_a_star_is_set_by_the_keyboard_and_sorts_the_list(world: World, visitor: Visitor) -> None:
    for name in ("alpha", "a-name-as-long-as-apps-have-30"):
        apps.create(world.context, world.actor, name=name)
    page = visitor.go("/dashboard")
    star = page.get_by_role("button", name="example is a favourite")
    expect(star).to_have_attribute("aria-pressed", "false")
    star.focus()
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".apps li").first).to_contain_text("example")
    visitor.look("apps-favourites")
    visitor.go("/dashboard/apps/example/activity")
    page.get_by_role("button", name="example is a favourite").click()
    expect(page.get_by_role("button", name="example is a favourite")).to_have_attribute("aria-pressed", "false")
    assert "/dashboard/apps/example/activity" in page.url
