"""Webhooks by the API: who may add one, what is refused, what is told of each thing and that no secret is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.api import schema
from tests.api.examples import PAIR
from tests.api.examples_webhooks import BODY, add, happen
from tests.api.world import PASSWORD, World

from celadon.actions import accounts, builds, releases
from celadon.api.notifier import Notifier
from celadon.model.webhook import ENTITIES
from celadon.store import tables

_PATH = "/apps/example/webhooks"


def told(world: World, cause: Callable[[], object]) -> list[dict[str, Any]]:
    """The events that something makes for a webhook that is told everything."""
    webhook = add(world, include=list(ENTITIES))
    cause()
    while Notifier(world.context).ensure():
        pass
    found: list[dict[str, Any]] = world.get("/apps/example/webhook-events").json
    assert len(world.get("/apps/example/webhook-deliveries").json) == len(found)
    for event in found:
        assert schema.problems({"$ref": "#/definitions/app-webhook-event"}, event) == []
    assert world.call("DELETE", f"{_PATH}/{webhook}").status == 200
    return [{"include": event["include"], **event["payload"]} for event in found]


def test_the_secret_is_shown_once_and_made_if_none_is_given(world: World) -> None:
    made = world.call("POST", _PATH, BODY)
    secret = made.headers["heroku-webhook-secret"]
    assert len(secret) == 60
    assert world.call("POST", _PATH, BODY).headers["heroku-webhook-secret"] != secret
    given = world.call("POST", _PATH, {**BODY, "secret": "my own", "authorization": "Bearer hush"})
    assert given.headers["heroku-webhook-secret"] == "my own"
    shown = world.get(f"{_PATH}/{given.json['id']}")
    assert "heroku-webhook-secret" not in shown.headers
    for reply in (made, given, shown, world.get(_PATH)):
        assert b"my own" not in reply.content and b"hush" not in reply.content and secret.encode() not in reply.content


def test_what_is_secret_is_not_readable_in_the_store(world: World) -> None:
    add(world, secret="find-me-1", authorization="find-me-2")
    happen(world)
    world.context.database.close()
    for path in world.context.settings.home.glob("store.db*"):
        assert b"find-me" not in path.read_bytes()


def test_what_is_not_given_stays(world: World) -> None:
    webhook = add(world)
    before = world.get(f"{_PATH}/{webhook}").json
    after = world.call("PATCH", f"{_PATH}/{webhook}", {"level": "notify"}).json
    assert {**after, "updated_at": None} == {**before, "level": "notify", "updated_at": None}
    changed = {"include": ["dyno", "api:build", "dyno"], "url": "http://example.org:81/x"}
    after = world.call("PATCH", f"{_PATH}/{webhook}", changed).json
    assert (after["include"], after["url"]) == (["dyno", "api:build"], "http://example.org:81/x")


def test_only_who_has_the_app_has_its_webhooks(world: World) -> None:
    webhook = add(world)
    happen(world)
    (event,) = world.get("/apps/example/webhook-events").json
    (delivery,) = world.get("/apps/example/webhook-deliveries").json
    one = [f"{_PATH}/{webhook}", f"/apps/example/webhook-events/{event['id']}"]
    one.append(f"/apps/example/webhook-deliveries/{delivery['id']}")
    paths = [*one, _PATH, "/apps/example/webhook-events", "/apps/example/webhook-deliveries"]
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    eve = world.new_token("global", actor=accounts.log_in(world.context, "eve@example.com", PASSWORD))
    grace = world.new_token("global", actor=accounts.log_in(world.context, "grace@example.com", PASSWORD))
    reader = world.new_token("read")
    for path in paths:
        assert world.get(path, token=eve).status == 404
        assert world.get(path, token=grace).status == 200
        assert world.get(path, token=reader).status == 403, "a URL may be a secret itself"
    for method, path, body in (("POST", _PATH, BODY), ("PATCH", one[0], {"level": "sync"}), ("DELETE", one[0], None)):
        assert world.call(method, path, body, token=eve).status == 404
        assert world.call(method, path, body, token=reader).status == 403
    world.call("POST", "/apps", {"name": "another"})
    for path in one:
        assert world.get(path.replace("example", "another")).status == 404, "it is another app's"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": None}, "give `include`"),
        ({"include": None}, "give `include`"),
        ({"level": None}, "give `include`"),
        ({"include": []}, "cannot tell of nothing"),
        ({"include": ["api:nothing"]}, "cannot tell of 'api:nothing'"),
        ({"include": "api:app"}, "include: it must be a list of strings"),
        ({"include": [1]}, "include: it must be a list of strings"),
        ({"level": "loud"}, "notify"),
        ({"url": "ftp://example.com"}, "http:// or https://"),
        ({"url": "https://u:p@example.com"}, "user or password"),
        ({"url": "http://169.254.169.254/"}, "no address of the internet"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "no address of the internet"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "no address of the internet"),
        ({"url": 7}, "url: it must be a string"),
        ({"secret": "a\nb"}, "cannot use that secret"),
        ({"secret": "x" * 1025}, "cannot use that secret"),
        ({"authorization": "Bearer x\r\nEvil: y"}, "cannot use that authorization"),
        ({"authorization": "é"}, "cannot use that authorization"),
    ],
)
def test_what_cannot_be_is_refused_in_words(world: World, changed: dict[str, Any], words: str) -> None:
    for method, path in (("POST", _PATH), ("PATCH", f"{_PATH}/{add(world)}")):
        if method == "PATCH" and None in changed.values():
            continue
        reply = world.call(method, path, {**BODY, **changed} if method == "POST" else changed)
        assert reply.status == 422 and words in reply.json["message"], reply.content


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 201),
        ({"private_destinations": "none"}, 422),
        ({"domain": "example.com"}, 422),
        ({"domain": "example.com", "private_destinations": "127.0.0.0/8"}, 201),
    ],
)
def test_this_machine_is_told_only_on_a_laptop_or_by_leave(
    new_world: Callable[..., World], settings: dict[str, str], status: int
) -> None:
    world = new_world(**settings)
    assert world.call("POST", _PATH, {**BODY, "url": "http://127.0.0.1/"}).status == status
    # Other tenants' dynos are nobody's receivers.
    assert world.call("POST", _PATH, {**BODY, "url": "http://10.200.0.2/"}).status == 422


def test_what_is_not_there_is_not_found(world: World) -> None:
    for path in ("webhooks", "webhook-events", "webhook-deliveries"):
        assert world.get(f"/apps/example/{path}/nothing").status == 404
    assert world.call("DELETE", f"{_PATH}/nothing").status == 404
    assert world.call("PATCH", f"{_PATH}/nothing", {}).status == 404


def test_an_app_has_twenty_webhooks_and_no_more(world: World) -> None:
    for _ in range(20):
        add(world)
    reply = world.call("POST", _PATH, BODY)
    assert reply.status == 422 and "20 already" in reply.json["message"]


def test_deliveries_are_listed_by_number_and_status(world: World) -> None:
    add(world)
    for _ in range(3):
        happen(world)
    path = "/apps/example/webhook-deliveries"
    ids = [entry["id"] for entry in world.get(path).json]
    newest = world.get(path, headers={"Range": "seq ..; order=desc,max=2"})
    assert [entry["id"] for entry in newest.json] == ids[:0:-1]
    assert len(world.get(f"{path}?eq[status]=pending").json) == 3
    assert world.get(f"{path}?eq[status]=failed").json == []
    assert world.get(f"{path}?eq[status]=lost").status == 422


# What is told


def _app(world: World) -> object:
    return world.call("PATCH", "/apps/example", {"maintenance": True})


def _release(world: World) -> object:
    return world.call("PATCH", "/apps/example/config-vars", {"TOKEN": "find-me"})


def _domain(world: World) -> object:
    return world.call("POST", "/apps/example/domains", {"hostname": "www.example.com"})


def _certificate(world: World) -> object:
    return world.call("POST", "/apps/example/sni-endpoints", PAIR)


def _formation(world: World) -> object:
    return world.call("PATCH", "/apps/example/formation/worker", {"quantity": 3})


def _build(world: World) -> object:
    body = {"source_blob": {"url": "https://example.com/a.tgz"}}
    return world.call("POST", "/apps/example/builds", body)


@pytest.mark.parametrize(
    ("cause", "include", "action", "path"),
    [
        (_app, "api:app", "update", "/apps/example"),
        (_release, "api:release", "create", "/apps/example/releases/{id}"),
        (_domain, "api:domain", "create", "/apps/example/domains/{id}"),
        (_certificate, "api:sni-endpoint", "create", "/apps/example/sni-endpoints/{id}"),
        (_formation, "api:formation", "update", "/apps/example/formation/{type}"),
        (_build, "api:build", "create", "/apps/example/builds/{id}"),
    ],
)
def test_what_is_told_is_what_the_api_shows(
    world: World, cause: Callable[[World], object], include: str, action: str, path: str
) -> None:
    (event,) = told(world, lambda: cause(world))
    assert (event["include"], event["action"], event["resource"]) == (include, action, include.removeprefix("api:"))
    assert event["actor"] == {"id": world.actor.account.id, "email": world.actor.email}
    tls = {"X-Forwarded-Proto": "https"}
    assert event["data"] == world.get(path.format(**event["data"]), headers=tls).json


def test_config_vars_are_told_by_name_at_most(world: World) -> None:
    (event,) = told(world, lambda: _release(world))
    assert "TOKEN" in event["data"]["description"]
    assert "find-me" not in json.dumps(event)
    with world.context.database.read() as tx:
        for row in tx.connection.execute(tables.webhook_events.select()):
            assert "find-me" not in json.dumps(row.payload)


def test_what_was_different_before_is_told(world: World) -> None:
    def cause() -> None:
        world.call("PATCH", "/apps/example", {"name": "renamed"})
        world.call("PATCH", "/apps/renamed", {"name": "example"})
        _formation(world)

    renamed, _, scaled = told(world, cause)
    assert (renamed["previous_data"], scaled["previous_data"]) == ({"name": "example"}, {"quantity": 0})
    assert scaled["data"]["quantity"] == 3


def test_builds_and_release_phases_finish(world: World) -> None:
    def cause() -> None:
        world.deploy("example", {"web": "x", "release": "y"})
        _, every, _ = releases.list_of(world.context, world.actor, "example")
        releases.finish(world.context, every[-1].id, succeeded=False)
        builds.fail(world.context, builds.create(world.context, world.actor, "example").id, "it has no Procfile")

    found = told(world, cause)
    assert [(one["include"], one["action"], one["previous_data"]) for one in found] == [
        ("api:build", "create", {}),
        ("api:release", "create", {}),
        ("api:build", "update", {"status": "pending"}),
        ("api:release", "update", {"status": "pending"}),
        ("api:build", "create", {}),
        ("api:build", "update", {"status": "pending"}),
    ]
    assert [found[at]["data"]["status"] for at in (2, 3, 5)] == ["succeeded", "failed", "failed"]
    assert {one["actor"]["email"] for one in found} == {world.actor.email}


def test_what_is_gone_is_told_as_it_was(world: World) -> None:
    domain = world.call("POST", "/apps/example/domains", {"hostname": "www.example.com"}).json
    certificate = world.call("POST", "/apps/example/sni-endpoints", PAIR).json

    def cause() -> None:
        world.call("DELETE", f"/apps/example/domains/{domain['id']}")
        world.call("DELETE", f"/apps/example/sni-endpoints/{certificate['id']}")

    first, second = told(world, cause)
    changing = {"updated_at": None, "sni_endpoint": None, "domains": None}
    assert (first["action"], second["action"]) == ("destroy", "destroy")
    assert {**first["data"], **changing} == {**domain, **changing}
    assert {**second["data"], **changing} == {**certificate, **changing}


def test_who_joins_and_leaves_is_told(world: World) -> None:
    people = "/apps/example/collaborators"
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)

    def cause() -> None:
        assert world.call("POST", people, {"user": "eve@example.com"}).status == 201
        while Notifier(world.context).ensure():
            pass
        assert world.call("DELETE", f"{people}/eve@example.com").status == 200

    joined, left = told(world, cause)
    assert (joined["action"], left["action"]) == ("create", "destroy")
    assert joined["data"]["user"]["email"] == left["data"]["user"]["email"] == "eve@example.com"
    assert joined["data"]["id"] == left["data"]["id"]


def test_what_came_and_went_meanwhile_is_told_with_its_id(world: World) -> None:
    made: dict[str, Any] = {}

    def cause() -> None:
        made.update(world.call("POST", "/apps/example/domains", {"hostname": "www.example.com"}).json)
        world.call("DELETE", "/apps/example/domains/www.example.com")

    first, second = told(world, cause)
    assert first["data"] == {"id": made["id"], "app": made["app"]}
    assert (second["action"], second["data"]["hostname"]) == ("destroy", "www.example.com")


def test_only_what_was_asked_for_and_only_from_then_on_is_told(world: World) -> None:
    _app(world)
    add(world, include=["api:release"])
    _app(world)
    _release(world)
    while Notifier(world.context).ensure():
        pass
    assert [event["include"] for event in world.get("/apps/example/webhook-events").json] == ["api:release"]


def test_an_event_that_cannot_be_told_keeps_no_other_from_it(world: World) -> None:
    from celadon.store import events

    def cause() -> None:
        with world.context.database.transaction() as tx:
            events.insert(tx, "dyno:state", app_id=world.made["app"], resource_id="x", payload={"began": True})
        _app(world)

    (event,) = told(world, cause)
    assert event["include"] == "api:app"
