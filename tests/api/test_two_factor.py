"""The second factor: what asks for it, and that a code works once."""

import pyotp
from tests.api.examples_accounts import begin_login, grace, second_factor
from tests.api.world import EMAIL, PASSWORD, World, basic

_BY_PASSWORD = {"Heroku-Password": PASSWORD}


def _log_in(world: World, code: str | None) -> tuple[int, str]:
    headers = {"Authorization": basic(EMAIL, PASSWORD), **({"Heroku-Two-Factor-Code": code} if code else {})}
    reply = world.call("POST", "/oauth/authorizations", {"scope": ["global"]}, token=None, headers=headers)
    return reply.status, reply.json["id"]


def test_a_login_asks_for_a_code_and_takes_it_once(world: World) -> None:
    assert _log_in(world, None)[0] == 201
    code = second_factor(world)
    assert world.get("/account").json["two_factor_authentication"] is True
    assert _log_in(world, None) == (403, "two_factor")
    assert _log_in(world, "000000") == (403, "two_factor")
    assert _log_in(world, code)[0] == 201
    assert _log_in(world, code) == (403, "two_factor")


def test_a_wrong_password_says_nothing_of_the_code(world: World) -> None:
    headers = {"Authorization": basic(EMAIL, "wrong"), "Heroku-Two-Factor-Code": second_factor(world)}
    assert world.call("POST", "/oauth/authorizations", {}, token=None, headers=headers).status == 401


def test_it_is_not_on_before_a_code_was_right(world: World) -> None:
    assert world.call("PATCH", "/account", {"two_factor_authentication": True}).status == 422
    assert world.call("POST", "/account/two-factor", headers={"Heroku-Password": "wrong"}).status == 401
    begun = world.call("POST", "/account/two-factor", headers=_BY_PASSWORD).json
    assert begun["url"].startswith("otpauth://totp/Celadon:")
    refused = world.call(
        "PATCH", "/account", {"two_factor_authentication": True}, headers={"Heroku-Two-Factor-Code": "123"}
    )
    assert refused.error == "two_factor"
    assert world.get("/account").json["two_factor_authentication"] is False


def test_recovery_codes_stand_for_the_phone_once_each(world: World) -> None:
    headers = {**_BY_PASSWORD, "Heroku-Two-Factor-Code": second_factor(world)}
    codes = world.call("POST", "/account/recovery-codes", headers=headers).json
    assert (len(codes), len(set(codes))) == (10, 10)
    assert _log_in(world, codes[0])[0] == 201
    assert _log_in(world, codes[0]) == (403, "two_factor")
    again = {**_BY_PASSWORD, "Heroku-Two-Factor-Code": codes[1]}
    assert world.call("POST", "/account/recovery-codes", headers=again).status == 201
    assert _log_in(world, codes[2]) == (403, "two_factor")


def test_it_is_switched_off_with_password_and_code(world: World) -> None:
    code = second_factor(world)
    off = {"two_factor_authentication": False}
    assert world.call("PATCH", "/account", off, headers=_BY_PASSWORD).error == "two_factor"
    assert world.call("PATCH", "/account", {**off, "password": "wrong"}).status == 401
    headers = {"Heroku-Two-Factor-Code": code}
    assert world.call("PATCH", "/account", {**off, "password": PASSWORD}, headers=headers).status == 200
    assert _log_in(world, None)[0] == 201


def test_wrong_codes_are_slowed_down(world: World) -> None:
    code = second_factor(world)
    seen = [_log_in(world, "000000")[0] for _ in range(31)]
    assert set(seen) == {403, 429}
    assert _log_in(world, code)[0] == 429


def test_a_page_asks_for_the_code_and_takes_it(world: World) -> None:
    code = second_factor(world)
    begun = begin_login(world)
    form = f"answer=allow&email={EMAIL}&password=correct+horse"
    asked = world.call("POST", begun["browser_url"], token=None, content=form.encode())
    assert (asked.status, 'name="code"' in asked.content.decode()) == (403, True)
    told = world.call("POST", begun["browser_url"], token=None, content=f"{form}&code={code}".encode())
    assert told.status == 200
    assert "access_token" in world.get(begun["cli_url"], token=begun["token"]).json


def test_the_secret_is_encrypted_at_rest_and_shown_once(world: World) -> None:
    begun = world.call("POST", "/account/two-factor", headers=_BY_PASSWORD).json
    with world.context.database.read() as tx:
        kept = tx.connection.exec_driver_sql("select two_factor_secret from accounts").scalars().all()
    assert not any(begun["secret"].encode() in secret for secret in kept if secret)
    assert pyotp.TOTP(begun["secret"]).now() not in world.get("/account").content.decode()


def test_the_account_of_another_is_not_touched(world: World) -> None:
    second_factor(world)
    assert world.get("/account", token=grace(world)).json["two_factor_authentication"] is False
