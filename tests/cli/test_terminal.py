"""Leaving at any moment, and output that nobody takes: the terminal stays sane, the status says what happened."""

import os
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from tests.cli import people
from tests.cli.program import Program
from tests.cli.replay import Asked, Replay, Told
from tests.cli.world import EMAIL


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What keeps answers back until the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def server(replay: Callable[..., Replay], held: threading.Event, stranger: Program) -> Replay:
    """It never ends `/slow`, and a stream of log lines goes on."""

    def slow(send: Callable[[bytes], None], asked: Asked) -> None:
        held.wait(120)

    def endless(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"data: 2026-11-29T00:00:00+00:00 app[web.1]: hello\n\n")
        held.wait(120)

    made = replay(
        answers={
            "GET /apps/slow": Told(write=slow),
            "PATCH /apps/slow": Told(write=slow),
            "GET /apps/x": Told(body={"name": "x"}),
            "GET /apps/x/config-vars": Told(body={"A": "1"}),
            "PATCH /apps/x/config-vars": Told(body={"A": "2"}),
            "GET /apps/x/releases": Told(body=[{"version": 7}]),
            "GET /logs": Told(headers={"Content-Type": "text/event-stream"}, write=endless),
            "GET /apps/x/addons": Told(body=[]),
            "POST /auth": Told(201, {"browser_url": "/auth/browser/x", "cli_url": "/apps/slow", "token": "t"}),
        }
    )
    made.answers["POST /apps/x/log-sessions"] = Told(201, {"logplex_url": f"{made.url}/logs"})
    stranger.env |= {"CELADON_HOST": made.url}
    people.browser(stranger)
    return made


TOKEN = {"CELADON_API_KEY": "secret"}


@pytest.mark.parametrize(
    ("words", "env", "shown", "reply"),
    [
        (("login", "-i"), {}, "Email: ", None),
        (("login", "-i", "-e", EMAIL), {}, "Password (typing will be hidden): ", None),
        (("login",), {}, "or q to exit: ", None),
        (("login",), {}, "or q to exit: ", "b"),
        (("destroy", "-a", "x"), TOKEN, "> ", None),
        (("maintenance:on", "-a", "slow"), TOKEN, "Enabling maintenance mode for slow... ", None),
        (("logs", "-t", "-a", "x"), TOKEN, "hello", None),
    ],
    ids=["e-mail", "password", "key", "browser", "confirmation", "request", "stream"],
)
def test_ctrl_c_leaves_with_130_and_a_sane_terminal(
    server: Replay, stranger: Program, words: tuple[str, ...], env: dict[str, str], shown: str, reply: str | None
) -> None:
    asked = stranger.terminal(*words, env=env)
    asked.expect_exact(shown)
    if reply:
        asked.send(reply)
        asked.expect_exact("Waiting for login... ")
    elif shown.endswith("... "):
        # The request is on its way.
        wait_for(lambda: bool(server.asked))
    asked.sendintr()
    asked.expect(pexpect.EOF)
    assert "Traceback" not in (asked.before or "") and "!" not in (asked.before or "")
    assert is_sane(asked)
    asked.close()
    assert asked.exitstatus == 130


def wait_for(condition: Callable[[], bool]) -> None:
    ready = threading.Event()
    for _ in range(6000):
        if condition():
            return
        ready.wait(0.01)
    raise AssertionError("it has not come")


def is_sane(asked: "pexpect.spawn[str]") -> bool:
    """Lines are read as lines, shown as they are typed, and Ctrl-C is one."""
    local: int = termios.tcgetattr(asked.child_fd)[3]
    wanted = termios.ECHO | termios.ICANON | termios.ISIG
    return local & wanted == wanted


def editor(program: Program, script: str) -> None:
    file = program.home / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    program.env |= {"EDITOR": str(file), **TOKEN}


def test_ctrl_c_in_the_editor_is_the_editors(server: Replay, stranger: Program) -> None:
    editor(stranger, """trap 'echo heard; echo A=2 > "$1"; exit 0' INT; echo editing; read line""")
    asked = stranger.terminal("config:edit", "-a", "x")
    asked.expect_exact("editing")
    asked.sendintr()
    # In between a sign turns where it takes longer.
    asked.expect_exact("Updating A and restarting x... ")
    asked.expect_exact("done, v7")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0


def test_an_editor_that_ctrl_c_ends_changes_nothing_and_leaves_no_raw_terminal(
    server: Replay, stranger: Program
) -> None:
    editor(stranger, "stty raw -echo isig; echo editing; kill -INT $$")
    asked = stranger.terminal("config:edit", "-a", "x")
    asked.expect_exact("editing")
    asked.expect(pexpect.EOF)
    assert is_sane(asked)
    asked.close()
    assert asked.exitstatus == 130
    assert [one.method for one in server.asked] == ["GET"]


def test_a_login_in_the_middle_of_a_line_begins_a_new_one(server: Replay, stranger: Program) -> None:
    server.answers["PATCH /apps/x"] = [Told(401, {"id": "unauthorized"}), Told(body={"name": "x"})]
    server.answers["POST /oauth/authorizations"] = Told(
        201, {"access_token": {"token": "new"}, "user": {"email": EMAIL}}
    )
    server.answers["GET /account/keys"] = Told(body=[{"id": "k"}])
    asked = stranger.terminal("maintenance:on", "-a", "x")
    # In between a sign turns where it takes longer.
    asked.expect_exact("Enabling maintenance mode for x... ")
    asked.expect_exact(f"\r\n !    Not logged in to {server.url}.\r\n")
    asked.expect_exact("Email: ")
    asked.sendline(EMAIL)
    asked.expect_exact("Password (typing will be hidden): ")
    asked.sendline("pass word")
    asked.expect_exact("Enabling maintenance mode for x... done\r\n")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0


@pytest.mark.parametrize("words", [["help"], ["keys", "--help"]])
def test_output_that_nobody_takes(stranger: Program, words: list[str], tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    for out, err, status in (
        (theirs, "", 141),
        (os.open("/dev/full", os.O_WRONLY), " !    cannot write the output: No space left on device\n", 1),
    ):
        done = subprocess.run(
            [*stranger.argv, *words], stdout=out, stderr=subprocess.PIPE, text=True, env=stranger.env, check=False
        )
        os.close(out)
        assert (done.stderr, done.returncode) == (err, status)


def test_standard_streams_may_be_closed(stranger: Program) -> None:
    line = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", line, "sh", *stranger.argv, "help"], env=stranger.env, check=False)
    assert done.returncode == 0
