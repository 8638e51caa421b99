"""Real terminals: a shell beside a dyno's process, logs that go on, a database's prompt."""

import re
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pexpect
import pytest

from tests import ports
from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform, wait_for
from tests.journeys.test_kills import kill


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    """One app for all: each test has terminals of its own."""
    found = platform.create(sources.web(Procfile="web: python3 -u server.py\nworker: sleep 1000\n"))
    found.celadon("config:set", "MARK=for-exec")
    found.push()
    found.celadon("ps:scale", "worker=1")
    wait_for("the worker is up", lambda: "worker.1: up" in found.celadon("ps"))
    return found


@dataclass
class Terminal:
    """`celadon` on a terminal of 33 rows and 101 columns."""

    child: "pexpect.spawn[str]"
    before: list[object]

    def expect(self, pattern: str) -> "re.Match[str]":
        self.child.expect(pattern)
        assert isinstance(self.child.match, re.Match)
        return self.child.match

    def ask(self, command: str, answer: str) -> "re.Match[str]":
        """What a shell says to a command."""
        self.child.sendline(command)
        return self.expect(answer)

    def ends_with(self, status: int) -> str:
        """Its last words; the terminal is as it was."""
        self.child.expect(pexpect.EOF)
        assert termios.tcgetattr(self.child.child_fd) == self.before
        self.child.close()
        assert self.child.exitstatus == status
        return str(self.child.before)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(app: App) -> Iterator[Open]:
    opened = []

    def begin(command: str, *words: str) -> Terminal:
        environment = {**app.platform.env, "TERM": "xterm", "PS1": "$ "}
        argv = [command, "--app", app.name, *words]
        child = pexpect.spawn(str(CELADON), argv, env=environment, dimensions=(33, 101), timeout=60, encoding="utf-8")
        opened.append(child)
        return Terminal(child, termios.tcgetattr(child.child_fd))

    yield begin
    for child in opened:
        child.close(force=True)


def beside(app: App, dyno: str = "web.1") -> list[str]:
    """What runs in a dyno besides its own process and our look at it."""
    shown = app.celadon("ps:exec", "-d", dyno, "--", "echo; ps -eo args=")
    own = ("/dev/init", "python3 -u server.py", "sleep 1000", "ps -eo", "/bin/bash -c", "Running")
    return [line for line in shown.splitlines() if line and not line.startswith(own)]


def test_a_shell_in_a_dyno_that_runs(app: App, terminal: Open) -> None:
    shell = terminal("ps:exec")
    shell.expect(r"Running `bash` in web\.1\.\.\. (.\x08)*( \x08)?up\r\n")
    shell.ask(
        "tty; stty size; echo $DYNO $MARK $TERM; pwd; id -un",
        "/dev/pts/0\r\n33 101\r\nweb\\.1 for-exec xterm\r\n/app\r\n",
    )
    shell.ask("curl -s localhost:$PORT; echo", "one ")
    shell.ask("ps -eo args= | grep -c [s]erver.py", "1\r\n")
    other = terminal("ps:exec", "-d", "web.1", "tty; read line; exit $line")
    other.expect("/dev/pts/1\r\n")
    # Ctrl-C reaches the command and not the client.
    shell.ask("sh -c 'echo go; exec sleep 999'", "\rgo\r\n")
    shell.child.sendintr()
    # What is typed before the prompt is thrown away with the interrupted line.
    shell.expect(r"\^C(?s:.)*\$ ")
    shell.ask("echo ended with $?", "ended with 130\r\n")
    shell.child.setwinsize(40, 120)
    shell.ask("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo now $(stty size)", "now 40 120\r\n")
    shell.ask("seq 20000; echo whole", "\nwhole\r\n")
    assert str(shell.child.before).endswith("".join(f"{number}\r\n" for number in range(1, 20_000)) + "20000\r")
    shell.child.sendline("(exit 9)")
    # An end that comes before the shell reads again is nobody's.
    shell.expect(r"\(exit 9\)\r\n(?s:.)*\$ ")
    shell.child.sendeof()
    shell.ends_with(9)
    other.child.sendline("4")
    other.ends_with(4)
    lines = app.wait_for_log("heroku[web.1]: Command `bash` beside the process ended")
    assert re.search(r"app\[api\]: Starting command `bash` in web\.1 by user \S+@", lines)
    assert "Starting command `bash` in web.1" in app.celadon("activity")
    assert beside(app) == []


def test_what_it_has_started_ends_with_its_client(app: App, terminal: Open) -> None:
    shell = terminal("ps:exec", "-d", "worker.1", "setsid sleep 998 & (sleep 997 &); echo up; sleep 996")
    shell.expect("up\r\n")
    # They begin at their own time.
    wait_for("all of it runs", lambda: len(beside(app, "worker.1")) == 3)
    shell.child.kill(15)
    shell.ends_with(143)
    app.wait_for_log("heroku[worker.1]: Command `setsid sleep 998")
    assert beside(app, "worker.1") == []
    assert "ended as its client left" in app.logs("--dyno", "worker.1")


def test_it_ends_with_the_role_that_holds_it_and_leaves_the_dyno_alone(app: App, terminal: Open) -> None:
    run = terminal("run", "echo up; sleep 995")
    run.expect("up\r\n")
    shell = terminal("ps:exec", "-d", "worker.1", "trap '' HUP; echo up; sleep 994 & sleep 993")
    shell.expect("up\r\n")
    kill(app.platform, "dynos")
    wait_for("it meets clients again", lambda: ports.listens(app.platform.ports["rendezvous-port"]))
    assert "ended without an exit status" in shell.ends_with(1)
    assert "ended without an exit status" in run.ends_with(1)
    wait_for("nothing is left of it", lambda: beside(app, "worker.1") == [])
    assert not re.search(r"heroku\[worker\.1\]: (Process exited|Stopping)", app.logs())


def test_it_ends_with_its_dyno(app: App, terminal: Open) -> None:
    shell = terminal("ps:exec", "-d", "worker.1", "trap '' TERM; echo up; while :; do sleep 992; done")
    shell.expect("up\r\n")
    app.celadon("ps:restart", "worker.1")
    assert "ended without an exit status; `celadon ps` tells whether" in shell.ends_with(1)


def test_where_there_is_nothing_to_enter_a_sentence_says_so(app: App) -> None:
    assert "its dynos: " in app.celadon("ps:exec", "-d", "web.9", check=False)
    stranger = app.platform.create(sources.web())
    assert "Couldn't find that dyno" in stranger.celadon("ps:exec", check=False)


def test_a_tail_on_a_terminal_goes_on_over_kills_and_ends_with_ctrl_c(app: App, terminal: Open) -> None:
    tail = terminal("logs", "--tail", "-n", "1")
    tail.expect(r"\w+\[\S+\]:")
    app.get("/first")
    tail.expect('path="?/first')
    kill(app.platform, "logplex")
    kill(app.platform, "api")
    wait_for("the app answers", lambda: app.get("/second").status == 200)
    tail.expect('path="?/second')
    tail.child.sendintr()
    tail.ends_with(130)


def test_a_prompt_of_a_database(app: App, terminal: Open) -> None:
    app.celadon("addons:create", "heroku-postgresql:mini", "--wait")
    psql = terminal("pg:psql")
    psql.ask("\\pset pager off", "=[#>] ")
    psql.ask("select 41 + 1 as n;", "42")
    psql.child.sendline("select 'sleeps', pg_sleep(100);")
    # It shows nothing while it waits: the server knows.
    wait_for("it runs", lambda: "pg_sleep(100)" in app.celadon("pg:ps"))
    psql.child.sendintr()
    psql.expect("canceling statement due to user request")
    psql.ask("select 41 + 2 as n;", "43")
    psql.child.sendline("\\q")
    psql.ends_with(0)
