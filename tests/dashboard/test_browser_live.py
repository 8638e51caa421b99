"""Parts of a page that keep up with what changes, also while they are on their way and while somebody types."""

from playwright.sync_api import APIResponse, Route, expect
from tests.api.world import World
from tests.dashboard.browser import Visitor, wait_for

from celadon.actions import formations
from celadon.model.formation import Update

APP = "/dashboard/apps/example"


def test_what_changes_while_a_part_is_on_its_way_is_shown_too(world: World, visitor: Visitor) -> None:
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        """The formation's first answer is made now and comes later."""
        if route.request.headers.get("hx-target") != "formation" or held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    visitor.page.route(f"**{APP}", hold)
    page = visitor.go(APP)
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=3)])
    wait_for("the formation is asked for", lambda: page.wait_for_timeout(20) or held)
    # The part beside it says when the page has heard of this.
    world.deploy("example", {"web": "python server.py", "clock": "python clock.py"}, commit="d" * 40)
    expect(page.locator("#releases")).to_contain_text("Deploy dddddddd")
    clock = page.locator("#formation").get_by_role("row", name="clock")
    expect(clock).to_have_count(0)
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(clock).to_be_visible()


def test_who_goes_from_field_to_field_of_a_part_that_waits_for_them_goes_on(world: World, visitor: Visitor) -> None:
    page = visitor.go(f"{APP}/resources")
    amount, size = page.get_by_label("How many web dynos"), page.get_by_label("Size of web dynos")
    amount.fill("4")
    with page.expect_response("**/resources"):
        # The estimated cost is not in anybody's hands.
        formations.update(world.context, world.actor, "example", [Update(type="web", quantity=2)])
    size.focus()
    expect(size).to_be_focused()
    expect(amount).to_have_value("4")
    page.get_by_role("heading", name="Formation").click()
    page.evaluate("document.activeElement.blur()")
    expect(amount).to_have_value("2")
