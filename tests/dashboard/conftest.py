from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.api.conftest import *  # noqa: F403
from tests.api.world import World
from tests.dashboard import browser
from tests.dashboard.browser import Stand, Visitor


@pytest.fixture(scope="session")
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.stop()


# Not longer than a module: while a browser is open its event loop runs, and tests of others want one of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as made:
        yield made


@pytest.fixture
def stranger(chromium: Browser, stand: Stand, world: World) -> Iterator[Visitor]:
    """Somebody who is not logged in, at the pages of this test's world."""
    stand.show(world.context)
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    made = Visitor(context, stand.url)
    yield made
    # A browser that is closed while it goes to the next page has been seen to wait for it for ever.
    for page in context.pages:
        page.goto("about:blank")
    context.close()
    made.quiet()


@pytest.fixture
def visitor(stranger: Visitor) -> Visitor:
    """Who is logged in as the owner of the app `example`, and sees the list of apps."""
    stranger.log_in()
    return stranger
