"""OAuth: programs of others act with what they were allowed, until it is taken back; sessions of browsers."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.api.examples_accounts import begin_login, client, code, exchange, grace, log_in
from tests.api.world import EMAIL, PASSWORD, World


def _refresh(world: World, token: str, secret: str) -> tuple[int, str | None]:
    body = {"grant": {"type": "refresh_token"}, "client": {"secret": secret}, "refresh_token": {"token": token}}
    reply = world.call("POST", "/oauth/tokens", body, token=None)
    return reply.status, reply.json["access_token"]["token"] if reply.status == 201 else None


def test_a_code_is_exchanged_once_and_by_its_own_client(world: World) -> None:
    made, found = code(world)
    other = client(world)
    body = {"grant": {"code": found, "type": "authorization_code"}, "client": {"secret": other["secret"]}}
    assert world.call("POST", "/oauth/tokens", body, token=None).status == 401
    body["client"] = {"secret": made["secret"]}
    token = world.call("POST", "/oauth/tokens", body, token=None).json["access_token"]["token"]
    assert world.get("/apps", token=token).status == 200
    assert world.get("/apps/example/config-vars", token=token).status == 403, "it was allowed to read, no more"
    assert world.call("POST", "/oauth/tokens", body, token=None).status == 401


def test_a_refresh_token_works_once_and_ends_the_token_before(world: World) -> None:
    made, found = code(world)
    body = {"grant": {"code": found, "type": "authorization_code"}, "client": {"secret": made["secret"]}}
    first = world.call("POST", "/oauth/tokens", body, token=None).json
    assert _refresh(world, first["refresh_token"]["token"], "wrong") == (401, None)
    status, token = _refresh(world, first["refresh_token"]["token"], made["secret"])
    assert status == 201
    assert world.get("/apps", token=token).status == 200
    assert world.get("/apps", token=first["access_token"]["token"]).status == 401
    assert _refresh(world, first["refresh_token"]["token"], made["secret"]) == (401, None)


def test_a_program_is_gone_with_all_it_was_allowed(world: World) -> None:
    token = exchange(world).json["access_token"]["token"]
    made = world.get("/oauth/clients").json[0]
    assert world.call("DELETE", f"/oauth/clients/{made['id']}", token=grace(world)).status == 404
    assert world.call("DELETE", f"/oauth/clients/{made['id']}").status == 200
    assert world.get("/apps", token=token).status == 401


def test_others_see_a_program_but_not_its_secret(world: World) -> None:
    made = client(world)
    shown = world.get(f"/oauth/clients/{made['id']}", token=grace(world)).json
    assert set(shown) == {"id", "name", "redirect_uri"}
    assert world.get("/oauth/clients", token=grace(world)).json == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/",
        "javascript:alert(1)",
        "https://",
        "https://x/#y",
        "https://x y",
        "ftp://x",
        "//x",
        "https://[x",
    ],
)
def test_a_program_is_sent_to_safe_addresses_only(world: World, uri: str) -> None:
    assert world.call("POST", "/oauth/clients", {"name": "x", "redirect_uri": uri}).status == 422


def _ask(world: World, **query: str) -> str:
    made = client(world)
    return "/oauth/authorize?" + urlencode({"client_id": made["id"], "response_type": "code", "state": "s&t", **query})


def test_the_page_leads_back_with_a_code(world: World) -> None:
    path = _ask(world, scope="read write")
    page = world.get(path, token=None).content.decode()
    assert "Reports" in page
    form = urlencode({"answer": "allow", "email": EMAIL, "password": PASSWORD}).encode()
    reply = world.call("POST", path, token=None, content=form)
    found = urlsplit(reply.headers["location"])
    assert (reply.status, found.hostname) == (303, "reports.example.com")
    assert parse_qs(found.query)["state"] == ["s&t"]
    secret = world.get("/oauth/clients").json[-1]["secret"]
    exchanged = {"grant_type": "authorization_code", "code": parse_qs(found.query)["code"][0], "client_secret": secret}
    told = world.call("POST", "/oauth/token", token=None, content=urlencode(exchanged).encode()).json
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 28800)


def test_the_page_leads_back_when_denied_and_nowhere_else(world: World) -> None:
    path = _ask(world)
    denied = world.call("POST", path, token=None, content=b"answer=deny").headers["location"]
    assert denied.startswith("https://reports.example.com/back?error=access_denied")
    assert world.get(_ask(world, redirect_uri="https://evil.example.com/"), token=None).status == 422
    assert world.get(_ask(world, scope="everything"), token=None).status == 422
    wrong = urlencode({"answer": "allow", "email": EMAIL, "password": "wrong"}).encode()
    reply = world.call("POST", path, token=None, content=wrong)
    assert (reply.status, "location" in reply.headers) == (401, False)


def test_a_private_account_lets_no_program_in(world: World) -> None:
    world.call("PATCH", "/account/features/private-account", {"enabled": True})
    made = client(world)
    refused = world.call("POST", "/oauth/authorizations", {"client": made["id"], "scope": ["read"]})
    assert (refused.status, "private" in refused.json["message"]) == (403, True)


def test_names_are_escaped_in_pages(world: World) -> None:
    body = {"name": "<script>alert(1)</script>", "redirect_uri": "https://x.example.com/"}
    made = world.call("POST", "/oauth/clients", body).json
    page = world.get(f"/oauth/authorize?client_id={made['id']}", token=None).content.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_regenerated_token_takes_the_place_of_the_old_one(world: World) -> None:
    made = world.call("POST", "/oauth/authorizations", {"scope": ["read"], "expires_in": 600}).json
    new = world.call("POST", f"/oauth/authorizations/{made['id']}/actions/regenerate-tokens").json
    assert 590 <= new["access_token"]["expires_in"] <= 600
    assert world.get("/apps", token=made["access_token"]["token"]).status == 401
    assert world.get("/apps", token=new["access_token"]["token"]).status == 200


def test_a_command_line_is_let_in_once_by_who_began_it(world: World) -> None:
    begun = begin_login(world)
    assert world.get(begun["cli_url"], token=begun["token"]).error == "pending"
    assert world.get(begun["cli_url"], token="another").status == 401
    form = urlencode({"answer": "allow", "email": EMAIL, "password": PASSWORD}).encode()
    assert world.call("POST", begun["browser_url"], token=None, content=form).status == 200
    assert world.call("POST", begun["browser_url"], token=None, content=form).status == 404
    token = world.get(begun["cli_url"], token=begun["token"]).json["access_token"]
    assert world.get("/account", token=token).json["email"] == EMAIL
    assert world.get(begun["cli_url"], token=begun["token"]).status == 404


def test_a_command_line_hears_that_it_was_refused(world: World) -> None:
    begun = begin_login(world)
    world.call("POST", begun["browser_url"], token=None, content=b"answer=deny")
    assert "refused" in world.get(begun["cli_url"], token=begun["token"]).json["error"]


def test_a_session_ends_with_what_it_has_authorized(world: World) -> None:
    token = log_in(world).json["access_token"]
    (session,) = world.get("/oauth/sessions").json
    assert world.call("DELETE", f"/oauth/sessions/{session['id']}", token=grace(world)).status == 404
    assert world.call("DELETE", "/oauth/sessions/~").json["resource"] == "session", "this token is of no session"
    assert world.call("DELETE", "/oauth/sessions/~", token=token).status == 200
    assert world.get("/account", token=token).status == 401
    assert world.get("/oauth/sessions").json == []


def test_a_session_ends_with_its_token(world: World) -> None:
    """Heroku's client revokes both at once when it logs out: whichever is first."""
    token = log_in(world).json["access_token"]
    assert len(world.get("/oauth/sessions").json) == 1
    assert world.call("DELETE", "/oauth/authorizations/~", token=token).status == 200
    assert world.get("/account", token=token).status == 401
    assert world.get("/oauth/sessions").json == []
