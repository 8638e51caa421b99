"""Operator pages in a browser: each is looked at, and an incident goes from its form to the status page."""

from playwright.sync_api import expect
from tests.api.world import PASSWORD, World
from tests.dashboard.browser import Visitor

from celadon.actions import accounts, apps, status
from celadon.actions.context import now
from celadon.model.status import COMPONENTS, Health, Look


def test_the_machine_and_its_health(world: World, visitor: Visitor) -> None:
    why = "the role build does not run"
    looks = [
        Look(
            component=one.name,
            health=Health.RED if one.name == "builds" else Health.GREEN,
            why=why if one.name == "builds" else "",
            pid=1,
        )
        for one in COMPONENTS
    ]
    status.keep(world.context, looks, now())
    page = visitor.page
    page.get_by_role("link", name="Operator").click()
    expect(page.get_by_role("row", name="logplex")).to_be_visible()
    visitor.look("operator")


def test_apps_and_a_visit(world: World, visitor: Visitor) -> None:
    owner = accounts.log_in(world.context, "grace@example.com", PASSWORD)
    apps.create(world.context, owner, name="compiler-for-everybody-in-town")
    page = visitor.go("/dashboard/operator/apps")
    visitor.look("operator-apps")
    page.get_by_role("link", name="Open compiler-for-everybody-in-town").click()
    page.get_by_label("Reason").fill("Ticket 7: it does not start")
    visitor.look("operator-visit")
    page.get_by_role("button", name="Visit").click()
    expect(page.get_by_role("heading", name="compiler-for-everybody-in-town")).to_be_visible()


def test_accounts(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/operator/accounts")
    page.get_by_role("button", name="Verify: grace@example.com").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    visitor.look("operator-accounts")


def test_settings(visitor: Visitor) -> None:
    visitor.go("/dashboard/operator/settings")
    visitor.look("operator-settings")


def test_an_incident_is_told_to_everybody(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/operator/incidents")
    page.get_by_label("Title").fill("Builds are slow")
    page.get_by_label("What is known").fill("A mirror answers slowly.\nWe have asked its operator.")
    page.get_by_label("Builds").check()
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("status")).to_contain_text("on the status page")
    visitor.look("operator-incidents")
    page.get_by_role("link", name="the status page").click()
    expect(page.get_by_role("heading", name="Builds are slow")).to_be_visible()
    page.go_back()
    page.get_by_label("What is new").fill("It is fast again.")
    page.get_by_role("button", name="Tell, and resolve").click()
    expect(page.get_by_role("row", name="Builds are slow")).to_be_visible()
