import socket
import stat
from collections.abc import Callable

import pexpect
import pytest
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.replay import Replay, Told
from tests.cli.world import EMAIL, PASSWORD, PUBLIC_KEY, World

from celadon.actions import accounts, authorizations, keys

# A key of a kind that no platform takes any more.
DSA_KEY = (
    "ssh-dss "
    "AAAAB3NzaC1kc3MAAACBANQBg6O2UVto8nuc4Jpf4Zaw7S1SAXqz/ngkQzFsAH+kmxO14A1k/Jb0d9eWYBZmngv80gcuAg3KB1+V"
    "vt7z91SKT5E+QQv+QJZbg6I/jd1YLWYUhwRTpoio0lbZJOkzc5mxw6Wunq09TqcavsuWhZRHtPP7boSJmKOf0esPt+RNAAAAFQDd"
    "nOdAYyDtd1HR9B/mCOzpm/FITwAAAIA1U1TGu1gxD6oLcH4R/17ks6TiREDxypcc0UqzUzCQEnoRvEd81eHlAlUW/TyuxLVvGP/o"
    "rWUCzuuhdD6w0hNuK4zsGBZCai8qoFuLM+8J6Bx1XThg+Ojh07/kWe/CvZtUbSnTx2gnl+kNA+4gyDt94gg1QpUGdsGWmxn34s18"
    "EwAAAIBcgAFAQRL4//ZRg+mGMWLy0HIv+48TUD0mH4mdt3fFg5Fx+slj2cXPZ3ARSTHjc3/5uTEciw3kAg9UMa87o69OM/I8pPxk"
    "gqEnVkRyzGoW6EPDPJRYkZS1n88IItm4bPyvRYxLIj0RCd101141vwjnZh0TnQDRoNQDzQNf0jPF8Q=="
    " ada@old"
)


@pytest.fixture
def visitor(bare_world: World, stranger: Program) -> Program:
    stranger.env["CELADON_HOME"] = str(bare_world.context.settings.home)
    return stranger


def log_in(visitor: Program, *words: str, password: str = PASSWORD) -> "pexpect.spawn[str]":
    asked = visitor.terminal("login", "-i", *words)
    asked.expect(r"Logging in to http://localhost:\d+\r\n")
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


def test_a_token_that_was_revoked_is_asked_for_anew_and_the_command_goes_on(
    bare_world: World, visitor: Program
) -> None:
    visitor.log_in(bare_world.machine, EMAIL, "revoked")
    asked = visitor.terminal("whoami")
    asked.expect_exact(f" !    Your login has ended at http://{bare_world.machine}.\r\n")
    asked.expect_exact("Email: ")
    asked.sendline(EMAIL)
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline(PASSWORD)
    asked.expect_exact(f"Logged in as {EMAIL}\r\n{EMAIL}\r\n")
    asked.expect(pexpect.EOF)
    assert "revoked" not in (visitor.home / ".netrc").read_text()
    shown = visitor("whoami", env={"CELADON_API_KEY": "revoked"})
    assert (shown.status, shown.out) == (1, "")


def test_without_a_terminal_a_missing_login_is_said(visitor: Program, bare_world: World) -> None:
    shown = visitor("apps")
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == (
        f" !    Not logged in to http://{bare_world.machine}: the credentials are missing or no longer valid.\n"
        " !    Run `celadon login` first.\n"
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


def test_a_key_that_is_there_is_offered_and_of_several_one_is_chosen(bare_world: World, visitor: Program) -> None:
    folder = visitor.home / ".ssh"
    folder.mkdir()
    (folder / "id_ed25519.pub").write_text(PUBLIC_KEY)
    (folder / "id_rsa.pub").write_text(DSA_KEY)
    asked = log_in(visitor)
    asked.expect_exact("Would you like to upload one of your SSH keys for git? [Yn] ")
    asked.sendline("y")
    asked.expect_exact("1) ~/.ssh/id_ed25519.pub\r\n2) ~/.ssh/id_rsa.pub\r\nWhich would you like to use? ")
    asked.sendline("2")
    # What the platform takes no more is said, and is no reason not to be logged in.
    # In between a sign turns where it takes longer.
    asked.expect_exact("id_rsa.pub... ")
    asked.expect_exact("failed\r\n")
    asked.expect_exact(" !    You are logged in all the same; `celadon keys:add FILE` adds a key.\r\n")
    assert asked.before == " !    cannot add a ssh-dss key: RSA, ECDSA and Ed25519 keys are accepted\r\n"
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    assert visitor("keys:add", str(folder / "id_ed25519.pub")).status == 0
    assert [key.comment for key in keys.list_of(bare_world.context, bare_world.actor)] == ["ada@laptop"]


def test_a_login_may_be_for_a_while(bare_world: World, visitor: Program) -> None:
    assert visitor("login", "--email", EMAIL, "--expires-in", "3600", input=f"{PASSWORD}\n").status == 0
    (made,) = [one for one in authorizations.list_of(bare_world.context, bare_world.actor) if one.expires_at]
    assert 3500 < (made.expires_at - made.created_at).total_seconds() <= 3600
    assert visitor("login", "--expires-in", "0").status == 2
    sso = visitor("login", "--sso")
    assert (sso.status, sso.out) == (1, "")
    assert sso.err.startswith(" !    cannot log in by single sign-on: this platform has none.\n")


def test_a_token_that_cannot_be_kept_is_ended(bare_world: World, visitor: Program) -> None:
    before = len(authorizations.list_of(bare_world.context, bare_world.actor))
    shown = visitor("login", "--email", EMAIL, input=f"{PASSWORD}\n", env={"HOME": "/proc/self/fdinfo"})
    assert shown.status == 1
    assert "fdinfo/.netrc: " in shown.err and "Traceback" not in shown.err
    assert len(authorizations.list_of(bare_world.context, bare_world.actor)) == before


def test_logins_to_two_platforms_stand_side_by_side(
    bare_world: World, visitor: Program, replay: Callable[..., Replay]
) -> None:
    other = replay(
        answers={
            "POST /oauth/authorizations": Told(
                201, {"access_token": {"token": "of-the-other"}, "user": {"email": "me@other.example"}}
            ),
            "GET /account": Told(body={"email": "me@other.example"}),
            "DELETE /oauth/authorizations/~": Told(body={}),
        }
    )
    assert visitor("login", "--email", EMAIL, input=f"{PASSWORD}\n").status == 0
    assert visitor("login", "--email", EMAIL, "--platform", other.url, input="x\n").status == 0
    assert visitor("whoami").out == f"{EMAIL}\n"
    assert visitor("auth:token", "--platform", other.url).out == "of-the-other\n"
    assert visitor("whoami", env={"CELADON_HOST": other.url}).out == "me@other.example\n"
    assert visitor("logout", "--platform", other.url).status == 0
    assert visitor("whoami").out == f"{EMAIL}\n"


def saying(replay: Callable[..., Replay], email: str = "me@x.example", token: str = "t", **told: object) -> Replay:
    """A platform at a loopback address that says this of itself."""
    made = {"access_token": {"token": token}, "user": {"email": email}}
    answers = {
        "POST /oauth/authorizations": Told(201, made),
        "GET /platform": Told(body={"ssh_port": 22, "ca_certificate": None, **told}),
        "GET /apps/x": Told(body={"name": "x", "git_url": "https://github.com/x.git"}),
        "DELETE /oauth/sessions/~": Told(body={}),
    }
    return replay(answers=answers)


def test_a_platform_has_no_doors_at_hosts_of_others(stranger: Program, replay: Callable[..., Replay]) -> None:
    server = saying(replay, api_https_url="https://github.com", domain="github.com")
    stranger.log_in("github.com", "octo", "cat")
    shown = stranger("login", "--email", "me@x.example", "--platform", server.url, input="x\n")
    assert shown.status == 0
    not_believed = " is github.com: not believed, which is not below localhost.\n"
    assert f" !    {server.url} says that its door for git{not_believed}" in shown.err
    assert f" !    {server.url} says that its door for SSH{not_believed}" in shown.err
    # Nor does an app's address for git lead there.
    stranger.git("init", "-q")
    stranger("git:remote", "-a", "x", "--platform", server.url)
    assert "credential" not in (stranger.work / ".git" / "config").read_text()
    text = (stranger.home / ".netrc").read_text()
    assert text.startswith("machine github.com\n  login octo\n  password cat\n") and text.count("machine") == 2
    assert stranger("logout", "--platform", server.url).status == 0
    assert (stranger.home / ".netrc").read_text() == "machine github.com\n  login octo\n  password cat\n"


def test_a_login_of_another_platform_on_the_same_host_stays(stranger: Program, replay: Callable[..., Replay]) -> None:
    server = saying(replay, api_https_url="https://localhost:8443", domain="localhost")
    stranger.log_in("localhost:8443", "ada", "mine")
    shown = stranger("login", "--email", "me@x.example", "--platform", server.url, input="x\n")
    assert f" !    {stranger.home}/.netrc has another login for localhost:8443: it stays as it is.\n" in shown.err
    assert stranger("logout", "--platform", server.url).status == 0
    assert (stranger.home / ".netrc").read_text() == "machine localhost:8443\n  login ada\n  password mine\n"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"email": "me@x\nmacdef init\nrm"}, "its login is empty, or has blanks or control characters"),
        ({"token": "t\nmachine github.com"}, "this is an unusable token"),
        ({"ca_certificate": "\x1b[2J"}, "cannot use the CA certificate"),
    ],
)
def test_what_a_platform_tells_is_no_more_than_a_field(
    stranger: Program, replay: Callable[..., Replay], made: dict[str, str], why: str
) -> None:
    server = saying(replay, **({"api_https_url": "https://localhost:1", "domain": "localhost"} | made))  # type: ignore[arg-type]
    shown = stranger("login", "--email", EMAIL, "--platform", server.url, input="x\n")
    assert shown.status == 1 and why in shown.err and "unexpectedly" not in shown.err, shown.err
    assert not (stranger.home / ".netrc").exists()


def test_nobody_is_asked_for_a_password_of_a_platform_that_is_not_there(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celadon.cli.commands.accounts.on_terminal", lambda: True)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    shown = inside("login", "-i", "--platform", "https://api.invalid")
    assert "the name api.invalid is not known" in shown.err and "Email" not in shown.err
