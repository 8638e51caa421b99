"""Bad input: a 4xx with a clear sentence, never a 500, and nothing changed."""

import json
from typing import Any

import pytest
from tests.api.world import PUBLIC_KEY, World

from celadon.model.errors import BadRequest

_APP = "/apps/example"
# What, body, status, words of the sentence.
_TABLE: list[tuple[str, Any, int, str]] = [
    ("POST /apps", {"name": 5}, 422, "name: it must be a string, not a number"),
    ("POST /apps", {"name": "api"}, 422, "the platform uses that name"),
    ("POST /apps", {"name": "www"}, 422, "the platform uses that name"),
    ("POST /apps", {"name": "localhost"}, 422, "the platform uses that name"),
    ("POST /apps", {"name": "Ünïcode"}, 422, "Name must start with a letter"),
    ("POST /apps", {"name": "../../etc"}, 422, "Name must start with a letter"),
    ("POST /apps", {"name": "a\x00b"}, 422, "NUL"),
    ("POST /apps", {"name": "x" * 100_000}, 422, "longer than"),
    ("POST /apps", {"name": ""}, 422, "Name must start"),
    ("POST /apps", {"name": "example"}, 422, "already taken"),
    ("POST /apps", {"region": "eu"}, 422, "the only region here is us"),
    ("POST /apps", {"stack": {"name": "heroku-24"}}, 422, "the only stack here is cedar"),
    ("POST /apps", {"stack": [1]}, 422, "stack: it must be a string, not a list"),
    ("POST /apps", [], 400, "must be a JSON object, not a list"),
    ("POST /apps", "text", 400, "must be a JSON object, not a string"),
    ("PATCH /apps/example", {"maintenance": "yes"}, 422, "maintenance: it must be true or false, not a string"),
    ("PATCH /apps/example", {"name": "admin"}, 422, "the platform uses that name"),
    ("PATCH /apps/example", {"build_stack": "heroku-22"}, 422, "the only stack here is cedar"),
    ("PATCH /apps/example/config-vars", {"A": 1}, 422, "A: it must be a string, not a number"),
    ("PATCH /apps/example/config-vars", {"A": {"b": "c"}}, 422, "A: it must be a string, not an object"),
    ("PATCH /apps/example/config-vars", {"A": "x\x00y"}, 422, "NUL"),
    ("PATCH /apps/example/config-vars", {"PORT": "80"}, 422, "PORT"),
    ("PATCH /apps/example/config-vars", {"A B": "1"}, 422, "a name has letters, digits and underscores"),
    ("PATCH /apps/example/config-vars", {"": "1"}, 422, "a name has letters"),
    ("PATCH /apps/example/config-vars", {"A": "x" * 70_000}, 422, "are allowed"),
    ("PATCH /apps/example/formation", {}, 422, "without updates"),
    ("PATCH /apps/example/formation", {"updates": {}}, 422, "updates: it must be a list, not an object"),
    ("PATCH /apps/example/formation", {"updates": ["web"]}, 422, "each of its entries must be an object"),
    ("PATCH /apps/example/formation", {"updates": [{}]}, 422, "needs its `type`"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "clock", "quantity": 1}]}, 422, "process types are"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": "two"}]}, 422, "+number or -number"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": -1}]}, 422, "not negative"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": 1.5}]}, 422, "a whole number"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": True}]}, 422, "a whole number"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": 10**30}]}, 422, "too large"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": "9" * 41}]}, 422, "longer than"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "quantity": 101}]}, 422, "from 0 to 100"),
    ("PATCH /apps/example/formation", {"updates": [{"type": "web", "size": "9X"}]}, 422, "the sizes here are"),
    ("PATCH /apps/example/formation/clock", {"quantity": 1}, 404, "find that process type"),
    ("POST /apps/example/dynos", {}, 422, "give the `command`"),
    ("POST /apps/example/dynos", {"command": "  "}, 422, "there is no command"),
    ("POST /apps/example/dynos", {"command": ["ls"]}, 422, "command: it must be a string, not a list"),
    ("POST /apps/example/dynos", {"command": "a\x00b"}, 422, "NUL"),
    ("POST /apps/example/dynos", {"command": "x" * 20_000}, 422, "longer than 16 KB"),
    ("POST /apps/example/dynos", {"command": "ls", "env": "A=1"}, 422, "env: it must be an object, not a string"),
    ("POST /apps/example/dynos", {"command": "ls", "env": {"A": [1]}}, 422, "env.A: it must be a string, not a list"),
    ("POST /apps/example/dynos", {"command": "ls", "env": {"A=B": "1"}}, 422, "a name has letters"),
    ("POST /apps/example/dynos", {"command": "ls", "env": {"PORT": "1"}}, 422, "PORT"),
    ("POST /apps/example/dynos", {"command": "ls", "size": "huge"}, 422, "the sizes here are"),
    ("POST /apps/example/dynos", {"command": "ls", "attach": "no"}, 422, "attach: it must be true or false"),
    ("DELETE /apps/example/dynos/web.99", None, 404, "its dynos: web.1"),
    ("DELETE /apps/example/dynos/\u00b2.\u00b2", None, 404, "find that dyno"),
    ("POST /apps/example/formations/nothing/actions/stop", None, 404, "find that dyno"),
    ("POST /apps/example/releases", {}, 422, "a release of nothing"),
    ("POST /apps/example/releases", {"release": "v99"}, 404, "has no v99"),
    ("POST /apps/example/releases", {"release": "v1"}, 422, "nothing had been deployed then"),
    ("POST /apps/example/releases", {"release": 99}, 404, "has no 99"),
    ("POST /apps/example/releases", {"release": True}, 422, "release: it must be a string, not true or false"),
    ("POST /apps/example/releases", {"slug": "nothing"}, 404, "find that slug"),
    ("GET /apps/example/releases/99999999999999999999", None, 404, "find that release"),
    ("GET /apps/example/releases/v", None, 404, "find that release"),
    ("POST /apps/example/builds", {}, 422, "without a source"),
    ("POST /apps/example/builds", {"source_blob": []}, 422, "source_blob: it must be an object, not a list"),
    ("POST /apps/example/builds", {"source_blob": {}}, 422, "without source_blob.url"),
    ("POST /apps/example/builds", {"source_blob": {"url": "file:///etc/passwd"}}, 422, "an http or https URL"),
    ("POST /apps/example/builds", {"source_blob": {"url": "--upload-pack=x"}}, 422, "an http or https URL"),
    ("POST /apps/example/builds", {"source_blob": {"url": "http://a b"}}, 422, "an http or https URL"),
    ("POST /apps/example/builds", {"source_blob": {"url": "http://a/", "checksum": "md5"}}, 422, "SHA256"),
    ("POST /apps/example/builds", {"source_blob": {"url": "http://a/"}, "buildpacks": [{}]}, 422, "buildpack"),
    ("PUT /apps/example/buildpack-installations", {"updates": [{}]}, 422, "without its name or URL"),
    ("PUT /apps/example/buildpack-installations", {"updates": [{"buildpack": "; rm -rf /"}]}, 422, "as buildpack"),
    ("PUT /apps/example/buildpack-installations", {"updates": [{"buildpack": "-x"}] * 21}, 422, "buildpack"),
    ("PATCH /apps/example/features/preboot", {}, 422, "`enabled` as true or false"),
    ("PATCH /apps/example/features/nothing", {"enabled": True}, 404, "there are"),
    ("PATCH /apps/example/features/http-request-id", {"enabled": False}, 422, "the same for all apps"),
    ("POST /apps/example/log-sessions", {"lines": 10**17}, 422, "from 0 to"),
    ("POST /apps/example/log-sessions", {"lines": "many"}, 422, "lines: it must be a whole number"),
    ("POST /apps/example/log-sessions", {"dyno": "web.1\n"}, 422, "cannot filter logs"),
    ("POST /account/keys", {}, 422, "without public_key"),
    ("POST /account/keys", {"public_key": "not a key"}, 422, "no public SSH key"),
    ("POST /account/keys", {"public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, 422, "it is a private key"),
    ("POST /account/keys", {"public_key": PUBLIC_KEY}, 422, "in use already"),
    ("DELETE /account/keys/nothing", None, 404, "find that key"),
    ("POST /oauth/authorizations", {"scope": ["everything"]}, 422, "there are"),
    ("POST /oauth/authorizations", {"scope": "global"}, 422, "scope: it must be a list of strings"),
    ("POST /oauth/authorizations", {"scope": []}, 422, "(none)"),
    ("POST /oauth/authorizations", {"expires_in": -1}, 422, "expires_in"),
    ("PATCH /account", {"new_password": "long enough"}, 422, "give the present password"),
    ("PATCH /account", {"password": "wrong", "new_password": "long enough"}, 401, "the password is wrong"),
    ("PATCH /account", {"name": "x" * 1000}, 422, "at most 100 characters"),
    ("PATCH /users/~/preferences", {"dismissed-pipelines-github-banners": ["x"]}, 422, "it lists ids of pipelines"),
    ("GET /users/somebody@example.com", None, 404, "find that user"),
    ("GET /dyno-sizes/9X", None, 404, "the sizes here are"),
    ("GET /regions/mars", None, 404, "find that region"),
    ("GET /apps/..", None, 404, "find that app"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "body", "status", "words"), _TABLE)
def test_bad_input_is_refused_with_a_clear_sentence(
    world: World, what: str, body: Any, status: int, words: str
) -> None:
    method, _, path = what.partition(" ")
    before = _state(world)
    reply = world.call(method, path, body)
    assert (reply.status, set(reply.json) - {"resource"}) == (status, {"id", "message"}), reply.content
    assert words in reply.json["message"]
    assert _state(world) == before


def _state(world: World) -> list[bytes]:
    paths = ("/apps", f"{_APP}/releases", f"{_APP}/formation", f"{_APP}/dynos", f"{_APP}/builds", "/account/keys")
    return [world.get(path).content for path in paths]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b'{"name": }', "not valid JSON"),
        (b"name=example", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"name": "\xed\xa0\x80"}', "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": 1e999}', "not valid JSON"),
        (b'{"name": ' + b"[" * 100_000, "nested more than"),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", "nested more than"),
        (b"x" * (1 << 20), "not valid JSON"),
        (b"\xf0\x9f" * 500_000, "not valid JSON"),
        (b'{"a":' * 200_000, "nested more than"),
        (b"null", "a JSON object, not null"),
        (b"7", "a JSON object, not a number"),
        (b"true", "a JSON object, not true or false"),
    ],
)
def test_body_that_is_no_json_object_is_a_bad_request(world: World, content: bytes, words: str) -> None:
    reply = world.call("POST", "/apps", content=content)
    assert (reply.status, reply.error) == (400, "bad_request")
    assert words in reply.json["message"]


@pytest.mark.parametrize("content", [b"", b"{}", b"  \n"])
def test_empty_body_is_fine(world: World, content: bytes) -> None:
    assert world.call("POST", "/apps", content=content).status == 201


def test_fields_nobody_asks_for_are_ignored(world: World) -> None:
    body = {"maintenance": True, "colour": "red", "nested": {"a": [None, 1.5]}, "": "", "id": 5, "owner": []}
    assert world.call("PATCH", "/apps/example", body).json["maintenance"] is True
    assert world.call("PATCH", "/apps/example/formation", {"updates": [{"type": "web", "unit": "dynos"}]}).status == 200


@pytest.mark.parametrize(
    "value", ["Grüße, 世界 \U0001f600", "\u202eabc\u2028\ufeff", "e\u0301", " \t\r\n ", "\x7f\x85"]
)
def test_unicode_comes_back_as_it_was_sent(world: World, value: str) -> None:
    for content in (json.dumps({"A": value}), json.dumps({"A": value}, ensure_ascii=False)):
        assert world.call("PATCH", "/apps/example/config-vars", content=content.encode()).status == 200
        assert world.get("/apps/example/config-vars").json == {"A": value}


def test_last_of_a_field_given_twice_counts(world: World) -> None:
    reply = world.call("PATCH", "/apps/example/config-vars", content=b'{"A": 1, "A": "second"}')
    assert (reply.status, reply.json) == (200, {"A": "second"})


def test_query_of_too_many_fields_is_a_bad_request(world: World) -> None:
    assert world.get("/apps?" + "&".join(["x=1"] * 100)).status == 200
    with pytest.raises(BadRequest, match="more than 100 fields"):
        world.get("/apps?" + "&".join(["x=1"] * 101))


@pytest.mark.parametrize("path", ["/apps/%00", "/apps/%ff", "/apps/a%0ab", "/apps/%ed%a0%80"])
def test_path_that_is_no_text_is_a_bad_request(world: World, path: str) -> None:
    with pytest.raises(BadRequest, match="path"):
        world.get(path)


def test_unknown_method_override_is_a_bad_request(world: World) -> None:
    with pytest.raises(BadRequest, match="X-HTTP-Method-Override"):
        world.call("POST", "/apps/example", headers={"X-HTTP-Method-Override": "TRACE"})
