"""A real browser (Debian's Chromium) that looks at the pages of a test's world, and is strict about what it sees."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.api.world import EMAIL, PASSWORD

from celadon.api import role
from celadon.api.asgi import Application

CHROMIUM = "/usr/bin/chromium"
# Screens for people to look at; CI leaves them there.
SCREENS = Path(os.environ.get("CELADON_SCREENS") or Path(__file__).parents[2] / "build" / "screens")
WIDTHS = (360, 1440)
SCHEMES = ("light", "dark")
# What axe calls serious or critical is a failure (https://www.deque.com/axe/).
_RULES = {"resultTypes": ["violations"]}
# Seconds that anything may take on a machine that does much else.
_PATIENCE = 30
expect.set_options(timeout=_PATIENCE * 1000)


class Stand:
    """One listener for all tests of a worker; each test puts its own world behind it."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.application: Application | None = None
        config = uvicorn.Config(
            self._call,
            interface="asgi3",
            log_config=None,
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self._thread.start()
        wait_for("the listener is there", lambda: self._server.started)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def show(self, context: Any) -> None:
        self.application = Application(context, role.ROUTES)

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.application is not None, "the test has a world"
        await self.application(scope, receive, send)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self.socket.close()


def wait_for(what: str, condition: Callable[[], object], seconds: float = _PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # As root there is no sandbox; nothing but our own pages is opened.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


# What htmx says of a request whose page was left before the answer came. (The first it also says before what it says of
# one that failed, which counts.)
_LEFT = ("htmx:afterRequest,", "htmx:sendAbort,")


class Visitor:
    """Somebody with a browser. What its console says, what the policy forbids, and whom it asks is kept.

    `quiet()` is asked at the end of each test: an error of a page that a test provokes is `expected` before.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self._expected: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda said: self._complain(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("request", self._asked)
        self.page.set_default_timeout(_PATIENCE * 1000)

    def _complain(self, text: str) -> None:
        if not text.startswith(_LEFT):
            self.complaints.append(text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"asked another host: {request.url}")

    def expect(self, part: str) -> None:
        """A complaint that has this in it is right: a browser says so of each answer that is an error."""
        self._expected.append(part)

    def quiet(self) -> None:
        left = [text for text in self.complaints if not any(part in text for part in self._expected)]
        assert not left, "\n".join(left)

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        self.go("/dashboard/login")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.url}/dashboard")

    def look(self, name: str) -> None:
        """Screens of the page as it is, at both widths and in both schemes; nothing is wider than the screen, and what
        people with a keyboard or a screen reader need is there."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        # Whoever clicks a link goes on as soon as the next page begins.
        self.page.wait_for_load_state()
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.screenshot(path=SCREENS / f"{name}-{width}-{scheme}.png", full_page=True)
                wide = self.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{name} is {wide} px wide at {width} px"
                self._check(f"{name} at {width} px, {scheme}")
        self.page.emulate_media(color_scheme="light")

    def _check(self, what: str) -> None:
        found = Axe().run(self.page, options=_RULES).response["violations"]
        serious = [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{what}:\n" + "\n".join(serious)
