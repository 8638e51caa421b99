"""From nothing to a page that was changed, in a browser alone; and a terminal in a dyno."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.dashboard import browser
from tests.dashboard.browser import Visitor
from tests.journeys.conftest import Platform, wait_for

# Milliseconds; four builds, two at once, are the most here.
BUILT = 480_000


@pytest.fixture
def visitor(platform: Platform, password: str) -> Iterator[Visitor]:
    """The operator at the dashboard, by way of the router."""
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        made = Visitor(context, f"http://localhost:{platform.ports['http-port']}")
        made.log_in("admin@localhost", password)
        yield made
        context.close()
        made.quiet()


def test_a_template_an_edit_a_deploy_and_a_console(platform: Platform, visitor: Visitor) -> None:
    page, name = visitor.page, f"t-{uuid.uuid4().hex[:12]}"
    visitor.go("/dashboard/new")
    page.get_by_label("Flask").check()
    page.get_by_label("Name of the app").fill(name)
    page.get_by_role("button", name="Create and build").click()
    expect(page.locator("#code-output pre")).to_contain_text("-----> Python app detected", timeout=BUILT)
    expect(page.locator("#code-build")).to_contain_text("succeeded", timeout=BUILT)
    expect(page.locator("#code-output pre")).to_contain_text("deployed to Celadon", timeout=BUILT)

    def served(text: str) -> bool:
        return text in platform.request(f"{name}.localhost", "/").text

    wait_for("the template is live", lambda: served("Hello from Flask"), 60)

    page.get_by_role("button", name="app.py", exact=True).click()
    page.get_by_text('"Hello from Flask"').dblclick()
    page.keyboard.press("Control+f")
    page.get_by_placeholder("Find", exact=True).fill("Hello from Flask")
    page.get_by_placeholder("Replace").fill("Changed in the browser")
    page.get_by_role("button", name="replace all").click()
    page.get_by_label("What has changed", exact=True).fill("Say something else")
    page.get_by_role("button", name="Commit and deploy").click()
    expect(page.locator("#code-build")).to_contain_text("Say something else", timeout=BUILT)
    expect(page.locator("#code-build")).to_contain_text("succeeded", timeout=BUILT)
    wait_for("the change is live", lambda: served("Changed in the browser"), 60)
    assert "Cloned app from Flask" in platform.celadon("releases", "--app", name)

    visitor.go(f"/dashboard/apps/{name}/console")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".console-state")).to_contain_text("is up", timeout=60_000)
    rows = page.locator(".xterm-rows")
    expect(rows).to_contain_text("$", timeout=60_000)
    page.keyboard.type("echo sum $((40 + 2)) $TERM; tput cols\n")
    expect(rows).to_contain_text("sum 42 xterm-256color")
    page.set_viewport_size({"width": 700, "height": 900})
    # The new size takes its way through the store, behind which the shell's next command need not come.
    page.keyboard.type("until [ $(tput cols) -lt 100 ]; do sleep 0.1; done; clear; stty size\n")
    expect(rows).to_have_text(re.compile(r"^\d{2} [5-8]\d\D"))
    page.keyboard.type("seq 400000 | tail -c 100000000 > /dev/null; seq 300000; echo all; exit 7\n")
    expect(page.locator(".console-state")).to_contain_text("ended with exit status 7", timeout=60_000)
    expect(rows).to_contain_text("300000")
    # Whoever leaves the page ends the dyno.
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".console-state")).to_contain_text("is up", timeout=60_000)
    visitor.go("/dashboard")
    wait_for("its dyno is gone", lambda: "run." not in platform.celadon("ps", "--app", name))


def test_every_other_template_builds_and_serves(platform: Platform, visitor: Visitor) -> None:
    page = visitor.page
    said = {"Express": "Hello from Express", "Static site": "Hello from a static site"}
    said |= {"Django": "that is counted in the database", "Worker with a queue": "Give it to the worker"}
    names = {}
    for template in said:
        names[template] = f"t-{uuid.uuid4().hex[:12]}"
        visitor.go("/dashboard/new")
        page.get_by_label(template).check()
        page.get_by_label("Name of the app").fill(names[template])
        page.get_by_role("button", name="Create and build").click()
        expect(page.locator("#code-build")).to_contain_text(f"Cloned app from {template}")
    for template, text in said.items():
        visitor.go(f"/dashboard/apps/{names[template]}/code")
        expect(page.locator("#code-build")).to_contain_text("succeeded", timeout=BUILT)
        host = f"{names[template]}.localhost"
        wait_for(f"{template} is live", lambda host=host, text=text: text in platform.request(host, "/").text, 120)
    worker = names["Worker with a queue"]
    platform.celadon("ps:scale", "worker=1", "--app", worker)
    body, headers = b"text=loud", {"Content-Type": "application/x-www-form-urlencoded"}
    assert platform.request(f"{worker}.localhost", "/tasks", "POST", body, headers).status == 303
    wait_for("the worker has done it", lambda: "LOUD" in platform.request(f"{worker}.localhost", "/").text, 60)
