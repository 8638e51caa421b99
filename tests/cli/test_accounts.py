import stat

import pexpect
import pytest
from tests.cli.program import Program
from tests.cli.world import EMAIL, PASSWORD, PUBLIC_KEY, World

from celadon.actions import accounts, keys


@pytest.fixture
def visitor(bare_world: World, stranger: Program) -> Program:
    stranger.env["CELADON_HOME"] = str(bare_world.context.settings.home)
    return stranger


def log_in(visitor: Program, *words: str, password: str = PASSWORD) -> "pexpect.spawn[str]":
    asked = visitor.terminal("login", "-i", *words)
    asked.expect_exact("Enter your Celadon credentials.\r\nEmail: ")
    asked.sendline(EMAIL)
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline(password)
    return asked


def test_login_keeps_a_token_that_works_in_a_file_of_the_users_own(bare_world: World, visitor: Program) -> None:
    keys.create(bare_world.context, bare_world.actor, PUBLIC_KEY)
    asked = log_in(visitor)
    asked.expect_exact(f"Logged in as {EMAIL}\r\n")
    asked.expect(pexpect.EOF)
    assert PASSWORD not in (asked.before or "")
    asked.close()
    assert asked.exitstatus == 0
    file = visitor.home / ".netrc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert f"machine {bare_world.machine}\n  login {EMAIL}\n" in text
    assert "machine localhost:8843\n" in text
    assert "machine localhost\n" not in text
    assert visitor("whoami").out == f"{EMAIL}\n"


def test_a_wrong_password_is_asked_for_again_three_times(bare_world: World, visitor: Program) -> None:
    asked = log_in(visitor, password="wrong")
    for _ in range(2):
        asked.expect_exact("Authentication failed: no account has this e-mail address and password.")
        asked.expect_exact("Email: ")
        asked.sendline(EMAIL)
        asked.expect_exact("Password (typing will be hidden): ")
        asked.sendline("wrong")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 1
    assert not (visitor.home / ".netrc").exists()


def test_without_a_terminal_the_password_comes_from_standard_input(bare_world: World, visitor: Program) -> None:
    shown = visitor("login", "--email", EMAIL, input=f"{PASSWORD}\n")
    assert (shown.status, shown.err) == (0, f"Logged in as {EMAIL}\n")
    assert visitor("auth:whoami").out == f"{EMAIL}\n"
    refused = visitor("login", "--email", EMAIL, input="wrong\n")
    assert refused.status == 1
    assert refused.err == " !    Authentication failed: no account has this e-mail address and password.\n"


def test_a_first_login_without_a_key_offers_to_make_and_upload_one(bare_world: World, visitor: Program) -> None:
    asked = log_in(visitor)
    asked.expect_exact("Would you like to generate one? [Yn] ")
    asked.sendline("")
    asked.expect_exact("Generating new SSH public key.")
    asked.expect_exact("id_ed25519.pub... ")
    asked.expect_exact("done")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    assert len(keys.list_of(bare_world.context, bare_world.actor)) == 1
    assert stat.S_IMODE((visitor.home / ".ssh" / "id_ed25519").stat().st_mode) == 0o600


def test_a_command_that_needs_a_login_asks_for_it_and_goes_on(bare_world: World, visitor: Program) -> None:
    asked = visitor.terminal("apps")
    asked.expect_exact(" !    Not logged in to http://localhost:")
    asked.expect_exact("Email: ")
    asked.sendline(EMAIL)
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline(PASSWORD)
    asked.expect_exact("You have no apps.")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0


def test_without_a_terminal_a_missing_login_is_said(visitor: Program, bare_world: World) -> None:
    shown = visitor("apps")
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == (
        " !    Not logged in: the credentials are missing or no longer valid.\n !    Run `celadon login` first.\n"
    )


def test_logout_ends_the_token_and_takes_it_out_and_nothing_else(bare_world: World, celadon: Program) -> None:
    celadon.log_in("github.com", "octo", "cat")
    assert celadon("auth:token").out == f"{bare_world.token}\n"
    assert celadon("logout").out == "Local credentials cleared\n"
    assert (celadon.home / ".netrc").read_text() == "machine github.com\n  login octo\n  password cat\n"
    assert celadon("whoami", env={"CELADON_API_KEY": bare_world.token}).status == 1
    assert celadon("logout").status == 0


def test_logout_with_a_token_that_ended_already_clears_it(bare_world: World, celadon: Program) -> None:
    celadon.log_in(bare_world.machine, EMAIL, "nothing")
    assert celadon("logout").status == 0
    assert bare_world.machine not in (celadon.home / ".netrc").read_text()


def test_a_token_of_the_environment_is_used_before_a_login(bare_world: World, visitor: Program) -> None:
    other = accounts.create(bare_world.context, bare_world.actor, email="bob@example.com", password=PASSWORD)
    token = bare_world.new_token(other.email)
    assert visitor("whoami", env={"CELADON_API_KEY": token}).out == "bob@example.com\n"
    refused = visitor("apps", env={"CELADON_API_KEY": "wrong"})
    assert refused.status == 1 and "The token in CELADON_API_KEY is not valid for http://localhost:" in refused.err
    assert "CELADON_API_KEY is set" in visitor("login", env={"CELADON_API_KEY": token}).err


def test_whoami_and_token_say_when_nobody_is_logged_in(bare_world: World, visitor: Program) -> None:
    for command in ("whoami", "auth:token"):
        shown = visitor(command)
        assert shown.status == 1
        assert shown.err == f" !    Not logged in to http://{bare_world.machine}.\n !    Run `celadon login` first.\n"


def test_a_platform_of_another_machine_says_where_its_doors_are(bare_world: World, stranger: Program) -> None:
    stranger.env["CELADON_HOST"] = f"http://{bare_world.machine}"
    assert stranger("login", "--email", EMAIL, input=f"{PASSWORD}\n").status == 0
    assert "machine localhost:8843\n" in (stranger.home / ".netrc").read_text()
    del stranger.env["CELADON_HOST"]
    assert stranger("whoami").out == f"{EMAIL}\n"
