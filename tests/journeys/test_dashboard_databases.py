"""A database in the browser, on real servers: from the marketplace to a snapshot and a dataclip."""

from playwright.sync_api import expect

from tests.dashboard.browser import Visitor, chromium
from tests.journeys.conftest import Platform

# Milliseconds: a first database of a new platform has its server made.
_LONG = 120_000


def test_a_database_from_the_marketplace(platform: Platform, password: str) -> None:
    app = platform.create({"Procfile": "web: true\n"})
    with chromium() as browser:
        visitor = Visitor(browser.new_context(), f"http://localhost:{platform.ports['http-port']}")
        visitor.log_in("admin@localhost", password)
        page = visitor.go(f"/dashboard/addons/services/heroku-postgresql?app={app.name}&plan=mini#add")
        name = f"{app.name}-orders"
        page.get_by_label("Name of the add-on").fill(name)
        page.get_by_role("button", name="Add Heroku Postgres").click()
        expect(page.locator("#about")).to_contain_text("created", timeout=_LONG)
        page.get_by_role("link", name="Open the database").click()
        expect(page.locator("#now")).to_contain_text("/20", timeout=_LONG)
        visitor.look("journey-database")

        page.get_by_role("link", name="Credentials").click()
        page.get_by_role("link", name="Show default").click()
        address = page.locator(".secret").first.inner_text()
        assert address == app.celadon("config:get", "DATABASE_URL").strip()
        page.get_by_role("link", name="Statistics").click()
        page.get_by_role("link", name="Cache hits").click()
        expect(page.get_by_text("table hit rate")).to_be_visible()
        page.get_by_role("link", name="Diagnosis").click()
        page.get_by_role("button", name="Diagnose").click()
        expect(page.get_by_text("Connection Count")).to_be_visible()

        page.get_by_role("link", name="Backups").click()
        page.get_by_role("button", name="New snapshot").click()
        expect(page.locator("#transfers")).to_contain_text("succeeded", timeout=_LONG)
        page.get_by_role("link", name="b001").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert download.value.path().read_bytes().startswith(b"PGDMP")

        page.get_by_role("link", name="Overview").click()
        page.get_by_role("link", name="New dataclip").click()
        page.get_by_label("Title").fill("Answer")
        page.get_by_label("SQL").fill("select 40 + 2 as answer")
        page.get_by_role("button", name="Save and run").click()
        expect(page.locator("#result td")).to_have_text("42", timeout=_LONG)
        visitor.look("journey-dataclip")
        visitor.quiet()
