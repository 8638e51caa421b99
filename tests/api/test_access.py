"""Who may do what: every route and every kind of caller; collaborators, transfers, the audit trail."""

import contextlib
from dataclasses import replace

import pytest
from tests.api.examples import EXAMPLES
from tests.api.examples_accounts import NEW_PASSWORD, grace, invite, link_of, offer
from tests.api.world import EMAIL, PASSWORD, World

from celadon.api.route import Door, Route
from celadon.api.routes import ROUTES

_CHANGES = [route for route in ROUTES if route.method != "GET" and route.door in (Door.TOKEN, Door.PASSWORD)]
_OF_APP = [route for route in ROUTES if route.path.startswith("/apps/:app")]


def _stranger(world: World) -> str:
    path = f"/invitations/{invite(world, 'eve@example.com')}/actions/finalize"
    world.call("PATCH", path, {"password": PASSWORD}, token=None)
    headers = {"Authorization": "Basic ZXZlQGV4YW1wbGUuY29tOmNvcnJlY3QgaG9yc2U="}
    made = world.call("POST", "/oauth/authorizations", {"scope": ["global"]}, token=None, headers=headers)
    return str(made.json["access_token"]["token"])


def _fill(path: str) -> str:
    for name in ("app",):
        path = path.replace(f":{name}", "example")
    return "/".join("x" if part.startswith(":") else part for part in path.split("/"))


def _statuses(world: World, routes: list[Route], token: str) -> dict[str, int]:
    """What each example of these routes is answered when it comes with this token."""
    found: dict[str, int] = {}
    for route in routes:
        name = f"{route.method} {route.path}"
        # Where an example prepares something first, that is refused already.
        with contextlib.suppress(KeyError, IndexError, TypeError, AssertionError):
            found[name] = EXAMPLES[name](replace(world, token=token)).status
    return found


def test_a_stranger_finds_nothing_of_an_app(world: World) -> None:
    found = _statuses(world, _OF_APP, _stranger(world))
    assert {name: status for name, status in found.items() if status != 404} == {}
    assert len(found) > len(_OF_APP) * 0.8


def test_an_app_of_another_looks_as_one_that_is_not_there(world: World) -> None:
    token = _stranger(world)
    for path in ("/apps/{}", "/apps/{}/config-vars", "/apps/{}/dynos", "/apps/{}/releases", "/apps/{}/events"):
        there, nowhere = (world.get(path.format(name), token=token) for name in ("example", "no-such-app"))
        assert (there.status, there.json) == (nowhere.status, nowhere.json) == (404, nowhere.json)


def test_a_token_that_reads_changes_nothing(world: World) -> None:
    found = _statuses(world, _CHANGES, world.new_token("read"))
    # Following a log or filtering apps changes nothing, and these come with credentials of their own.
    others = {"POST /apps/:app/log-sessions", "DELETE /account", "DELETE /oauth/sessions/:session"}
    others |= {"POST /filters/apps", "POST /oauth/authorizations", "POST /teams/invitations/:token/accept"}
    # Finding out what is meant changes nothing either, and providers have tokens for their add-on.
    others |= {"POST /actions/addons/resolve", "POST /actions/addon-attachments/resolve", "PATCH /addons/:addon/config"}
    others |= {f"POST /addons/:addon/actions/{verb}" for verb in ("provision", "deprovision")}
    others |= {"POST /addons/:addon/sign-ons", "POST /addons/:addon/webhooks"}
    others |= {f"{method} /addons/:addon/webhooks/:webhook" for method in ("PATCH", "DELETE")}
    assert {name: status for name, status in found.items() if status != 403 and name not in others} == {}
    assert len(found) > len(_CHANGES) * 0.6


def test_a_token_that_reads_sees_no_secret(world: World) -> None:
    token = world.new_token("read")
    for path in ("/apps/example/config-vars", "/apps/example/releases/v3/config-vars", "/platform/mails", "/account"):
        assert world.get(path, token=token).status == 403, path


@pytest.mark.parametrize("ended", ["revoked", "of a deleted account", "run out"])
def test_a_token_that_has_ended_opens_nothing(world: World, ended: str) -> None:
    token = grace(world)
    if ended == "revoked":
        found = world.get("/oauth/authorizations", token=token).json[0]
        world.call("DELETE", f"/oauth/authorizations/{found['id']}", token=token)
    elif ended == "of a deleted account":
        world.call("DELETE", "/account", token=token, headers={"Heroku-Password": PASSWORD})
    else:
        with world.context.database.transaction() as tx:
            tx.connection.exec_driver_sql("update authorizations set expires_at = '2020-01-01 00:00:00'")
    for route in ROUTES:
        if route.door in (Door.TOKEN, Door.PASSWORD):
            assert world.call(route.method, _fill(route.path), {}, token=token).status == 401, route.path


def test_every_route_with_a_door_wants_somebody(world: World) -> None:
    for route in ROUTES:
        if route.door in (Door.TOKEN, Door.PASSWORD):
            assert world.call(route.method, _fill(route.path), {}, token=None).status == 401, route.path


def test_a_collaborator_may_do_all_but_what_is_the_owners(world: World) -> None:
    token = grace(world)
    refused = {
        f"{method} {path}"
        for method, path, body in [
            ("PATCH", "/apps/example", {"name": "stolen"}),
            ("DELETE", "/apps/example", None),
            ("POST", "/account/app-transfers", {"app": "example", "recipient": "grace@example.com"}),
            ("GET", "/apps/example/events", None),
        ]
        if world.call(method, path, body, token=token).status == 403
    }
    assert len(refused) == 4
    assert world.call("PATCH", "/apps/example", {"maintenance": True}, token=token).status == 200
    assert world.call("PATCH", "/apps/example/config-vars", {"A": "1"}, token=token).status == 200
    assert world.call("POST", "/apps/example/collaborators", {"user": "alan@example.com"}, token=token).status == 201


def test_a_person_without_an_account_works_on_the_app_after_signing_up(world: World) -> None:
    invited = world.call("POST", "/apps/example/collaborators", {"user": "alan@example.com"})
    assert (invited.status, "no account yet" in invited.headers["x-heroku-warning"]) == (201, True)
    assert invited.headers["warning-id"] == "invited"
    (waiting,) = world.get("/apps/example/collaborator-invitations").json
    assert (
        waiting["user"] == invited.json["user"] and waiting["id"] == invited.json["id"] and waiting["invited"] is True
    )
    again = world.call("POST", "/apps/example/collaborators", {"user": "Alan@Example.com"})
    assert again.status == 201, "the first letter may have run out"
    path = f"/invitations/{link_of(world, 'alan@example.com')}/actions/finalize"
    assert world.call("PATCH", path, {"password": NEW_PASSWORD}, token=None).status == 200
    people = {entry["user"]["email"] for entry in world.get("/apps/example/collaborators").json}
    assert "alan@example.com" in people


def test_an_invitation_to_an_app_is_taken_back(world: World) -> None:
    world.call("POST", "/apps/example/collaborators", {"user": "alan@example.com"})
    token = link_of(world, "alan@example.com")
    assert world.call("DELETE", "/apps/example/collaborators/alan@example.com").status == 200
    world.call("PATCH", f"/invitations/{token}/actions/finalize", {"password": NEW_PASSWORD}, token=None)
    people = {entry["user"]["email"] for entry in world.get("/apps/example/collaborators").json}
    assert "alan@example.com" not in people


def test_access_ends_at_once_and_anybody_may_leave(world: World) -> None:
    token = grace(world)
    assert world.call("DELETE", "/apps/example/collaborators/grace@example.com", token=token).status == 200
    assert world.get("/apps/example", token=token).status == 404
    assert world.call("DELETE", "/apps/example/collaborators/grace@example.com").status == 404


def test_an_app_changes_hands_when_the_recipient_accepts(world: World) -> None:
    transfer = offer(world)
    path = f"/account/app-transfers/{transfer}"
    assert world.call("PATCH", path, {"state": "accepted"}).status == 403
    assert world.get(path, token=_stranger(world)).status == 404
    token = grace(world)
    assert world.call("PATCH", path, {"state": "perhaps"}, token=token).status == 422
    assert world.call("PATCH", path, {"state": "accepted"}, token=token).json["state"] == "accepted"
    assert world.get("/apps/example").json["owner"]["email"] == "grace@example.com"
    roles = {entry["user"]["email"]: entry["role"] for entry in world.get("/apps/example/collaborators").json}
    assert roles == {EMAIL: "collaborator", "grace@example.com": "owner"}
    assert world.call("PATCH", path, {"state": "declined"}, token=token).status == 422


def test_an_offer_is_declined_or_taken_back(world: World) -> None:
    token = grace(world)
    path = f"/account/app-transfers/{offer(world)}"
    assert world.call("PATCH", path, {"state": "declined"}, token=token).status == 200
    assert world.get("/apps/example").json["owner"]["email"] == EMAIL
    path = f"/account/app-transfers/{offer(world)}"
    assert world.call("DELETE", path, token=token).status == 403
    assert world.call("DELETE", path).status == 200
    assert world.get(path).status == 404
    stranger = world.call("POST", "/account/app-transfers", {"app": "example", "recipient": "nobody@example.com"})
    assert (stranger.status, "collaborator first" in stranger.json["message"]) == (422, True)


def test_the_audit_trail_says_who_did_what_from_where_and_no_secret(world: World) -> None:
    world.call("PATCH", "/apps/example/config-vars", {"PASSWORD": "hunter22"}, token=grace(world))
    headers = {"Range": "seq ..; order=desc,max=3"}
    reply = world.get("/apps/example/events", headers=headers)
    assert reply.status == 206
    newest = next(entry for entry in reply.json if entry["action"] == "release:create")
    assert newest["actor"]["email"] == "grace@example.com"
    assert newest["address"] == "192.0.2.1"
    assert "PASSWORD" in newest["description"]
    assert "hunter22" not in world.get("/apps/example/events").content.decode()
    assert any(entry["action"] == "account:login" for entry in world.get("/account/events", token=grace(world)).json)


def test_every_route_has_an_example() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(EXAMPLES)


def test_who_leaves_an_app_is_offered_it_no_more(world: World) -> None:
    transfer, token = offer(world), grace(world)
    assert world.call("DELETE", "/apps/example/collaborators/grace@example.com").status == 200
    assert world.call("PATCH", f"/account/app-transfers/{transfer}", {"state": "accepted"}, token=token).status == 404
    assert world.get("/apps/example").json["owner"]["email"] == EMAIL


def test_a_token_without_secrets_lets_nobody_in_who_has_them(world: World) -> None:
    token = world.new_token("write")
    body = {"user": "alan@example.com"}
    assert world.call("POST", "/apps/example/collaborators", body, token=token).status == 403


def test_sources_are_shown_without_what_lets_one_read_them(world: World) -> None:
    blob = {"url": "https://x-access-token:ghp_SECRET@github.com/a/b.tgz?sig=SECRET", "version": "v1"}
    made = world.call("POST", "/apps/example/builds", {"source_blob": blob}).json
    assert made["source_blob"]["url"] == "https://github.com/a/b.tgz"
    assert "SECRET" not in world.get("/apps/example/builds").content.decode()
