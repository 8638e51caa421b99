import re

import pexpect
import pytest
from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, PUBLIC_KEY, World

from celadon.actions import authorizations, keys, sessions


@pytest.fixture
def visitor(bare_world: World, stranger: Program) -> Program:
    keys.create(bare_world.context, bare_world.actor, PUBLIC_KEY)
    stranger.env["CELADON_HOME"] = str(bare_world.context.settings.home)
    return stranger


def begin(visitor: Program, *words: str) -> tuple["pexpect.spawn[str]", str]:
    """A login that waits for the browser, and the page it waits for."""
    asked = visitor.terminal("login", *words)
    asked.expect_exact("Press any key to open up the browser to log in, or q to exit: ")
    asked.send("b")
    asked.expect(r"Opening browser to (\S+)\r\n")
    assert asked.match is not None and not isinstance(asked.match, type)
    url = asked.match.group(1)
    asked.expect_exact("Waiting for login... ")
    return asked, url


def ended(asked: "pexpect.spawn[str]") -> int | None:
    asked.expect(pexpect.EOF)
    asked.close()
    return asked.exitstatus


def test_a_login_in_the_browser_makes_a_session_that_logout_ends(bare_world: World, visitor: Program) -> None:
    seen = people.browser(visitor)
    asked, url = begin(visitor)
    assert seen.read_text() == url
    assert "You are logged in" in people.answer(url, answer="allow")
    asked.expect_exact(f"Logged in as {EMAIL}\r\n")
    assert ended(asked) == 0
    assert visitor("whoami").out == f"{EMAIL}\n"
    (session,) = sessions.list_of(bare_world.context, bare_world.actor)
    assert visitor("sessions").out == f"{session.description}  {session.id}\n\n"
    token = visitor("auth:token").out.strip()
    assert visitor("logout").out == "Local credentials cleared\n"
    assert visitor("sessions", env={"CELADON_API_KEY": token}).status == 1
    assert sessions.list_of(bare_world.context, bare_world.actor) == []


def test_a_login_in_the_browser_for_a_while_leaves_a_token_instead_of_a_session(
    bare_world: World, visitor: Program
) -> None:
    people.browser(visitor)
    asked, url = begin(visitor, "--expires-in", "60")
    people.answer(url, answer="allow")
    asked.expect_exact(f"Logged in as {EMAIL}\r\n")
    assert ended(asked) == 0
    assert visitor("whoami").out == f"{EMAIL}\n"
    assert sessions.list_of(bare_world.context, bare_world.actor) == []
    (made,) = [one for one in authorizations.list_of(bare_world.context, bare_world.actor) if one.expires_at]
    assert (made.expires_at - made.created_at).total_seconds() <= 60


def test_without_a_browser_the_page_is_named(visitor: Program) -> None:
    visitor.env["BROWSER"] = "/nonexistent %s"
    visitor.env["PATH"] = "/nonexistent"
    asked = visitor.terminal("login")
    asked.expect_exact("or q to exit: ")
    asked.send("\r")
    asked.expect(r"Opening browser to (\S+)\r\n")
    asked.expect_exact(" !    Cannot open a browser here: open that page in one yourself, or use `celadon login -i`.")
    asked.close(force=True)


def test_a_login_that_is_refused_in_the_browser_keeps_nothing(visitor: Program) -> None:
    people.browser(visitor)
    asked, url = begin(visitor)
    assert "The command line was not let in" in people.answer(url, answer="deny")
    asked.expect_exact(" !    cannot log in: the log-in was refused in the browser")
    assert ended(asked) == 1
    assert not (visitor.home / ".netrc").exists()


def test_q_leaves_before_anything_was_asked(visitor: Program) -> None:
    asked = visitor.terminal("login")
    asked.expect_exact("or q to exit: ")
    asked.send("q")
    asked.expect_exact(" !    Login cancelled.")
    assert ended(asked) == 1


def test_a_login_that_waits_asks_again_when_the_platform_says_pending(visitor: Program, replay: object) -> None:
    from tests.cli.replay import Replay, Told

    server: Replay = replay(  # type: ignore[operator]
        answers={
            "POST /auth": Told(
                201, {"browser_url": "/auth/browser/" + "x" * 43, "cli_url": "/auth/cli/x", "token": "t"}
            ),
            "GET /auth/cli/x": [
                Told(503, {"id": "pending", "message": "ask again"}),
                Told(200, {"access_token": "new"}),
            ],
            "GET /account": Told(200, {"email": EMAIL}),
            "GET /account/keys": Told(200, [{"id": "k"}]),
        }
    )
    people.browser(visitor)
    visitor.env.pop("CELADON_HOME")
    visitor.env["CELADON_HOST"] = server.url
    asked, _ = begin(visitor)
    asked.expect_exact(f"Logged in as {EMAIL}\r\n")
    assert ended(asked) == 0
    asks = [call for call in server.asked if call.path == "/auth/cli/x"]
    assert [call.headers["authorization"] for call in asks] == ["Bearer t", "Bearer t"]
    assert re.search(r"login \S+\n  password new\n", (visitor.home / ".netrc").read_text())
