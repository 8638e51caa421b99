import re
import time

import pexpect
import pyotp
from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, PASSWORD, PUBLIC_KEY, World

from celadon.actions import keys


def expect_code(asked: "pexpect.spawn[str]", code: str) -> None:
    asked.expect_exact("Two-factor code: ")
    asked.sendline(code)


def test_it_is_enabled_with_a_code_of_the_phone_and_disabled_with_the_next(world: World, celadon: Program) -> None:
    assert celadon("2fa").out == "Two-factor authentication is not enabled\n"
    now = int(time.time())
    asked = celadon.terminal("2fa:enable")
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline(PASSWORD)
    asked.expect(r"app that makes codes:\r\n  (\w{32})\r\n")
    assert asked.match is not None and not isinstance(asked.match, type)
    totp = pyotp.TOTP(asked.match.group(1))
    asked.expect_exact(f"otpauth://totp/Celadon:ada%40example.com?secret={totp.secret}")
    expect_code(asked, "000000" if totp.at(now) != "000000" else "111111")
    asked.expect_exact(" !    The code is wrong, or was used already.")
    expect_code(asked, totp.at(now))
    asked.expect_exact("Two-factor authentication is enabled\r\n")
    asked.expect(pexpect.EOF)
    assert PASSWORD not in (asked.before or "")
    assert celadon("twofactor").out == "Two-factor authentication is enabled\n"
    disabled = celadon("auth:2fa:disable", input=f"{PASSWORD}\n{totp.at(now + 30)}\n")
    assert (disabled.out, disabled.status) == ("Two-factor authentication is not enabled\n", 0)


def test_disabling_without_a_code_or_with_a_wrong_password_is_refused(world: World, celadon: Program) -> None:
    people.second_factor(world)
    refused = celadon("2fa:disable", input=f"{PASSWORD}\n")
    assert (refused.status, refused.out) == (1, "")
    assert "A second authentication factor is required" in refused.err
    assert celadon("2fa:disable", input="wrong\n").status == 1
    assert celadon("2fa:disable").err == " !    cannot ask for it: standard input has ended (Password)\n"
    assert celadon("2fa").out == "Two-factor authentication is enabled\n"


def test_recovery_codes_let_somebody_in_once_each(bare_world: World, celadon: Program, stranger: Program) -> None:
    keys.create(bare_world.context, bare_world.actor, PUBLIC_KEY)
    code = people.second_factor(bare_world)
    made = celadon("2fa:generate-recovery-codes", input=f"{PASSWORD}\n{code}\n")
    codes = made.out.split()
    assert len(codes) == 10 and all(re.fullmatch(r"[a-z2-9]{16}", found) for found in codes)
    celadon("logout")
    entered = stranger("login", "--email", EMAIL, input=f"{PASSWORD}\n{codes[0]}\n", env=celadon.env)
    assert (entered.status, entered.err) == (0, f"Logged in as {EMAIL}\n")
    again = stranger("login", "--email", EMAIL, input=f"{PASSWORD}\n{codes[0]}\n", env=celadon.env)
    assert again.status == 1


def test_a_login_on_a_terminal_asks_for_the_code_unseen(bare_world: World, stranger: Program) -> None:
    keys.create(bare_world.context, bare_world.actor, PUBLIC_KEY)
    code = people.second_factor(bare_world)
    stranger.env["CELADON_HOME"] = str(bare_world.context.settings.home)
    asked = stranger.terminal("login", "-i", "--email", EMAIL)
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline(PASSWORD)
    expect_code(asked, code)
    asked.expect_exact(f"Logged in as {EMAIL}\r\n")
    assert code not in (asked.before or "")
    asked.expect(pexpect.EOF)
