"""A job of an app's scheduler that is due, and a deploy that is told, on a whole platform."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from celadon.actions import context
from celadon.actions.context import now
from celadon.platform import settings
from celadon.store import tables
from tests import receiver
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.test_builds import api


def provisioned(platform: Platform, app: App, plan: str, **options: str) -> dict[str, Any]:
    made = api(platform, "POST", f"/apps/{app.name}/addons", {"plan": plan, "config": options})

    def there() -> dict[str, Any] | None:
        found: dict[str, Any] = api(platform, "GET", f"/apps/{app.name}/addons/{made['id']}")
        return found if found["state"] == "provisioned" else None

    return wait_for(f"{plan} is provisioned", there)


def make_due(platform: Platform, job_id: str) -> None:
    """Its time has come, and some times of it have been missed."""
    opened = context.connect(settings.load(platform.home))
    try:
        with opened.database.transaction() as tx:
            table = tables.scheduler_jobs
            past = now() - timedelta(hours=3)
            tx.connection.execute(table.update().where(table.c.id == job_id).values(next_run_at=past))
    finally:
        opened.database.close()


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    found = platform.create(sources.web())
    found.push()
    return found


def jobs(app: App) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(app.celadon("scheduler", "--json"))
    return found


def ended(app: App, job_id: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        (last,) = [job["last_run"] for job in jobs(app) if job["id"] == job_id]
        return last if last["finished_at"] else None

    return wait_for("the run has ended", over)


def test_a_job_that_is_due_runs_once_and_says_how_it_ended(platform: Platform, app: App) -> None:
    addon = provisioned(platform, app, "scheduler:standard")
    # Half an hour from now: its own time does not come while we look.
    at = f":{(now().minute // 10 + 3) % 6}0"
    app.celadon("scheduler:add", "-f", "hourly", "--at", at, "--", "echo ran as $DYNO; exit 3")
    (job,) = jobs(app)
    assert job["last_run"]["status"] == "never"
    make_due(platform, job["id"])
    last = ended(app, job["id"])
    assert (last["status"], last["exit_status"]) == ("failed", 3)
    name = last["dyno"]
    assert re.fullmatch(r"scheduler\.\d{4}", name)
    command = "Starting process with command `echo ran as $DYNO; exit 3`"
    log = app.wait_for_log(f"heroku[{name}]: Process exited with status 3")
    # It may have ended before it was seen to be up.
    assert re.search(rf"heroku\[{name}\]: State changed from (starting|up) to complete", log)
    assert f"app[{name}]: ran as {name}" in log
    assert f"heroku[{name}]: {command}" in log
    # It comes another way than what dynos write.
    app.wait_for_log(f"app[api]: {command} by user scheduler@addons.heroku.com")
    assert log.count("]: ran as scheduler.") == 1
    assert "failed, exit status 3" in app.celadon("scheduler")
    app.celadon("scheduler:update", job["id"], "-c", "true")
    app.celadon("scheduler:run", job["id"])
    assert ended(app, job["id"])["status"] == "succeeded"
    api(platform, "DELETE", f"/apps/{app.name}/addons/{addon['id']}")
    wait_for("the jobs are gone with their scheduler", lambda: not jobs(app))


def test_a_push_is_told(platform: Platform, app: App) -> None:
    with receiver.running() as server:
        provisioned(platform, app, "deployhooks:http", url=server.url("/200"))
        app.write("other.txt", "more")
        app.commit("Add <other>")
        printed = app.push()
        assert "-----> Deploy hooks scheduled, check output in your logs" in printed
        wait_for("it is told", lambda: server.received)
        (got,) = server.received
        form = {name: value for name, (value,) in parse_qs(got.content.decode(), keep_blank_values=True).items()}
        head = platform.run("git", "rev-parse", "HEAD", cwd=app.checkout).stdout.strip()
        before = platform.run("git", "rev-parse", "HEAD^", cwd=app.checkout).stdout.strip()
        assert (form["app"], form["head_long"], form["head"]) == (app.name, head, head[:7])
        assert (form["prev_head"], form["git_log"]) == (before[:7], "  * Test: Add <other>")
        app.wait_for_log(f"heroku[deployhooks]: Sent http notification to 127.0.0.1:{server.port}")
