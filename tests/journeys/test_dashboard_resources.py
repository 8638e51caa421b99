"""Scaling in the browser: dynos start and stop while one looks at the page."""

from playwright.sync_api import expect

from tests.dashboard import browser
from tests.dashboard.browser import Visitor
from tests.journeys import sources
from tests.journeys.conftest import Platform


def test_dynos_come_and_go_while_one_looks(platform: Platform, password: str) -> None:
    app = platform.create(
        sources.web(Procfile="web: python3 -u server.py\nworker: python3 -c 'import time; time.sleep(1000)'\n")
    )
    app.push()
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        visitor = Visitor(context, f"http://localhost:{platform.ports['http-port']}")
        visitor.log_in(platform.celadon("whoami").strip(), password)
        page = visitor.go(f"/dashboard/apps/{app.name}/resources")
        page.set_default_timeout(30_000)
        expect(page.get_by_role("row", name="web.1")).to_contain_text("up", timeout=30_000)
        page.get_by_label("web dynos, by a slider").press("ArrowRight")
        page.get_by_label("How many worker dynos").fill("1")
        expect(page.locator("#plan")).to_contain_text("Scale web from 1 to 2, scale worker from 0 to 1")
        page.get_by_role("button", name="Apply changes").click()
        for name in ("web.2", "worker.1"):
            expect(page.get_by_role("row", name=name)).to_contain_text("up", timeout=30_000)
        visitor.look("resources-running")
        page.get_by_label("How many worker dynos").fill("0")
        page.get_by_role("button", name="Apply changes").click()
        expect(page.get_by_role("row", name="worker.1")).to_have_count(0, timeout=30_000)
        context.close()
        visitor.quiet()
