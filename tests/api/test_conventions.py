"""What holds for every request: version, credentials, request ids, conditions, method override, limits."""

import logging
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from tests.api.world import EMAIL, PASSWORD, World, basic

from celadon.actions import context, rates
from celadon.api import failures
from celadon.api.application import Api
from celadon.model.errors import RateLimited
from celadon.store import tables


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.heroku+json; version=3",
        "application/vnd.heroku+json;version=3",
        "application/vnd.heroku+json; version=3.sdk",
        "application/vnd.heroku+json; version=3.cedar-acm",
        "application/vnd.heroku+json; version=3.review-apps, */*",
        "Application/Vnd.Heroku+JSON; Version=3",
    ],
)
def test_version_3_in_any_variant_is_accepted(empty: World, accept: str) -> None:
    assert empty.get("/account", headers={"Accept": accept}).status == 200


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/vnd.heroku+json", "application/vnd.heroku+json; version=2",
     "application/vnd.heroku+json; version=30", "text/html; version=3"],
)  # fmt: skip
def test_any_other_version_is_not_acceptable(empty: World, accept: str) -> None:
    reply = empty.get("/account", headers={"Accept": accept})
    assert (reply.status, reply.error) == (406, "not_acceptable")


def test_token_is_taken_as_bearer_and_as_password_of_basic(empty: World) -> None:
    for authorization in (
        f"Bearer {empty.token}",
        f"bearer {empty.token}",
        basic("", empty.token),
        basic(EMAIL, empty.token),
        basic("anybody", empty.token),
    ):
        assert empty.get("/account", headers={"Authorization": authorization}).status == 200, authorization


@pytest.mark.parametrize(
    "authorization",
    ["Bearer nonsense", "Bearer", "Basic", "Basic !!!", basic("", "nonsense"), basic("x", "\x00"), "Digest x", "x",
     "Bearer " + "x" * 5000, "Basic /////w==", basic(EMAIL, PASSWORD)],
)  # fmt: skip
def test_anything_else_is_unauthorized_and_says_how(empty: World, authorization: str) -> None:
    reply = empty.get("/account", headers={"Authorization": authorization})
    assert (reply.status, reply.error) == (401, "unauthorized")
    assert reply.headers["www-authenticate"].startswith("Basic ")


def test_password_makes_a_token_and_only_there(empty: World) -> None:
    headers = {"Authorization": basic(EMAIL.upper(), PASSWORD)}
    made = empty.call("POST", "/oauth/authorizations", {"scope": ["global"]}, token=None, headers=headers)
    assert made.status == 201
    token = made.json["access_token"]["token"]
    assert token.startswith("HRKU-")
    assert empty.get("/account", token=token).json["email"] == EMAIL
    assert empty.get("/account", token=None, headers=headers).status == 401


def test_wrong_passwords_are_slowed_down_but_not_for_another_address(empty: World) -> None:
    # Every six seconds one more may be wrong, however long a busy machine takes for the thirty.
    empty.context.guesses._of_address._clock = lambda: 0.0
    wrong = {"Authorization": basic("nobody@example.com", "guess"), "X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    statuses = [empty.call("POST", "/oauth/authorizations", {}, token=None, headers=wrong).status for _ in range(32)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    right = {"Authorization": basic(EMAIL, PASSWORD)}
    assert empty.call("POST", "/oauth/authorizations", {}, token=None, headers=right).status == 201


def test_expired_token_is_unauthorized(empty: World) -> None:
    made = empty.call("POST", "/oauth/authorizations", {"expires_in": 60}).json
    past = context.now() - timedelta(seconds=1)
    with empty.context.database.transaction() as tx:
        tx.connection.execute(tables.authorizations.update().values(expires_at=past))
    assert empty.get("/account", token=made["access_token"]["token"]).status == 401


def test_revoked_token_stops_working_at_once(empty: World) -> None:
    made = empty.call("POST", "/oauth/authorizations", {}).json
    token = made["access_token"]["token"]
    assert empty.get("/account", token=token).status == 200
    assert empty.call("DELETE", f"/oauth/authorizations/{made['id']}", token=token).status == 200
    assert empty.get("/account", token=token).status == 401


def test_token_is_shown_once_and_then_only_its_beginning(empty: World) -> None:
    made = empty.call("POST", "/oauth/authorizations", {"expires_in": 3600}).json
    token = made["access_token"]["token"]
    assert 3590 <= made["access_token"]["expires_in"] <= 3600
    shown = empty.get(f"/oauth/authorizations/{made['id']}").json["access_token"]["token"]
    assert shown.endswith("**********")
    assert token.startswith(shown.rstrip("*"))
    assert token not in empty.get("/oauth/authorizations").content.decode()
    assert empty.get("/oauth/authorizations/~", token=token).json["access_token"] is None


@pytest.mark.parametrize(
    ("scope", "method", "path", "body", "status"),
    [
        ("read", "GET", "/apps/example", None, 200),
        ("read", "GET", "/apps/example/config-vars", None, 403),
        ("read", "PATCH", "/apps/example", {"maintenance": True}, 403),
        ("read", "POST", "/apps", {}, 403),
        ("read", "PATCH", "/apps/example/formation", {"updates": []}, 403),
        ("read", "PATCH", "/apps/example/formation/web", {}, 403),
        ("read", "GET", "/account", None, 403),
        ("read-protected", "GET", "/apps/example/config-vars", None, 200),
        ("write", "PATCH", "/apps/example", {"maintenance": True}, 200),
        ("write", "PATCH", "/apps/example/config-vars", {"A": "1"}, 403),
        ("write-protected", "PATCH", "/apps/example/config-vars", {"A": "1"}, 200),
        ("write-protected", "POST", "/oauth/authorizations", {}, 403),
        ("write-protected", "POST", "/account/keys", {"public_key": "x"}, 403),
        ("identity", "GET", "/account", None, 200),
        ("identity", "GET", "/apps", None, 403),
        ("identity", "GET", "/apps/example", None, 403),
    ],
)
def test_scope_of_a_token_limits_it(
    world: World, scope: str, method: str, path: str, body: object, status: int
) -> None:
    reply = world.call(method, path, body, token=world.new_token(scope))
    assert reply.status == status, reply.content


def test_strangers_cannot_tell_an_app_from_none(world: World) -> None:
    from celadon.actions import accounts

    stranger = accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    token = world.new_token(actor=accounts.Actor(account=stranger))
    seen = world.get("/apps/example", token=token)
    missing = world.get("/apps/nothing", token=token)
    assert (seen.status, seen.content) == (missing.status, missing.content) == (404, seen.content)
    assert world.get("/apps", token=token).json == []


def test_collaborator_may_not_rename_or_destroy(world: World) -> None:
    from celadon.actions import accounts

    token = world.new_token(actor=accounts.log_in(world.context, "grace@example.com", PASSWORD))
    assert world.call("PATCH", "/apps/example", {"maintenance": True}, token=token).status == 200
    assert world.call("PATCH", "/apps/example", {"name": "mine-now"}, token=token).status == 403
    assert world.call("DELETE", "/apps/example", token=token).status == 403


def test_each_answer_has_its_own_request_id_whatever_the_client_sends(empty: World) -> None:
    sent = {"Request-Id": "4f1c2a52-0000-4000-8000-000000000000,abc"}
    first, second = (empty.get("/account", headers=sent) for _ in range(2))
    assert len(first.headers["request-id"]) == 36
    assert first.headers["request-id"] != second.headers["request-id"]
    assert "request-id" in empty.get("/nowhere").headers


def test_etag_tells_unchanged_from_changed(world: World) -> None:
    first = world.get("/apps/example")
    again = world.get("/apps/example", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    world.call("PATCH", "/apps/example", {"maintenance": True})
    assert world.get("/apps/example", headers={"If-None-Match": first.headers["etag"]}).status == 200


def test_if_match_refuses_a_change_of_what_has_changed(world: World) -> None:
    etag = world.get("/apps/example/config-vars").headers["etag"]
    right = {"If-Match": etag}
    assert world.call("PATCH", "/apps/example/config-vars", {"A": "1"}, headers=right).status == 200
    late = world.call("PATCH", "/apps/example/config-vars", {"A": "2"}, headers=right)
    assert (late.status, late.error) == (412, "precondition_failed")
    assert world.get("/apps/example/config-vars").json == {"A": "1"}
    assert world.call("PATCH", "/apps/example/config-vars", {"A": "3"}, headers={"If-Match": "*"}).status == 200
    assert world.get("/apps/example", headers={"If-Match": '"stale"'}).status == 412


def test_if_match_of_what_has_no_tag_fits_nothing_but_anything(world: World) -> None:
    path = "/account/password/reset"
    assert "etag" not in world.get(path, token=None).headers
    assert world.call("POST", path, token=None, headers={"If-Match": '"x"'}).status == 412
    assert world.call("POST", path, token=None, headers={"If-Match": "*"}).status == 422


def test_if_match_reads_what_is_at_the_path_by_the_names_of_that(world: World) -> None:
    # GET /teams/apps is the team called `apps`, POST /teams/apps makes an app.
    assert world.call("POST", "/teams/apps", {}, headers={"If-Match": '"x"'}).status == 404


def test_single_resource_has_its_time_of_change(world: World) -> None:
    reply = world.get("/apps/example")
    changed = parsedate_to_datetime(reply.headers["last-modified"])
    assert changed.strftime("%Y-%m-%dT%H:%M:%SZ") == reply.json["updated_at"]


def test_post_may_stand_for_another_method(world: World) -> None:
    headers = {"X-HTTP-Method-Override": "patch"}
    assert world.call("POST", "/apps/example", {"maintenance": True}, headers=headers).json["maintenance"] is True


def test_head_is_answered_as_get(world: World) -> None:
    seen, asked = world.get("/apps/example"), world.call("HEAD", "/apps/example")
    assert (asked.status, asked.headers["etag"]) == (200, seen.headers["etag"])


@pytest.mark.parametrize("path", ["/nowhere", "/apps/example/nowhere", "/apps//", "/apps/example/dynos/a/b/c"])
def test_unknown_path_is_not_found_in_the_error_form(world: World, path: str) -> None:
    reply = world.get(path)
    assert (reply.status, reply.error) == (404, "not_found")
    assert world.call("PUT", "/account", {}).error == "not_found"


def test_trailing_slash_changes_nothing(world: World) -> None:
    assert world.get("/apps/example/").json == world.get("/apps/example").json


def test_rate_limit_counts_down_and_ends_in_429(new_world: Callable[..., World]) -> None:
    world = new_world(rate_limit=5)
    left = [int(world.get("/account").headers["ratelimit-remaining"]) for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    over = world.get("/account")
    assert (over.status, over.error) == (429, "rate_limit")
    # One of five an hour.
    assert 700 < int(over.headers["retry-after"]) <= 720
    assert over.headers["ratelimit-remaining"] == "0"
    assert world.get("/account/rate-limits").json == {"remaining": 0}


def test_who_guesses_is_told_how_long_to_wait() -> None:
    guesses = rates.Guesses(clock=lambda: 0.0)
    for _ in range(30):
        guesses.wrong("192.0.2.1", "ada")
    for _ in range(10):
        guesses.wrong_code("ada")
    with pytest.raises(RateLimited) as passwords:
        guesses.check("192.0.2.1", "ada")
    with pytest.raises(RateLimited) as codes:
        guesses.check_code("ada")
    told = [failures.headers(refused.value)["Retry-After"] for refused in (passwords, codes)]
    assert told == ["60", "360"]


def test_asking_for_the_rate_limit_is_free(new_world: Callable[..., World]) -> None:
    world = new_world(rate_limit=5)
    assert [world.get("/account/rate-limits").json["remaining"] for _ in range(7)] == [5] * 7


def test_bucket_fills_up_again_with_time() -> None:
    now = [0.0]
    limiter = rates.Limiter(2, 60, lambda: now[0])
    assert [limiter.take("a"), limiter.take("a")] == [1, 0]
    with pytest.raises(RateLimited):
        limiter.take("a")
    assert limiter.take("b") == 1
    now[0] = 1.0
    assert limiter.take("a") == 0
    now[0] = 1000.0
    assert limiter.remaining("a") == 2


def test_account_has_4500_requests_and_75_more_each_minute(empty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    limiter = Api(empty.context, ()).limiter
    assert [limiter.take("a") for _ in range(4500)] == list(range(4499, -1, -1))
    now[0] = 60.0
    assert limiter.remaining("a") == 75


def test_unexpected_error_tells_its_number_and_nothing_else(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with world.context.database.transaction() as tx:
        tx.connection.exec_driver_sql("drop table formations")
    with caplog.at_level(logging.INFO):
        reply = world.get("/apps/example/formation")
    assert (reply.status, reply.error) == (500, "internal_server_error")
    assert reply.headers["request-id"] in reply.json["message"]
    assert "formations" not in reply.content.decode()
    assert "no such table: formations" in caplog.text


def test_each_request_is_one_line_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        reply = world.get("/apps/nothing\u2028x", headers={"User-Agent": "a\tb"})
    (line,) = [record.getMessage() for record in caplog.records if "at=request" in record.getMessage()]
    assert f"request_id={reply.headers['request-id']}" in line
    assert "route=/apps/:app path='/apps/nothing\\u2028x' status=404" in line
    assert f"account={EMAIL}" in line
    assert "\t" not in line


def test_nothing_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        world.call("PATCH", "/apps/example/config-vars", {"KEY": "s3cret-value"})
        world.call("POST", "/oauth/authorizations", {}, token=None, headers={"Authorization": basic(EMAIL, PASSWORD)})
    for secret in ("s3cret-value", PASSWORD, world.token):
        assert secret not in caplog.text


def test_health_needs_nobody_and_sees_a_broken_store(empty: World) -> None:
    assert empty.call("GET", "/health", token=None, headers={"Accept": "*/*"}).json["status"] == "ok"
    with empty.context.database.transaction() as tx:
        tx.connection.exec_driver_sql("drop table changes")
    reply = empty.get("/health", token=None)
    assert (reply.status, reply.error) == (503, "service_unavailable")


def test_secret_urls_follow_the_clients_scheme(world: World) -> None:
    plain = world.call("POST", "/apps/example/log-sessions", {})
    secure = world.call("POST", "/apps/example/log-sessions", {}, headers={"X-Forwarded-Proto": "https"})
    assert plain.json["logplex_url"].startswith("http://localhost:8080/streams/")
    assert secure.json["logplex_url"].startswith("https://localhost:8443/streams/")
