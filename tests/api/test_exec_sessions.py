"""Exec sessions: who may have one in which dyno, how many, and what is told of it."""

import re
from datetime import timedelta

import pytest
from tests.api.world import World

from celadon.actions import context
from celadon.model import exec_session as rules
from celadon.model.dyno import DynoState
from celadon.store import dynos, events, exec_sessions, secrets

PATH = "/apps/example/dynos/web.1/exec-sessions"
BODY = {"command": "bash", "env": {"TERM": "xterm", "COLUMNS": 80, "LINES": 24}}


@pytest.fixture
def up(world: World) -> World:
    """A platform whose web.1 is up."""
    change(world, state=DynoState.UP, container_id="dyno-a-1")
    return world


def change(world: World, **values: object) -> str:
    with world.context.database.transaction() as tx:
        dyno = dynos.find_by_id(tx, world.made["dyno"])
        assert dyno is not None and dyno.name == "web.1"
        dynos.update(tx, dyno.id, now=context.now(), **values)
    return dyno.id


def test_its_secret_is_for_who_asked_and_its_start_is_told_in_the_log(up: World) -> None:
    made = up.call(
        "POST",
        PATH,
        {**BODY, "command": 'exit 3 ; status=$?; echo "\uffff heroku-command-exit-status: $status"; exit $status'},
    ).json
    found = re.fullmatch(r"rendezvous://localhost:5000/([\w-]{43})", made["attach_url"])
    assert found
    assert (made["command"], made["dyno"]["name"]) == ("exit 3", "web.1")
    with up.context.database.read() as tx:
        session = exec_sessions.find_by_secret_hash(tx, secrets.hash_token(found[1]))
        told = events.list_after(tx, 0)[-1]
    assert session is not None and session.container_id == "dyno-a-1"
    assert session.env == {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    assert (told.action, told.resource_id) == ("dyno:exec", session.dyno_id)
    assert told.line == f"Starting command `exit 3` in web.1 by user {up.actor.email}"
    again = up.call("PATCH", f"{PATH}/{made['id']}", {"columns": 120, "lines": 40})
    assert (again.status, again.json["attach_url"]) == (200, None)
    with up.context.database.read() as tx:
        assert exec_sessions.list_of(tx, session.dyno_id)[0].env["COLUMNS"] == "120"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (PATH.replace("web.1", "web.9"), BODY, 404, "its dynos: web.1"),
        (PATH, {"env": {}}, 422, "give the `command`"),
        (PATH, {"command": " "}, 422, "there is no command"),
        (PATH, {"command": "ls", "env": {"PORT": "1"}}, 422, "PORT"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(up: World, path: str, body: object, status: int, said: str) -> None:
    answer = up.call("POST", path, body)
    assert answer.status == status
    assert said in answer.error or said in answer.json["message"]


@pytest.mark.parametrize("state", [DynoState.CREATED, DynoState.CRASHED, DynoState.STOPPING, DynoState.IDLE])
def test_a_dyno_that_is_not_up_has_none(up: World, state: DynoState) -> None:
    change(up, state=state)
    answer = up.call("POST", PATH, BODY)
    assert answer.status == 422
    assert re.search(r"cannot run a command in web\.1: it is \w+, and must be up; see", answer.json["message"])


def test_a_dyno_has_so_many_and_those_whose_client_never_came_do_not_count_for_long(up: World) -> None:
    made = [up.call("POST", PATH, BODY).json["id"] for _ in range(rules.MOST)]
    refused = up.call("POST", PATH, BODY)
    assert refused.status == 403
    assert "5 are open, which is the limit; leave one first, or wait a minute" in refused.json["message"]
    with up.context.database.transaction() as tx:
        early = rules.late(context.now())
        kept = [exec_sessions.meet(tx, made[0], context.now(), early) for _ in range(2)]
        later = context.now() - rules.PATIENCE - timedelta(seconds=1)
        tx.connection.exec_driver_sql(
            "update exec_sessions set created_at = ?", (later.replace(tzinfo=None).isoformat(" "),)
        )
    assert kept == [True, False], "one client, and no other"
    assert up.call("POST", PATH, BODY).status == 201
    with up.context.database.read() as tx:
        assert len(exec_sessions.list_of(tx, up.made["dyno"])) == 2


def test_a_session_goes_with_its_dyno(up: World) -> None:
    up.call("POST", PATH, BODY)
    with up.context.database.transaction() as tx:
        dynos.delete(tx, up.made["dyno"])
        assert exec_sessions.list_of(tx, up.made["dyno"]) == []


def test_a_token_that_may_not_run_dynos_may_not_do_this(up: World) -> None:
    assert up.call("POST", PATH, BODY, token=up.new_token("read-protected")).status == 403
    made = up.call("POST", PATH, BODY).json
    answer = up.call("PATCH", f"{PATH}/{made['id']}", {"columns": 9, "lines": 9}, token=up.new_token("read-protected"))
    assert answer.status == 403
    assert up.call("PATCH", f"{PATH}/nobody", {"columns": 9, "lines": 9}).status == 404
