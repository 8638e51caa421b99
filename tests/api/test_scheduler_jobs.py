"""Jobs of schedulers by the API, and the page of them."""

from datetime import timedelta
from urllib.parse import urlencode

from tests.api.examples_accounts import grace
from tests.api.examples_scheduler_jobs import BODY, add, provide
from tests.api.world import Reply, World

from celadon.actions import accounts, scheduler_jobs
from celadon.actions.context import now
from celadon.model.account import Actor
from celadon.store import tables

_PATH = "/apps/example/scheduler-jobs"


def open_page(world: World) -> str:
    """The path of the scheduler's page, for the owner."""
    provide(world)
    return scheduler_jobs.page_url(world.context, world.actor, "example").partition("8443")[2]


def send(world: World, path: str, **form: str) -> Reply:
    return world.call("POST", path, token=None, content=urlencode(form).encode())


def test_a_job_from_the_first_to_none(world: World) -> None:
    assert world.get(_PATH).json == []
    refused = world.call("POST", _PATH, BODY)
    assert (refused.status, "has no scheduler" in refused.json["message"]) == (422, True)
    provide(world)
    made = world.call("POST", _PATH, BODY).json
    assert made["app"]["name"] == "example"
    assert (made["frequency"], made["at"], made["dyno_size"]) == ("daily", "08:30", made["dyno_size"])
    assert made["next_run_at"].endswith("T08:30:00Z")
    never = {"at": None, "dyno": None, "error": None, "exit_status": None, "finished_at": None, "status": "never"}
    assert made["last_run"] == never
    changed = world.call("PATCH", f"{_PATH}/{made['id']}", {"frequency": "hourly", "at": ":20"}).json
    assert (changed["command"], changed["at"], changed["next_run_at"][14:]) == (BODY["command"], ":20", "20:00Z")
    started = world.call("POST", f"{_PATH}/{made['id']}/actions/run", {}).json
    assert (started["last_run"]["status"], started["next_run_at"]) == ("running", changed["next_run_at"])
    assert started["last_run"]["dyno"] in {dyno["name"] for dyno in world.get("/apps/example/dynos").json}
    assert world.get(_PATH).json == [started]
    assert world.call("DELETE", f"{_PATH}/{made['id']}").status == 200
    assert world.get(f"{_PATH}/{made['id']}").status == 404


def test_what_is_wrong_is_said(world: World) -> None:
    job = add(world)
    for body in ({}, {**BODY, "at": "08:10"}, {**BODY, "command": " "}, {**BODY, "dyno_size": "9X"}):
        assert world.call("POST", _PATH, body).status == 422, body
    assert world.call("PATCH", f"{_PATH}/{job}", {"at": ":10"}).status == 422
    assert world.call("PATCH", f"{_PATH}/nothing", {"at": "09:00"}).status == 404


def test_a_token_that_sees_no_secrets_lets_nobody_run_code(world: World) -> None:
    job = add(world)
    token = world.new_token("write")
    assert world.get(_PATH, token=token).status == 200
    for method, path in (("POST", _PATH), ("PATCH", f"{_PATH}/{job}"), ("POST", f"{_PATH}/{job}/actions/run")):
        assert world.call(method, path, BODY, token=token).status == 403


# The page


def test_the_page_shows_jobs_and_changes_them(world: World) -> None:
    path = open_page(world)
    assert b"There are no jobs yet" in world.get(path, token=None).content
    fields = {"command": "echo <b>&", "frequency": "hourly", "minute": ":20", "time": "08:30", "size": "2X"}
    added = send(world, path, step="add", **fields)
    assert (added.status, added.headers["location"], "set-cookie" in added.headers) == (303, path, False)
    (job,) = world.get(_PATH).json
    assert (job["command"], job["at"], job["dyno_size"]) == ("echo <b>&", ":20", "2X")
    shown = world.get(path, token=None).content.decode()
    assert "echo &lt;b&gt;&amp;" in shown and "<b>" not in shown
    assert "Every hour at :20" in shown and "never" in shown
    assert 'value="echo &lt;b&gt;&amp;"' in world.get(f"{path}?job={job['id']}", token=None).content.decode()
    changed = {**fields, "command": "other", "frequency": "daily"}
    assert send(world, path, step="update", job=job["id"], **changed).status == 303
    assert send(world, path, step="run", job=job["id"]).status == 303
    (job,) = world.get(_PATH).json
    assert (job["command"], job["at"], job["last_run"]["status"]) == ("other", "08:30", "running")
    assert f"runs as {job['last_run']['dyno']}" in world.get(path, token=None).content.decode()
    assert send(world, path, step="remove", job=job["id"]).status == 303
    assert world.get(_PATH).json == []


def test_what_was_sent_and_refused_is_there_still(world: World) -> None:
    path = open_page(world)
    refused = send(world, path, step="add", command="rake report", frequency="weekly", size="2X")
    assert refused.status == 422
    assert b"cannot run &#39;weekly&#39;" in refused.content and b'value="rake report"' in refused.content
    assert send(world, path, step="explode").status == 404


def test_a_page_is_for_who_has_its_link_and_may(world: World) -> None:
    path = open_page(world)
    assert world.get(f"{path}x", token=None).status == 404
    assert send(world, f"{path}x", step="add", command="true", frequency="hourly").status == 404
    theirs = grace(world)
    token = scheduler_jobs.page_url(world.context, _actor(world, theirs), "example").partition("8443")[2]
    assert world.get(token, token=None).status == 200
    assert world.call("DELETE", "/apps/example/collaborators/grace@example.com").status == 200
    assert world.get(token, token=None).status == 404, "who was taken off the app sees it no more"
    with world.context.database.transaction() as tx:
        tx.connection.execute(tables.page_tokens.update().values(expires_at=now() - timedelta(seconds=1)))
    assert b"ten minutes" in world.get(path, token=None).content


def _actor(world: World, token: str) -> Actor:
    return accounts.actor_of_token(world.context, token)
