"""The clock of a real platform sees its parts live, and everybody and its operator can read that."""

import json
import re

from celadon.actions import context as contexts
from celadon.actions import status
from celadon.model.status import COMPONENTS
from celadon.platform import settings, supervise
from tests.dashboard import browser
from tests.dashboard.browser import Visitor
from tests.journeys.conftest import Platform, wait_for


def test_a_platform_that_runs_says_that_it_works(platform: Platform, password: str) -> None:
    found = settings.load(platform.home)
    store = contexts.connect(found)

    def told() -> dict[str, str]:
        answer = json.loads(platform.request("localhost", "/api/v4/current-status").text)
        return {one["name"]: one["status"] for one in answer["components"]}

    def seen() -> bool:
        """Whether the last look has found the processes that run now."""
        pids, states = supervise.pids(found), status.states(store)
        return all(one.name in states and states[one.name].pid == pids.get(one.role) for one in COMPONENTS)

    # What ran elsewhere before may have killed a role. The last look may be older than that, and of no use; the next
    # one finds the role begun anew, and the one after it, another minute later, as good as new.
    try:
        wait_for("every part was looked at and works", lambda: seen() and set(told().values()) == {"green"}, 200)
    finally:
        store.database.close()
    assert platform.celadon("status").count("No known issues at this time.") == 3
    operator = json.loads(platform.celadon("account", "--json"))["email"]
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        visitor = Visitor(context, f"http://localhost:{platform.ports['http-port']}")
        visitor.go("/status")
        assert "Everything works" in visitor.page.content()
        visitor.log_in(operator, password)
        page = visitor.go("/dashboard/operator")
        for role, pid in platform.pids().items():
            assert re.search(
                rf"{role}.*runs.*process {pid}\b", page.get_by_role("row", name=role).inner_text(), re.DOTALL
            )
        visitor.look("operator-running")
        visitor.quiet()
