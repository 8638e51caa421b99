"""The status page: for strangers and for who is logged in, with three months of looks and an incident."""

import random
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor
from tests.dashboard.test_logging_in import ask

from celadon.actions import incidents, status
from celadon.actions.context import now
from celadon.model.status import COMPONENTS, DAYS, Health, Look, StatusDay, day_of
from celadon.store import rows, tables


@pytest.fixture
def looked_at(world: World) -> None:
    """Three months with some bad days; the router is down now, and its operator says so."""
    dice = random.Random(7)
    with world.context.database.transaction() as tx:
        for component in COMPONENTS:
            for back in range(1, DAYS - 10):
                failures = dice.choice([0] * 20 + [2, 90])
                day = day_of(now()) - timedelta(days=back)
                row = StatusDay(component=component.name, day=day, looks=1440, failures=failures, restarts=0)
                rows.insert(tx, tables.status_days, row)
    looks = [
        Look(component=one.name, health=Health.RED if one.name == "router" else Health.GREEN, why="", pid=1)
        for one in COMPONENTS
    ]
    status.keep(world.context, looks, now())
    over = incidents.create(
        world.context, world.actor, title="Builds wait", severity="yellow", components=["builds"], contents="They wait."
    )
    incidents.update(world.context, world.actor, over.id, "They do not any more.", resolved=True)
    incidents.create(
        world.context,
        world.actor,
        title="Requests get no answer",
        severity="red",
        components=["router", "dynos"],
        contents="Since 11:00 requests to some apps get H13.\nWe look into it.",
    )


def test_strangers_see_how_the_platform_is(world: World, looked_at: None, stranger: Visitor) -> None:
    page = stranger.go("/status")
    expect(page.get_by_text("Something is down")).to_be_visible()
    expect(page.locator("li", has_text="Routing").first).to_contain_text("down")
    expect(page.get_by_role("heading", name="Requests get no answer")).to_be_visible()
    expect(page.get_by_text("They do not any more.")).to_be_visible()
    stranger.look("status")
    assert len(ask(world, "GET", "/status").content) < 100_000


def test_who_is_logged_in_keeps_the_navigation(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_text("Not looked at yet").first).to_be_visible()
    expect(page.get_by_role("link", name="Apps")).to_be_visible()
    visitor.look("status-logged-in")
