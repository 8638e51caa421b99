"""App setups by the API."""

from typing import Any

import pytest
from tests.api import schema
from tests.api.examples_app_setups import BODY, begin
from tests.api.test_sources import made
from tests.api.world import PASSWORD, Reply, World

from celadon.actions import accounts, app_setups
from celadon.actions import builds as building
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams
from celadon.store import builds

URL = {"source_blob": {"url": "https://example.com/source.tgz"}}


def test_the_app_is_there_at_once(world: World) -> None:
    reply = begin(world)
    assert reply.status == 202
    setup = reply.json
    assert (setup["status"], setup["failure_message"], setup["manifest_errors"]) == ("pending", None, [])
    assert (setup["app"]["name"], setup["postdeploy"], setup["resolved_success_url"]) == ("from-source", None, None)
    assert setup["build"]["status"] == "pending"
    assert "/builds-output/" in setup["build"]["output_stream_url"]
    assert world.get("/apps/from-source").json["id"] == setup["app"]["id"]
    assert world.get(f"/app-setups/{setup['id']}").json == setup
    assert world.get("/apps/from-source/builds").json[0]["source_blob"]["version"] == "v1.3.0"
    assert world.get("/apps/from-source/config-vars").json == {}


def test_an_app_without_a_name_gets_one(world: World) -> None:
    assert world.call("POST", "/app-setups", URL).json["app"]["name"].count("-") == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "without a source"),
        ({"source_blob": "https://example.com"}, "source_blob: it must be an object"),
        ({"source_blob": {}}, "without source_blob.url"),
        ({"source_blob": {"url": "file:///etc/passwd"}}, "an http or https URL"),
        ({"source_blob": {"url": "http://a/", "checksum": "md5"}}, "SHA256"),
        ({**URL, "app": []}, "app: it must be an object, not a list"),
        ({**URL, "app": {"name": "example"}}, "already taken"),
        ({**URL, "app": {"name": "api"}}, "the platform uses that name"),
        ({**URL, "app": {"region": "eu"}}, "the only region here is us"),
        ({**URL, "app": {"stack": "heroku-24"}}, "the only stack here is cedar"),
        ({**URL, "app": {"organization": "acme"}}, "it will be your own"),
        ({**URL, "app": {"space": "quiet"}}, "it will be your own"),
        ({**URL, "app": {"locked": True}}, "only an app of a team can be locked"),
        ({**URL, "app": {"personal": "yes"}}, "app.personal: it must be true or false"),
        ({**URL, "app_json": "{}"}, "cannot use both `source_blob` and `app_json`"),
        ({"app_json": {}}, "app_json: it must be a string, not an object"),
        ({"app_json": " " * 300_000}, "longer than 262,144 characters"),
        ({"app_json": "[" * 90_000}, "nested too deeply"),
        ({"app_json": '{\n "env": []}'}, "line 2, column 9: env must be an object, not a list"),
        ({"app_json": '{"env": {"A": {}}}'}, "config var A is required"),
        ({"app_json": '{"env": {"A": {}, "B": {}}, "addons": ["no"]}'}, "config var B is required"),
        ({"app_json": '{"addons": ["no-such"]}'}, "Couldn't find either the add-on service or the add-on plan"),
        ({"app_json": '{"buildpacks": ["; rm"], "formation": {"web": {"size": "huge"}}}'}, "the sizes here are"),
        ({"app_json": "{}", "app": {"name": "example"}}, "already taken"),
        ({"app_json": "{}", "app": {"locked": True}}, "only an app of a team can be locked"),
        ({**URL, "overrides": {"env": {"A": 1}}}, "overrides.env.A: it must be a string, not a number"),
        ({**URL, "overrides": {"env": {"A B": "1"}}}, "a name has letters, digits and underscores"),
        ({**URL, "overrides": {"env": {"PORT": "1"}}}, "PORT"),
        ({**URL, "overrides": {"env": {"A": "x\x00"}}}, "NUL"),
        ({**URL, "overrides": {"env": {"A": "x" * 70_000}}}, "are allowed"),
        ({**URL, "overrides": {"buildpacks": [{}]}}, "without its name or URL"),
        ({**URL, "overrides": {"buildpacks": [{"url": "; rm -rf /"}]}}, "as buildpack"),
    ],
)
def test_bad_input_makes_no_app(world: World, body: Any, words: str) -> None:
    before = world.get("/apps").json
    reply = world.call("POST", "/app-setups", body)
    assert (reply.status, words in reply.json["message"]) == (422, True), reply.content
    assert world.get("/apps").json == before


def test_a_source_of_this_platform(world: World) -> None:
    source_id, url = made(world)
    setup = world.call("POST", "/app-setups", {"source_blob": {"url": url}}).json
    with world.context.database.read() as tx:
        found = builds.find_by_id(tx, setup["build"]["id"])
    assert found and found.source_id == source_id
    reply = world.call("POST", "/app-setups", {"source_blob": {"url": f"{url}x"}})
    assert (reply.status, "its URL is not whole" in reply.json["message"]) == (422, True)


def test_another_accounts_setup_is_not_there(world: World) -> None:
    account = accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    token = world.new_token(actor=Actor(account=account))
    path = f"/app-setups/{begin(world).json['id']}"
    for found in (world.get(path, token=token), world.get("/app-setups/nothing")):
        assert (found.status, found.json["resource"]) == (404, "app_setup")
    theirs = world.call("POST", "/app-setups", URL, token=token).json["id"]
    assert world.get(f"/app-setups/{theirs}", token=token).status == 200
    assert world.get(f"/app-setups/{theirs}").status == 404


@pytest.mark.parametrize(
    ("scope", "post", "get"), [("write-protected", 202, 200), ("write", 403, 200), ("identity", 403, 403)]
)
def test_tokens_that_may_not(world: World, scope: str, post: int, get: int) -> None:
    setup, token = begin(world).json, world.new_token(scope)
    assert world.call("POST", "/app-setups", URL, token=token).status == post
    assert world.get(f"/app-setups/{setup['id']}", token=token).status == get


def test_one_that_has_failed_is_told_of_when_its_app_is_gone(world: World) -> None:
    setup = begin(world).json
    with pytest.raises(InvalidParams, match="cannot be used"):
        app_setups.configure(world.context, setup["build"]["id"], b'{"env": {"NEEDED": {}}, "success_url": "/hello"}')
    reply = world.get(f"/app-setups/{setup['id']}")
    assert (reply.json["status"], reply.json["failure_message"]) == ("failed", "invalid app.json")
    assert reply.json["manifest_errors"] == ["config var NEEDED is required: give its value in overrides.env"]
    assert reply.json["app"]["name"] == "from-source"
    assert world.get("/apps/from-source").status == 404
    assert _problems(reply.json) == []


def test_one_that_has_succeeded(world: World) -> None:
    setup = begin(world).json
    content = b'{"success_url": "/hello", "scripts": {"postdeploy": "seed"}}'
    app_setups.configure(world.context, setup["build"]["id"], content)
    compiled = building.Compiled(
        slug_id="slug", process_types={"web": "x"}, language="x", checksum="", size=1, config_vars={}
    )
    assert building.succeed(world.context, setup["build"]["id"], compiled)
    app_setups.advance(world.context, setup["id"])
    (dyno,) = world.get("/apps/from-source/dynos").json
    app_setups.postdeployed(world.context, dyno["id"], b"seeded\n", 0, stopped=False)
    found = world.get(f"/app-setups/{setup['id']}").json
    assert (found["status"], found["build"]["status"]) == ("succeeded", "succeeded")
    assert found["postdeploy"] == {"output": "seeded\n", "exit_code": 0}
    assert found["resolved_success_url"] == "http://from-source.localhost:8080/hello"
    assert _problems(found) == []


def _problems(setup: Any) -> list[str]:
    target = schema.target_of("GET", "/app-setups/:app_setup")
    assert target is not None
    return schema.problems(target, setup)


def test_values_of_config_vars_are_in_no_answer_and_no_event(world: World) -> None:
    secret = "do-not-tell"
    body = {**BODY, "overrides": {"env": {"KEY": secret}}}
    reply = world.call("POST", "/app-setups", body)
    app_setups.configure(world.context, reply.json["build"]["id"], b"{}")
    assert secret.encode() not in reply.content
    assert secret.encode() not in world.get("/apps/from-source/events").content
    assert secret.encode() not in world.get("/apps/from-source/releases").content
    assert world.get("/apps/from-source/config-vars").json == {"KEY": secret}


APP_JSON = """{
  "env": {"SECRET": {"generator": "secret"}, "GIVEN": {"description": "a key"}, "PLAIN": "1"},
  "buildpacks": [{"url": "heroku/python"}],
  "addons": [{"plan": "scheduler", "as": "TIMER"}],
  "success_url": "/hello"
}"""


def prepare(world: World, app_json: str = APP_JSON, **asked: object) -> Reply:
    body = {"app_json": app_json, "app": {"name": "prepared", **asked}, "overrides": {"env": {"GIVEN": "over the API"}}}
    return world.call("POST", "/app-setups", body)


def test_an_app_json_alone_makes_an_app_that_waits_for_its_code(world: World) -> None:
    reply = prepare(world)
    assert (reply.status, reply.json["status"], reply.json["build"]) == (202, "pending", None)
    assert reply.json["resolved_success_url"] == "http://prepared.localhost:8080/hello"
    assert _problems(reply.json) == []
    assert world.get(f"/app-setups/{reply.json['id']}").json == reply.json
    config = world.get("/apps/prepared/config-vars").json
    assert (len(config["SECRET"]), config["GIVEN"], config["PLAIN"]) == (64, "over the API", "1")
    installed = world.get("/apps/prepared/buildpack-installations").json
    assert [entry["buildpack"]["url"] for entry in installed] == ["urn:buildpack:heroku/python"]
    assert [entry["plan"]["name"] for entry in world.get("/apps/prepared/addons").json] == ["scheduler:standard"]
    assert world.get("/apps/prepared/builds").json == []
    assert b"over the API" not in reply.content


def test_an_app_of_a_team_can_be_made_from_an_app_json(world: World) -> None:
    assert prepare(world, team="acme").status == 404
    world.call("POST", "/teams", {"name": "acme"})
    assert prepare(world, team="acme", locked=True).status == 202
    (app,) = world.get("/teams/acme/apps").json
    assert (app["name"], app["locked"]) == ("prepared", True)
