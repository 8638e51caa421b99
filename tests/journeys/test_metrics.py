"""What the page of metrics says is what `celadon logs` says, whoever was killed while visitors asked."""

import json
import re
from collections import Counter

from playwright.sync_api import expect

from celadon.model.metrics import Counts
from celadon.store.metrics import Metrics
from tests.dashboard import browser
from tests.dashboard.browser import Visitor
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.test_kills import kill

_ROUTER = re.compile(
    r"heroku\[router\]: at=\w+ (?:code=(\w+) )?.* connect=(\d*)(?:ms)? service=(\d*)(?:ms)? status=(\d+) bytes=(\d+) "
)


def kept(app: App) -> Counts:
    """What the platform has counted of an app."""
    store, found = Metrics(app.platform.home), Counts()
    for _, counts in store.counts(app_id(app), 600, 0, 1e12):
        found.add(counts)
    store.close()
    return found


def sampled(app: App) -> bool:
    """Whether anybody has looked at the memory of the app's dynos."""
    store = Metrics(app.platform.home)
    found = store.samples(app_id(app), 600, 0, 1e12)
    store.close()
    return bool(found)


def app_id(app: App) -> str:
    found = json.loads(app.platform.celadon("apps", "--json"))
    return next(str(one["id"]) for one in found if one["name"] == app.name)


def test_the_metrics_are_what_the_log_says(platform: Platform, password: str) -> None:
    app = platform.create(sources.web())
    app.push()
    for number in range(40):
        app.get(f"/{number}")
        if number == 20:
            kill(platform, "logplex")
    # Its memory is on the page too, and this dyno may have lived for less than the time between two looks.
    wait_for("the dyno's memory was looked at", lambda: sampled(app))
    app.celadon("ps:scale", "web=0")
    wait_for("nobody answers", lambda: app.get("/gone").status == 503)
    app.wait_for_log("code=H14")
    seen = [_ROUTER.search(line) for line in app.logs().splitlines() if "heroku[router]" in line]
    lines = [found.groups() for found in seen if found]
    assert len(lines) == len(seen) > 40
    found = wait_for("all is counted", lambda: counts if (counts := kept(app)).requests >= len(lines) else None)
    assert found.classes == Counter(int(status) // 100 for *_, status, _ in lines)
    assert found.sent == sum(int(sent) for *_, sent in lines)
    assert {code: one.count for code, one in found.codes.items()} == Counter(code for code, *_ in lines if code)
    times = sorted(int(connect) + int(service) for _, connect, service, *_ in lines if service)
    middle = found.percentile(0.5)
    assert middle is not None and abs(middle - times[(len(times) - 1) // 2]) <= 0.01 * times[(len(times) - 1) // 2]
    assert found.starts >= 1
    _look(platform, app, password, len(lines))


def _look(platform: Platform, app: App, password: str, requests: int) -> None:
    with browser.chromium() as chromium:
        context = chromium.new_context()
        visitor = Visitor(context, f"http://localhost:{platform.ports['http-port']}")
        visitor.log_in("admin@localhost", password)
        page = visitor.go(f"/dashboard/apps/{app.name}/metrics")
        expect(page.locator(".figures")).to_contain_text(f"Requests{requests}", timeout=40_000)
        expect(page.locator("#memory-heading + .chart")).to_be_visible()
        expect(page.get_by_role("link", name="H14")).to_be_visible()
        context.close()
        visitor.quiet()
