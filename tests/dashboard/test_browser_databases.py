"""Pages of databases as a person sees them, over a data API that answers what a server would."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Stand, Visitor
from tests.dashboard.server import Server, database, follower, redis, serve
from tests.dashboard.test_addons import made

from celadon.actions import postgres_credentials as credentials
from celadon.actions.context import now
from celadon.model.postgres_database import CredentialPermission
from celadon.model.transfer import TransferStatus
from celadon.store import postgres_databases, transfers

ONE = "/dashboard/databases/orders"


@pytest.fixture
def server(world: World, stand: Stand, visitor: Visitor) -> Server:
    """After the visitor: the stand shows this world over it."""
    return serve(world, stand)


def furnished(world: World) -> str:
    """`orders`, an hour old and partly full, with a follower; returns its add-on's id."""
    addon_id = database(world)
    with world.context.database.transaction() as tx:
        at = now() - timedelta(hours=30)
        postgres_databases.update(tx, addon_id, now=now(), created_at=at, bytes_used=57 << 30, measured_at=now())
    follower(world, addon_id)
    return addon_id


def test_the_list_and_one_at_a_glance(world: World, visitor: Visitor, server: Server) -> None:
    page = visitor.go("/dashboard")
    page.get_by_role("link", name="Databases").click()
    expect(page.get_by_text("No databases yet")).to_be_visible()
    visitor.look("databases-empty")
    furnished(world)
    redis(world)
    made(world, "heroku-postgresql:basic", name="a-database-with-a-name-that-is-longer-than-one-would-like")
    page.reload()
    visitor.look("databases")
    page.get_by_role("link", name="orders").click()
    expect(page.locator("#now")).to_contain_text("3/120")
    expect(page.locator("#about")).to_contain_text("57.0 GB of 64 GB")
    visitor.look("database")
    page.get_by_role("link", name="reader").click()
    expect(page.locator("#about")).to_contain_text("Follows")


def test_credentials(world: World, visitor: Visitor, server: Server) -> None:
    addon_id = furnished(world)
    credentials.create(world.context, addon_id, "reporting", CredentialPermission.READ, "another-hidden-word")
    page = visitor.go(f"{ONE}/credentials")
    expect(page.locator("#credentials")).to_contain_text("creating")
    assert "hidden-word" not in page.content()
    credentials.finish(world.context, addon_id, credentials.known(world.context, addon_id), "localhost")
    expect(page.locator("#credentials")).not_to_contain_text("creating")
    page.get_by_role("link", name="Show default").click()
    expect(page.locator("#credentials")).to_contain_text("postgres://u1:hidden-word@localhost:25001/d1")
    visitor.look("database-credentials")
    page.get_by_role("link", name="Hide default").click()
    expect(page.locator("#credentials")).not_to_contain_text("hidden-word")
    page.get_by_label("Name", exact=True).fill("desk")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="New password for default").click()
    page.get_by_role("button", name="Repair").click()
    assert [verb.rpartition("/")[2] for verb, _ in server.changed] == [
        "credentials",
        "credentials_rotation",
        "repair-default",
    ]


def test_statistics(world: World, visitor: Visitor, server: Server) -> None:
    furnished(world)
    page = visitor.go(f"{ONE}/statistics")
    expect(page.locator("#statistic")).to_contain_text("customers.id")
    visitor.look("database-statistics")
    page.get_by_role("button", name="Cancel what 17 does").click()
    page.get_by_role("link", name="Most time").click()
    expect(page.get_by_role("heading", name="Most time")).to_be_visible()
    page.get_by_role("button", name="Begin counting anew").click()
    assert server.changed[0][1] == {"force": False} and server.changed[1][0].endswith("actions/reset")


def test_a_report(world: World, visitor: Visitor, server: Server) -> None:
    furnished(world)
    page = visitor.go(f"{ONE}/diagnosis")
    page.get_by_role("button", name="Diagnose").click()
    expect(page.get_by_text("00:12:01")).to_be_visible()
    visitor.look("database-diagnosis")


def test_backups(world: World, visitor: Visitor, server: Server) -> None:
    addon_id = furnished(world)
    page = visitor.go(f"{ONE}/backups")
    page.get_by_role("button", name="New snapshot").click()
    expect(page.locator("#transfers")).to_contain_text("pending")
    with world.context.database.transaction() as tx:
        (found,) = transfers.list_of_addon(tx, addon_id)
        done = {"status": TransferStatus.SUCCEEDED, "processed_bytes": 3 << 20, "source_bytes": 8 << 20}
        transfers.update(tx, found.id, now=now(), verified_at=now(), finished_at=now(), **done)
    expect(page.locator("#transfers")).to_contain_text("succeeded")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Schedule").click()
    expect(page.get_by_text("At 04:00 Europe/Berlin")).to_be_visible()
    page.get_by_role("link", name="b001").click()
    expect(page.locator("#transfer")).to_contain_text("to check it")
    visitor.look("database-backups")
    visitor.expect("422")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("alert")).to_contain_text("type orders to confirm it")
    page.get_by_label("A backup of example").select_option("b001")
    page.get_by_label("Type orders to confirm").fill("orders")
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#transfers")).to_contain_text("Restore of b001")


def test_copies(world: World, visitor: Visitor, server: Server) -> None:
    furnished(world)
    page = visitor.go(f"{ONE}/copies")
    visitor.look("database-copies")
    picked = (now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    page.get_by_label("Moment, in UTC").fill(picked)
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("#about")).to_contain_text("creating")
    page = visitor.go("/dashboard/databases/reader/copies")
    page.get_by_label("Type reader to confirm").fill("reader")
    page.get_by_role("button", name="Unfollow").click()
    assert server.changed[-1][0].endswith("/unfollow")


def test_settings(world: World, visitor: Visitor, server: Server) -> None:
    furnished(world)
    database(world, "standard-2", "other")
    page = visitor.go("/dashboard/databases/other/settings")
    page.get_by_role("button", name="Promote in example").click()
    expect(page.get_by_text("DATABASE_URL of example")).to_be_visible()
    visitor.look("database-settings")
    page.get_by_label("log_statement").select_option("ddl")
    page.get_by_label("log_connections").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="other")).to_be_visible()
    page.get_by_label("Four hours each week, from").select_option("Sunday")
    page.get_by_role("button", name="Set the window").click()
    expect(page.get_by_role("heading", name="other")).to_be_visible()
    assert server.changed[0][1] == {"log_statement": "ddl", "log_connections": True}
    assert server.changed[1][1] == {"day_of_week": "Sunday", "time_of_day": "14:30"}
    visitor.expect("422")
    page.get_by_label("Type RESET to confirm").fill("other")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("alert")).to_contain_text("type RESET to confirm it")
    page.get_by_label("Type DESTROY to confirm").fill("DESTROY")
    page.get_by_role("button", name="Destroy").click()
    expect(page.locator("#mine")).to_contain_text("destroying")


def test_redis(world: World, visitor: Visitor, server: Server) -> None:
    redis(world)
    page = visitor.go("/dashboard/databases/cache")
    expect(page.locator("#now")).to_contain_text("97.0%")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("maxmemory_policy").select_option("allkeys-lru")
    visitor.look("redis-settings")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="cache")).to_be_visible()
    assert server.changed[-1][1] == {"maxmemory_policy": "allkeys-lru"}
