"""The dashboard on a whole platform: a push is watched, its log is read, and the app goes back, all in a browser."""

import subprocess
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.dashboard import browser
from tests.dashboard.browser import Visitor
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for

PATIENCE = 60_000


@pytest.fixture
def visitor(platform: Platform, password: str) -> Iterator[Visitor]:
    """Who is logged in as the operator, at the platform's own pages."""
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        made = Visitor(context, f"http://localhost:{platform.ports['http-port']}")
        made.log_in("admin@localhost", password)
        yield made
        context.close()
    made.quiet()


@pytest.fixture
def app(platform: Platform) -> App:
    """An app that serves its first version."""
    made = platform.create(sources.web(Procfile="web: python3 -u server.py\n"))
    made.push()
    wait_for("it serves", lambda: made.get().status == 200)
    return made


def test_a_push_is_watched_and_gone_back_from(app: App, visitor: Visitor) -> None:
    page = visitor.go(f"/dashboard/apps/{app.name}/logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("State changed from starting to up", timeout=PATIENCE)
    expect(page.locator("#log-state")).to_have_text("live")
    app.get("/seen-in-the-browser")
    expect(log).to_contain_text("/seen-in-the-browser", timeout=PATIENCE)
    # Nothing is lost or there twice after a pause.
    page.get_by_role("button", name="Pause").click()
    app.get("/while-it-paused")
    app.wait_for_log("/while-it-paused")
    page.get_by_role("button", name="Resume").click()
    expect(log.locator("div").filter(has_text='path="/while-it-paused"')).to_have_count(1, timeout=PATIENCE)
    expect(log.locator("div").filter(has_text='path="/seen-in-the-browser"')).to_have_count(1)

    app.write("version", "two\n")
    app.write("Procfile", "web: python3 -u server.py\nrelease: sh release.sh\n")
    # It waits until somebody has seen it run.
    app.write("release.sh", "echo migrating\nuntil [ -e seen ]; do sleep 0.2; done\necho migrated\n")
    app.commit("Second")
    page = visitor.go(f"/dashboard/apps/{app.name}/deploy")
    push = subprocess.Popen(
        ["git", "push", "celadon", "main"],
        cwd=app.checkout,
        env=app.platform.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        expect(page.locator("#releases")).to_contain_text("release command runs", timeout=PATIENCE)
        page.get_by_role("link", name="v4", exact=True).click()
        expect(page.locator("pre.output")).to_contain_text("migrating", timeout=PATIENCE)
        expect(page.locator("#release")).to_contain_text("release command runs")
        # What it writes is shown before it is known to be up, which it must be to be gone into.
        wait_for("it is up", lambda: "release.1004: up" in app.celadon("ps"))
        # It ends as soon as there is the file, and with it who has made that: perhaps before they have told their status.
        app.celadon("ps:exec", "-d", "release.1004", "--", "touch", "seen", check=False)
        expect(page.locator("pre.output")).to_contain_text("migrated", timeout=PATIENCE)
        expect(page.locator("#release")).to_contain_text("serves", timeout=PATIENCE)
        assert push.wait(60) == 0
    finally:
        push.kill()
    wait_for("the second version serves", lambda: " two " in app.get().text)
    page.get_by_role("link", name="All builds and releases").click()
    page.locator("#builds li a").first.click()
    expect(page.locator("pre.output")).to_contain_text("Procfile declares types -> web")
    expect(page.locator("pre.output")).to_contain_text("deployed to Celadon")

    page = visitor.go(f"/dashboard/apps/{app.name}/deploy")
    page.get_by_role("link", name="Roll back to v3").click()
    page.get_by_role("button", name="Roll back to v3").click()
    expect(page.locator("#release")).to_contain_text("Rollback to v3")
    wait_for("the first version serves again", lambda: " one " in app.get().text)


def test_a_promotion_shows_its_commits_and_goes(platform: Platform, visitor: Visitor) -> None:
    staging, production = platform.create(sources.web()), platform.create({"README": "nothing"})
    name = f"p-{uuid.uuid4().hex[:12]}"
    staging.celadon("pipelines:create", name, "--stage", "staging")
    production.celadon("pipelines:add", name, "--stage", "production")
    staging.push()
    staging.celadon("pipelines:promote")
    for number in ("two", "three"):
        staging.write("version", f"{number}\n")
        staging.commit(f"Version {number}")
    staging.push()
    page = visitor.go("/dashboard/pipelines")
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name=f"Promote {staging.name} to production").click()
    expect(page.get_by_text("2 commits ahead")).to_be_visible()
    expect(page.locator(".diff li .about")).to_have_text(["Version three", "Version two"])
    page.get_by_role("button", name="Promote").click()
    expect(page.locator("#progress")).to_contain_text("promoted", timeout=PATIENCE)
    wait_for("the third version serves", lambda: " three " in production.get().text)
