"""Metrics as a person sees them: charts that move, an app that nobody visited, alerts."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard import measured
from tests.dashboard.browser import Visitor

from celadon.actions import alerts
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
    at = datetime.now(UTC) - timedelta(seconds=30)
    measured.fill(world, [logline.line(measured.ROUTER, measured.answer(503, 9, 9, "H99"), at)])
    # The page asks every ten seconds.
    expect(page.get_by_role("link", name="H99")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Last week").click()
    expect(page.get_by_role("link", name="Last week")).to_have_attribute("aria-current", "page")


def test_the_overview_says_what_went_wrong(world: World, visitor: Visitor) -> None:
    measured.busy_hour(world, every=20)
    page = visitor.go("/dashboard/apps/example")
    expect(page.locator("#errors")).to_contain_text("A dyno did not begin its answer within 30 seconds")
    visitor.look("overview-errors")


def test_an_app_that_nobody_visited(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/apps/example/metrics")
    expect(page.get_by_text("No error in this time.")).to_be_visible()


def test_alerts(world: World, visitor: Visitor) -> None:
    page = visitor.go("/dashboard/apps/example/metrics")
    form = page.get_by_role("group").filter(has=page.get_by_role("button", name="Add alert"))
    visitor.expect("422")
    form.get_by_label("is above").fill("much")
    page.get_by_role("button", name="Add alert").click()
    expect(page.get_by_role("alert")).to_contain_text("the threshold is 1 to 600,000 ms")
    expect(form.get_by_label("is above")).to_have_value("much")
    form.get_by_label("is above").fill("800")
    page.get_by_role("button", name="Add alert").click()
    expect(page.get_by_text("Response time (p95) above 800 ms in 5 minutes")).to_be_visible()
    page.get_by_text("Add an alert").click()
    form.get_by_label("When").select_option("errors")
    form.get_by_label("is above").fill("2.5")
    form.get_by_label("write to").fill("")
    page.get_by_role("button", name="Add alert").click()
    expect(page.locator(".alerts li")).to_have_count(2)
    slow = alerts.list_of(world.context, world.actor, "example")[0]
    assert alerts.move(world.context, slow, 1234.5)
    expect(page.locator(".alerts")).to_contain_text("firing")
    page.get_by_text("Change", exact=True).last.click()
    visitor.look("metrics-alerts")
    page.get_by_role("button", name="Remove").last.click()
    expect(page.locator(".alerts li")).to_have_count(1)
