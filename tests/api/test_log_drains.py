"""Log drains by the API: how one is named, what is refused, and where its URL is not to be read."""

import logging
import re
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from tests.api.examples_log_drains import PATH, URL, add
from tests.api.world import World

from celadon.model import log_drain
from celadon.store import events, tables


def test_a_drain_is_named_by_its_id_url_or_token(world: World) -> None:
    made = add(world).json
    assert re.fullmatch(r"d\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["token"])
    assert (made["url"], made["addon"], made["app"]["name"]) == (URL, None, "example")
    for name in (made["id"], made["token"], URL):
        assert world.get(f"{PATH}/{quote(name, safe='')}").json == made
    assert world.get(PATH).json == [made]
    assert world.call("DELETE", f"{PATH}/{quote(URL, safe='')}").json == made
    assert world.get(PATH).json == []
    gone = world.get(f"{PATH}/{made['id']}")
    assert (gone.status, gone.json["resource"]) == (404, "log_drain")


def test_one_url_is_one_drain_of_an_app(world: World) -> None:
    assert add(world).status == 201
    reply = add(world)
    assert (reply.status, "has a drain of this URL already" in reply.json["message"]) == (422, True)
    world.call("POST", "/apps", {"name": "second"})
    assert world.call("POST", "/apps/second/log-drains", {"url": URL}).status == 201


def test_an_app_has_so_many_drains_and_no_more(world: World) -> None:
    for number in range(log_drain.MOST):
        assert add(world, f"syslog://logs.example.com:{number + 1}").status == 201
    reply = add(world)
    assert (reply.status, "which is the most" in reply.json["message"]) == (422, True)


def test_another_apps_drain_is_not_found(world: World) -> None:
    made = add(world).json
    world.call("POST", "/apps", {"name": "second"})
    assert world.get(f"/apps/second/log-drains/{made['id']}").status == 404
    assert world.call("DELETE", f"/apps/second/log-drains/{made['token']}").status == 404


def test_a_token_without_protected_scopes_sees_and_changes_no_drain(world: World) -> None:
    made = add(world).json
    for scope in ("read", "write"):
        assert world.get(PATH, token=world.new_token(scope)).status == 403
    for scope in ("write", "read-protected"):
        token = world.new_token(scope)
        assert world.call("POST", PATH, {"url": "syslog://a.example.com"}, token=token).status == 403
        assert world.call("DELETE", f"{PATH}/{made['id']}", token=token).status == 403
    assert world.get(PATH, token=world.new_token("read-protected")).json == [made]


def test_the_url_is_read_nowhere_but_in_the_answer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        add(world)
        world.call("DELETE", f"{PATH}/{quote(URL, safe='')}")
        add(world)
    with world.context.database.read() as tx:
        (row,) = tx.connection.execute(sa.select(tables.log_drains)).mappings()
        lines = [event.line for event in events.list_after(tx, 0) if event.action.startswith("log-drain:")]
    assert "path='/apps/example/log-drains/URL'" in caplog.text
    assert "secret" not in caplog.text
    assert not any(b"example.com" in value for value in row.values() if isinstance(value, bytes))
    assert not any("example.com" in value for value in row.values() if isinstance(value, str))
    assert [re.sub(r"d\.\S+", "TOKEN", line or "") for line in lines] == [
        "Add log drain TOKEN by user ada@example.com",
        "Remove log drain TOKEN by user ada@example.com",
        "Add log drain TOKEN by user ada@example.com",
    ]


@pytest.mark.parametrize("body", [{}, {"url": 7}, {"url": ""}, {"url": "ftp://user:pass@host/"}])
def test_bad_bodies_are_refused(world: World, body: dict[str, object]) -> None:
    reply = world.call("POST", PATH, body)
    assert reply.status == 422
    assert "pass" not in reply.json["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"grep": "a\nb"}, "can be printed"),
        ({"grep": "x" * 501}, "500 characters"),
        ({"grep": "x", "tail": True}, "grep --line-buffered"),
        ({"grep": "x", "request_id": "y"}, "one of them"),
        ({"since": "yesterday"}, "2026-11-29T05:00:00Z"),
        ({"since": "9999-99-99"}, "2026-11-29T05:00:00Z"),
        ({"since": 7}, "since"),
    ],
)
def test_a_search_that_cannot_be_is_refused(world: World, body: dict[str, object], words: str) -> None:
    reply = world.call("POST", "/apps/example/log-sessions", body)
    assert reply.status in (400, 422) and words in reply.json["message"]


def test_a_search_has_a_session(world: World) -> None:
    body = {"grep": "-e [x", "since": "2026-11-29T05:00:00+01:00"}
    assert world.call("POST", "/apps/example/log-sessions", body | {"grep": "status=50[0-9]"}).status == 201
