"""Add-ons and the marketplace as a person sees them, on a store without the role that asks providers."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor
from tests.dashboard.test_addons import made

from celadon.actions import addons, apps, provisioning


def test_the_marketplace_without_and_with_addons(world: World, visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("link", name="Add-ons").click()
    expect(page.get_by_text("None yet")).to_be_visible()
    visitor.look("addons-empty")
    for plan in ("heroku-postgresql:mini", "heroku-redis:premium-0", "memcachier:dev", "scheduler", "deployhooks:http"):
        made(world, plan)
    made(world, "heroku-postgresql:standard-0", name="a-database-with-a-name-that-is-longer-than-one-would-like")
    page.reload()
    expect(page.locator("tfoot")).to_contain_text("$70/month")
    visitor.look("addons")
    page.get_by_label("Search add-ons").fill("redis")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#mine tbody tr")).to_have_count(1)


def test_one_is_added_from_the_marketplace(world: World, visitor: Visitor) -> None:
    page = visitor.go("/dashboard/addons")
    page.get_by_role("link", name="Heroku Postgres").click()
    page.get_by_role("row", name="standard-0").get_by_role("link", name="Choose").click()
    expect(page.get_by_label("Plan", exact=True)).to_have_value("standard-0")
    visitor.look("addon-service")
    visitor.expect("422")
    page.get_by_label("App", exact=True).select_option("example")
    page.get_by_label("Name of the add-on").fill("no good")
    page.get_by_role("button", name="Add Heroku Postgres").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot name an add-on 'no good'")
    visitor.look("addon-service-wrong")
    page.get_by_label("Name of the add-on").fill("orders")
    page.get_by_role("button", name="Add Heroku Postgres").click()
    expect(page.get_by_role("heading", name="orders")).to_be_visible()
    expect(page.locator("#about")).to_contain_text("creating")
    visitor.look("addon-creating")
    addon = addons.find(world.context, world.actor, "orders").addon
    config = {"HEROKU_POSTGRESQL_URL": "postgres://u:secret@h:1/d"}
    provisioning.provisioned(world.context, addon.id, provider_id=addon.id, config=config, message="Use it well.")
    expect(page.locator("#about")).to_contain_text("created")
    expect(page.locator("#about")).to_contain_text("DATABASE_URL")


def test_an_addon_is_changed(world: World, visitor: Visitor) -> None:
    apps.create(world.context, world.actor, name="second")
    name = made(world)
    page = visitor.go(f"/dashboard/addons/{name}")
    page.get_by_label("App", exact=True).select_option("second")
    page.get_by_label("As", exact=True).fill("shared")
    page.get_by_role("button", name="Attach").click()
    expect(page.locator("#attached")).to_contain_text("SHARED")
    visitor.look("addon")
    page.get_by_role("row", name="basic").get_by_role("button").click()
    expect(page.locator("#about")).to_contain_text("moving to basic")
    visitor.expect("422")
    page.get_by_role("button", name="Detach SHARED").click()
    expect(page.locator("#attached")).not_to_contain_text("SHARED")
    page.get_by_role("button", name="Destroy").click()
    expect(page.get_by_role("alert")).to_contain_text("to confirm it")
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Destroy").click()
    expect(page.locator("#mine")).to_contain_text("destroying")
