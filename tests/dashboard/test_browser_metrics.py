"""Metrics as a person sees them: charts that move, an app that nobody visited, alerts."""

from datetime import UTC, datetime

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard import measured
from tests.dashboard.browser import Visitor

from celadon.model import logline


def test_a_busy_hour_and_what_comes_while_somebody_looks(world: World, visitor: Visitor) -> None:
    measured.busy_hour(world)
    page = visitor.go("/dashboard/apps/example/metrics")
    expect(page.get_by_role("heading", name="Requests per second")).to_be_visible()
    page.get_by_role("link", name="H12").click()
    expect(page.locator("#code-H12")).to_be_in_viewport()
    page.get_by_text("in 12 parts").click()
    expect(page.get_by_role("columnheader", name="p95")).to_be_visible()
    visitor.look("metrics-hour")
    before = page.locator("#charts").evaluate("element => { element.dataset.old = 'yes'; return 1 }")
    measured.fill(world, [logline.line(measured.ROUTER, measured.answer(503, 9, 9, "H99"), datetime.now(UTC))])
    assert before
    expect(page.get_by_role("link", name="H99")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Last week").click()
    expect(page.get_by_role("link", name="Last week")).to_have_attribute("aria-current", "page")
    visitor.look("metrics-week")


def test_the_overview_says_what_went_wrong(world: World, visitor: Visitor) -> None:
    measured.busy_hour(world, every=20)
    page = visitor.go("/dashboard/apps/example")
    expect(page.locator("#errors")).to_contain_text("A dyno did not begin its answer within 30 seconds")
    visitor.look("overview-errors")


def test_an_app_that_nobody_visited(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/apps/example/metrics")
    expect(page.get_by_text("No error in this time.")).to_be_visible()
    visitor.look("metrics-empty")
