"""Accounts: invitations, passwords, addresses, the end of an account; what strangers may not learn."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from tests.api.examples_accounts import NEW_PASSWORD, grace, invite, link_of
from tests.api.world import EMAIL, PASSWORD, World, basic

from celadon.actions import mails
from celadon.clock import retention
from celadon.platform.settings import Settings


def _log_in(world: World, email: str, password: str) -> int:
    headers = {"Authorization": basic(email, password)}
    return world.call("POST", "/oauth/authorizations", {"scope": ["global"]}, token=None, headers=headers).status


def test_an_invitation_makes_an_account_once(empty: World) -> None:
    token = invite(empty)
    path = f"/invitations/{token}/actions/finalize"
    assert empty.get(f"/invitations/{token}", token=None).json["user"] == {"email": "alan@example.com"}
    assert empty.call("PATCH", path, {"password": "short"}, token=None).error == "invalid_params"
    assert empty.call("PATCH", path, {"password": NEW_PASSWORD}, token=None).json["email"] == "alan@example.com"
    assert _log_in(empty, "alan@example.com", NEW_PASSWORD) == 201
    again = empty.call("PATCH", path, {"password": NEW_PASSWORD}, token=None)
    assert (again.status, again.json["resource"]) == (404, "invitation")


def test_only_the_operator_invites_unless_anybody_may_sign_up(new_world: Callable[..., World]) -> None:
    closed, opened = new_world(), new_world(signup="open")
    assert closed.call("POST", "/invitations", {"email": "x@example.com"}, token=grace(closed)).status == 403
    assert opened.call("POST", "/invitations", {"email": "x@example.com"}, token=grace(opened)).status == 201
    form = urlencode({"email": "y@example.com"}).encode()
    assert closed.call("POST", "/signup", token=None, content=form).status == 403
    assert opened.call("POST", "/signup", token=None, content=form).status == 200
    assert link_of(opened, "y@example.com")


def test_signing_up_says_the_same_of_an_address_with_an_account(new_world: Callable[..., World]) -> None:
    world = new_world(signup="open")
    pages = [
        world.call("POST", "/signup", token=None, content=urlencode({"email": email}).encode()).content
        for email in (EMAIL, "new@example.com")
    ]
    assert pages[0] == pages[1]
    assert {mail.recipient for mail in mails.outbox(world.context, world.actor)} == {EMAIL, "new@example.com"}


def test_a_letter_goes_out_once_a_minute(empty: World) -> None:
    for _ in range(3):
        assert empty.call("POST", "/password-resets", {"email": EMAIL}, token=None).status == 201
    assert len(mails.outbox(empty.context, empty.actor)) == 1


def test_a_reset_is_answered_the_same_for_strangers(empty: World) -> None:
    known = empty.call("POST", "/password-resets", {"email": EMAIL}, token=None)
    unknown = empty.call("POST", "/password-resets", {"email": "nobody@example.com"}, token=None)
    assert (known.status, known.json.keys()) == (unknown.status, unknown.json.keys())
    assert known.json["user"]["id"] != empty.actor.account.id
    assert [mail.recipient for mail in mails.outbox(empty.context, empty.actor)] == [EMAIL]


def test_a_reset_ends_every_token_and_works_once(world: World) -> None:
    world.call("POST", "/password-resets", {"email": EMAIL}, token=None)
    path = f"/password-resets/{link_of(world, EMAIL)}/actions/finalize"
    assert world.call("POST", path, {"password": NEW_PASSWORD, "password_confirmation": "x"}, token=None).status == 422
    body = {"password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    assert world.call("POST", path, body, token=None).status == 200
    assert world.get("/account").status == 401
    assert _log_in(world, EMAIL, PASSWORD) == 401
    assert _log_in(world, EMAIL, NEW_PASSWORD) == 201
    assert world.call("POST", path, body, token=None).status == 404


def test_a_new_password_ends_every_other_token(world: World) -> None:
    other = world.new_token("read")
    body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    assert world.call("PATCH", "/account", body).status == 200
    assert world.get("/account").status == 200
    assert world.get("/apps", token=other).status == 401


def test_an_address_is_taken_when_its_link_is_followed(world: World) -> None:
    assert world.call("PATCH", "/account", {"email": "new@example.com"}).status == 422
    assert world.call("PATCH", "/account", {"email": "new@example.com", "password": "wrong"}).status == 401
    taken = world.call("PATCH", "/account", {"email": "grace@example.com", "password": PASSWORD})
    assert "has an account already" in taken.json["message"]
    assert world.call("PATCH", "/account", {"email": "new@example.com", "password": PASSWORD}).json["email"] == EMAIL
    path = f"/account/email/{link_of(world, 'new@example.com')}"
    assert world.get(path, token=None).status == 200
    assert world.get("/account").json["email"] == EMAIL, "looking at a link changes nothing"
    assert world.call("POST", path, token=None).status == 200
    assert world.get("/account").json["email"] == "new@example.com"
    assert world.call("POST", path, token=None).status == 404


def test_a_deleted_account_is_nobody(world: World) -> None:
    token = grace(world)
    headers = {"Heroku-Password": PASSWORD}
    assert world.call("DELETE", "/account", token=token).status == 422
    assert world.call("DELETE", "/account", token=token, headers={"Heroku-Password": "wrong"}).status == 401
    assert world.call("DELETE", "/account", token=token, headers=headers).status == 200
    assert world.get("/account", token=token).status == 401
    assert _log_in(world, "grace@example.com", PASSWORD) == 401
    assert [entry["user"]["email"] for entry in world.get("/apps/example/collaborators").json] == [EMAIL]
    assert invite(world, "grace@example.com"), "the address is free again"


def test_an_account_with_apps_and_the_operator_stay(world: World) -> None:
    token = grace(world)
    assert world.call("POST", "/apps", {"name": "of-grace"}, token=token).status == 201
    headers = {"Heroku-Password": PASSWORD}
    assert "owns 1 apps" in world.call("DELETE", "/account", token=token, headers=headers).json["message"]
    assert "operator" in world.call("DELETE", "/account", headers=headers).json["message"]


def _in_one_moment(world: World) -> None:
    """What is slowed down gets nothing back while a busy machine asks: its clock stands still."""
    guesses = world.context.guesses
    for limiter in (world.api._strangers, guesses._of_address, guesses._of_account):
        limiter._clock = lambda: 0.0


def test_wrong_passwords_are_slowed_down_by_address_and_by_account(empty: World) -> None:
    _in_one_moment(empty)
    statuses = [_log_in(empty, EMAIL, f"wrong {number}") for number in range(31)]
    assert statuses == [401] * 30 + [429]
    assert _log_in(empty, EMAIL, PASSWORD) == 429
    assert empty.get("/account").status == 200, "tokens go on"


def test_strangers_may_ask_for_only_so_much(empty: World) -> None:
    _in_one_moment(empty)
    statuses = [empty.call("POST", "/auth", {}, token=None).status for _ in range(121)]
    assert statuses == [201] * 120 + [429]


@pytest.mark.parametrize(
    "path",
    ["/account/accept/x", "/account/password/reset/x", "/auth/browser/x", "/oauth/authorize?client_id=x", "/signup"],
)
def test_pages_are_pages_also_when_they_fail(empty: World, path: str) -> None:
    reply = empty.get(path, token=None)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert "<h1>" in reply.content.decode()


def test_pages_make_an_account_and_reset_a_password(empty: World) -> None:
    path = f"/account/accept/{invite(empty)}"
    assert "alan@example.com" in empty.get(path, token=None).content.decode()
    differing = urlencode({"password": NEW_PASSWORD, "again": "other"}).encode()
    refused = empty.call("POST", path, token=None, content=differing)
    assert (refused.status, "not the same" in refused.content.decode()) == (422, True)
    same = urlencode({"password": NEW_PASSWORD, "again": NEW_PASSWORD}).encode()
    assert empty.call("POST", path, token=None, content=same).status == 200
    asked = urlencode({"email": "alan@example.com"}).encode()
    assert empty.call("POST", "/account/password/reset", token=None, content=asked).status == 200
    link = f"/account/password/reset/{link_of(empty, 'alan@example.com')}"
    assert empty.get(link, token=None).status == 200
    other = urlencode({"password": "yet another one", "again": "yet another one"}).encode()
    assert empty.call("POST", link, token=None, content=other).status == 200
    assert _log_in(empty, "alan@example.com", "yet another one") == 201


def test_letters_are_for_the_operator_and_encrypted_at_rest(world: World) -> None:
    token = invite(world)
    assert world.get("/platform/mails", token=grace(world)).status == 403
    assert world.get("/platform/mails", token=world.new_token("read")).status == 403
    database = (world.context.settings.home / "store.db").read_bytes()
    log = world.context.settings.home / "store.db-wal"
    assert token.encode() not in database + (log.read_bytes() if log.exists() else b"")


def test_what_has_run_out_is_forgotten(empty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    home = empty.context.settings.home
    for name in ("sources", "slugs", "builds", "uploads"):
        (home / name).mkdir(exist_ok=True)
    token = invite(empty)
    retention.prune(empty.context)
    assert empty.get(f"/invitations/{token}", token=None).status == 200
    with empty.context.database.transaction() as tx:
        tx.connection.exec_driver_sql("update invitations set expires_at = '2020-01-01 00:00:00'")
    assert empty.get(f"/invitations/{token}", token=None).status == 404
    retention.prune(empty.context)
    with empty.context.database.read() as tx:
        assert tx.connection.exec_driver_sql("select count(*) from invitations").scalar_one() == 0


def test_preferences_are_kept_and_taken_back(world: World) -> None:
    path = "/users/~/preferences"
    assert world.call("PATCH", path, {"timezone": "Europe/Berlin"}).json["timezone"] == "Europe/Berlin"
    assert world.call("PATCH", path, {"dismissed-sms-banner": True}).json["timezone"] == "Europe/Berlin"
    assert world.call("PATCH", path, {"timezone": None}).json["timezone"] is None
    assert world.call("PATCH", path, {"timezone": 3}).status == 422
    assert world.get("/users/grace@example.com/preferences").status == 404


def test_letters_hold_links_of_this_platform(new_world: Callable[..., World]) -> None:
    world = new_world(domain="paas.example", https_port=443)
    invite(world)
    (mail,) = mails.outbox(world.context, world.actor)
    assert re.search(r"https://api\.paas\.example/account/accept/[\w-]{43}\n", mail.text)
    assert isinstance(world.context.settings, Settings)


def test_a_reset_ends_what_a_thief_has_begun(world: World) -> None:
    world.call("PATCH", "/account", {"email": "mallory@example.com", "password": PASSWORD})
    thiefs = link_of(world, "mallory@example.com")
    world.call("POST", "/password-resets", {"email": EMAIL}, token=None)
    body = {"password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    path = f"/password-resets/{link_of(world, EMAIL)}/actions/finalize"
    assert world.call("POST", path, body, token=None).status == 200
    assert world.call("POST", f"/account/email/{thiefs}", token=None).status == 404


def test_a_new_password_ends_old_links(world: World) -> None:
    world.call("POST", "/password-resets", {"email": EMAIL}, token=None)
    old = link_of(world, EMAIL)
    world.call("PATCH", "/account", {"password": PASSWORD, "new_password": NEW_PASSWORD})
    body = {"password": "a thief's one", "password_confirmation": "a thief's one"}
    assert world.call("POST", f"/password-resets/{old}/actions/finalize", body, token=None).status == 404


@pytest.mark.parametrize(
    "email", ["=?utf-8?q?me=40evil.com=3e=2c?=x@corp.com", "a@b\r\nBcc:c@d", "ä@example.com", "a@b@c"]
)
def test_what_mail_would_read_otherwise_is_no_address(new_world: Callable[..., World], email: str) -> None:
    world = new_world(signup="open")
    assert world.call("POST", "/signup", token=None, content=urlencode({"email": email}).encode()).status == 422


def test_a_stranger_takes_no_invitation_away(new_world: Callable[..., World]) -> None:
    world = new_world(signup="open")
    token = invite(world)
    with world.context.database.transaction() as tx:
        tx.connection.exec_driver_sql("update invitations set created_at = '2020-01-01 00:00:00'")
    world.call("POST", "/signup", token=None, content=b"email=alan%40example.com")
    assert world.get(f"/invitations/{token}", token=None).status == 200


def test_links_are_not_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    token = invite(world)
    with caplog.at_level("INFO", logger="celadon"):
        assert world.get(f"/account/accept/{token}", token=None).status == 200
    assert "/account/accept/:token" in caplog.text
    assert token not in caplog.text
