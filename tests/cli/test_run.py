"""One-off dynos: over a real TLS connection, to a command that really runs."""

import errno
import os
import signal
import socket
import ssl
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import ports
from tests.cli.meeting import SECRET, Meeting
from tests.cli.program import Program
from tests.cli.replay import Asked, Replay, Told

from celadon.cli.commands import run
from celadon.cli.connection import platforms, rendezvous
from celadon.model import exit_status
from celadon.platform import certificates
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings


@dataclass
class Stage:
    celadon: Program
    meeting: Meeting
    server: Replay

    @property
    def body(self) -> Any:
        """What the newest dyno was asked to be."""
        return [asked.body for asked in self.server.asked if asked.method == "POST"][-1]


class DynoServer(Replay):
    """Tells the meeting what it shall run."""

    meeting: Meeting

    def next_answer(self, asked: Asked) -> Told:
        if asked.method == "POST":
            self.meeting.command, self.meeting.env = asked.body["command"], asked.body["env"]
        return super().next_answer(asked)


@pytest.fixture
def stage(stranger: Program, tmp_path: Path) -> Iterator[Stage]:
    server = DynoServer()
    home = tmp_path / "platform"
    home.mkdir()
    settings = Settings(home=home, http_port=server.port)
    platform_settings.save(settings)
    certificates.issue(settings, datetime.now(UTC))
    meeting = server.meeting = Meeting(certificates.server_pem(settings))
    dyno = {"name": "run.1", "attach_url": meeting.url, "state": "starting"}
    session = {"id": "s1", "attach_url": meeting.url, "dyno": {"name": "web.1"}, "command": "bash"}
    server.answers = {
        "POST /apps/example/dynos": Told(201, dyno),
        "POST /apps/example/dynos/web.1/exec-sessions": Told(201, session),
        "POST /apps/example/dynos/worker.2/exec-sessions": Told(201, session),
    }
    stranger.env |= {"CELADON_HOME": str(home), "CELADON_API_KEY": "t", "CELADON_APP": "example"}
    yield Stage(stranger, meeting, server)
    meeting.close()
    server.close()


def test_output_is_the_commands_alone_and_the_status_is_its(stage: Stage) -> None:
    shown = stage.celadon("run", "echo out; echo err >&2; (exit 7)")
    assert shown.err == "Running `echo out; echo err >&2; (exit 7)` attached to terminal... up, run.1\n"
    assert shown.out == "out\nerr\n"
    assert shown.status == 7
    assert stage.meeting.first_line == f"{SECRET}\r\n".encode()


@pytest.mark.parametrize(
    ("command", "out", "status"),
    [
        ("true", "", 0),
        ("exit 3", "", 3),
        ("false # no comment", "", 1),
        ("printf 'no line end'", "no line end", 0),
        ("echo a & wait", "a\n", 0),
        ("sleep 0 &", "", 0),
        ("set -e; false; echo never", "", 1),
        ("cat <<X\nhere\nX", "here\n", 0),
        ("bash -c 'kill -9 $$' | cat; (exit ${PIPESTATUS[0]})", "", 137),
        ("no-such-command 2>/dev/null", "", 127),
        ("exec false", "", 1),
        ("echo '\uffff heroku-command-exit-status: x'", "\uffff heroku-command-exit-status: x\n", 0),
    ],
)
def test_the_status_comes_back_whatever_the_command_is(stage: Stage, command: str, out: str, status: int) -> None:
    shown = stage.celadon("run", command)
    assert (shown.out, shown.status) == (out, status)


@pytest.mark.parametrize("chunk", [1, 2, 7, 30])
def test_the_status_line_is_found_however_the_output_is_cut(stage: Stage, chunk: int) -> None:
    stage.meeting.chunk = chunk
    shown = stage.celadon("run", "echo hello; (exit 12)")
    assert (shown.out, shown.status) == ("hello\n", 12)


def test_input_is_piped_and_ends(stage: Stage) -> None:
    shown = stage.celadon("run", "wc -c", input="x" * 200_000)
    assert (shown.out.strip(), shown.status) == ("200000", 0)


def test_much_output_arrives_whole(stage: Stage) -> None:
    shown = stage.celadon("run", "seq 200000")
    assert shown.out == "".join(f"{number}\n" for number in range(1, 200_001))
    assert shown.status == 0


def test_without_a_terminal_none_is_asked_for(stage: Stage) -> None:
    stage.celadon("run", "true")
    assert stage.body["env"] == {}
    assert stage.body["force_no_tty"] is True
    assert stage.body["attach"] is True


def test_size_type_and_environment_are_passed_on(stage: Stage) -> None:
    stage.celadon("run", "--size", "2X", "-e", "A=1;B=2", "-e", "C=3=4", "--type", "worker", "ls", "-la", "--", "x y")
    assert stage.body["env"] == {"A": "1", "B": "2", "C": "3=4"}
    assert (stage.body["size"], stage.body["type"]) == ("2X", "worker")
    assert stage.body["command"].startswith("ls -la -- 'x y' ; status=$?; echo ")
    stage.celadon("run", "rake", "db:migrate", "--size", "PX", "--app", "example")
    assert stage.body["command"].startswith("rake db:migrate ; status=$?; echo ")
    assert stage.body["size"] == "PX"
    assert stage.celadon("run", "-e", "nonsense", "true").status == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("echo $HOME; ls",), "echo $HOME; ls"),
        (("echo", "$HOME", "a b"), "echo $HOME 'a b'"),
        (("sh", "-c", 'echo "x"'), "sh -c 'echo \"x\"'"),
        (("printf", ""), "printf ''"),
    ],
)
def test_words_are_quoted_where_the_shell_would_cut_them(words: tuple[str, ...], line: str) -> None:
    assert run.command_line(words) == line


def test_a_terminal_is_passed_through(stage: Stage) -> None:
    asked = stage.celadon.terminal("run", "read -p 'name? ' name; echo hello $name; tput cols; (exit 5)")
    asked.expect_exact("up, run.1")
    asked.expect_exact("name? ")
    asked.send("ada\r")
    asked.expect_exact("hello ada\r\n")
    asked.expect(pexpect.EOF)
    assert "\uffff" not in asked.before
    asked.close()
    assert asked.exitstatus == 5
    assert stage.body["env"] == {"TERM": "xterm", "COLUMNS": 111, "LINES": 33}
    assert "force_no_tty" not in stage.body


def test_ctrl_c_reaches_the_command_not_us(stage: Stage) -> None:
    asked = stage.celadon.terminal("run", "trap 'echo caught; (exit 9)' INT; echo ready; sleep 30; (exit 4)")
    asked.expect_exact("ready\r\n")
    asked.send("\x03")
    asked.expect_exact("caught")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 4


def test_ctrl_c_again_and_again_leaves_a_dyno_that_does_not_listen(stage: Stage) -> None:
    asked = stage.celadon.terminal("run", "trap '' INT; echo ready; sleep 100")
    asked.expect_exact("ready\r\n")
    for _ in range(3):
        asked.send("\x03")
        asked.expect_exact("^C")
    asked.send("\x03")
    # It is four within a second that leave: where these took longer, the next ones follow.
    while asked.expect_exact(["^C", pexpect.EOF]) == 0:
        asked.send("\x03")
    asked.close()
    assert asked.exitstatus == 130


def test_without_a_terminal_an_interrupt_leaves_quietly(stage: Stage) -> None:
    running = stage.celadon.start("run", "echo ready; sleep 20", stdin=-1, stdout=-1, stderr=-1)
    assert running.stdout is not None and running.stderr is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("said", "err"),
    [
        (b"", "closed the connection; `celadon logs` may say why"),
        (b"rendezvous\r\n", "run.1 ended without an exit status; `celadon logs --dyno run.1` may say why"),
        (b"x" * 5000, "closed the connection"),
    ],
)
def test_a_dyno_that_does_not_come_is_an_error(stage: Stage, said: bytes, err: str) -> None:
    def behave(client: ssl.SSLSocket) -> None:
        client.sendall(said)

    stage.meeting.behave = behave
    shown = stage.celadon("run", "true")
    assert shown.status == 1
    assert err in shown.err
    assert "Traceback" not in shown.err


def test_a_command_that_cannot_be_run_in_a_dyno_has_failed(stage: Stage) -> None:
    stage.meeting.behave = lambda client: client.sendall(b"cannot run the command: the dyno is full\r\n")
    shown = stage.celadon("ps:exec", "ls")
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == ("Running `ls` in web.1... failed\n !    cannot run the command: the dyno is full\n")


def test_output_in_the_same_piece_as_the_greeting_is_kept(stage: Stage) -> None:
    def behave(client: ssl.SSLSocket) -> None:
        client.sendall(b"rendezvous\r\nfirst\n\xef\xbf\xbf heroku-command-exit-status: 0\n")

    stage.meeting.behave = behave
    shown = stage.celadon("run", "true")
    assert (shown.out, shown.status) == ("first\n", 0)


def test_a_certificate_of_another_authority_is_refused(stage: Stage, tmp_path: Path) -> None:
    other = Settings(home=tmp_path / "other")
    other.home.mkdir()
    certificates.issue(other, datetime.now(UTC))
    (tmp_path / "platform" / "ca" / "ca.pem").write_bytes((other.home / "ca" / "ca.pem").read_bytes())
    shown = stage.celadon("run", "true")
    assert shown.status == 1
    assert "is not trusted" in shown.err
    assert stage.meeting.first_line == b""


def test_nothing_listens_at_the_rendezvous(stage: Stage) -> None:
    with ports.held() as (port,):
        dyno = {"name": "run.1", "attach_url": f"rendezvous://localhost:{port}/{SECRET}", "state": "starting"}
        stage.server.answers["POST /apps/example/dynos"] = Told(201, dyno)
        shown = stage.celadon("run", "true")
    assert shown.status == 1
    assert "cannot attach to the dyno at localhost:" in shown.err


def test_a_conflict_is_tried_again(stage: Stage) -> None:
    told = stage.server.answers["POST /apps/example/dynos"]
    assert isinstance(told, Told)
    stage.server.answers["POST /apps/example/dynos"] = [Told(409, {"id": "conflict", "message": "Not now."}), told]
    assert stage.celadon("run", "exit 2").status == 2


def test_a_command_in_a_dyno_that_is_up(stage: Stage) -> None:
    shown = stage.celadon("ps:exec", "-d", "worker.2", "echo $((1 + 1)); exit 3")
    assert shown.err == "Running `echo $((1 + 1)); exit 3` in worker.2... up\n"
    assert (shown.out, shown.status) == ("2\n", 3)
    assert stage.server.asked[-1].path == "/apps/example/dynos/worker.2/exec-sessions"
    assert stage.body["env"] == {}
    shown = stage.celadon("run:inside", "web.1", "ls", "-la", "/nowhere", "--app", "example")
    assert stage.body["command"].startswith("ls -la /nowhere ; status=$?; echo ")
    assert shown.status == 2
    assert stage.celadon("run:inside", "web.1").status == 2


def test_a_shell_in_the_first_web_dyno_where_nothing_else_is_said(stage: Stage) -> None:
    shell = stage.celadon.terminal("ps:exec")
    shell.expect_exact("Running `bash` in web.1... ")
    shell.expect_exact("up\r\n")
    shell.send("exit 6\r")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6
    assert stage.body["env"] == {"TERM": "xterm", "COLUMNS": 111, "LINES": 33}


def test_what_is_typed_before_the_dyno_answers_reaches_it(stage: Stage) -> None:
    typed = threading.Event()

    def behave(client: ssl.SSLSocket) -> None:
        typed.wait(60)
        client.sendall(b"rendezvous\r\n")
        stage.meeting._terminal(client)

    stage.meeting.behave = behave
    shell = stage.celadon.terminal("ps:exec")
    shell.expect_exact("Running `bash` in web.1... ")
    shell.send("exit 6\r")
    typed.set()
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6


@pytest.mark.parametrize("name", ["run:rake", "rake"])
def test_the_old_way_to_run_rake_still_works_and_says_so(stage: Stage, name: str) -> None:
    shown = stage.celadon(name, "db:migrate", "--app", "example", env={"PATH": "/nowhere"})
    old = f"WARNING: `celadon {name}` has been deprecated. Please use `celadon run rake` instead.\n"
    assert shown.err == f"{old}Running `rake db:migrate` attached to terminal... up, run.1\n"
    assert shown.status == 127


def test_the_old_way_to_open_a_console_still_works_and_says_so(stage: Stage) -> None:
    shown = stage.celadon("console", "--", "--sandbox")
    assert "WARNING: `celadon console` has been deprecated. Please use `celadon run console` instead." in shown.err
    assert stage.body["command"].startswith("console --sandbox ; ")


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_whoever_ends_us_gets_the_terminal_back_as_it_was(stage: Stage, signum: int, status: int) -> None:
    asked = stage.celadon.terminal("run", "echo ready; sleep 20")
    before = termios.tcgetattr(asked.child_fd)
    asked.expect_exact("ready\r\n")
    assert termios.tcgetattr(asked.child_fd) != before, "each key is passed on"
    asked.kill(signum)
    asked.expect(pexpect.EOF)
    assert termios.tcgetattr(asked.child_fd) == before
    asked.close()
    assert (asked.exitstatus, asked.signalstatus) == (status, None)


def test_a_connection_that_breaks_ends_with_a_sentence_and_a_terminal_as_it_was(stage: Stage) -> None:
    def behave(client: ssl.SSLSocket) -> None:
        client.sendall(b"rendezvous\r\nready\r\n")
        client.recv(1)

    stage.meeting.behave = behave
    asked = stage.celadon.terminal("ps:exec")
    before = termios.tcgetattr(asked.child_fd)
    asked.expect_exact("ready\r\n")
    asked.send("x")
    asked.expect_exact(
        "bash in web.1 ended without an exit status; `celadon ps` tells whether the dyno is still up\r\n"
    )
    asked.expect(pexpect.EOF)
    assert termios.tcgetattr(asked.child_fd) == before
    asked.close()
    assert asked.exitstatus == 1


class Cut:
    """A connection on a network that is cut, once the kernel has given it up: the other side never said so."""

    def setblocking(self, flag: bool) -> None:
        pass

    def recv(self, size: int) -> bytes:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")


def test_a_network_that_is_cut_is_the_end_and_no_fault_of_ours() -> None:
    with Path(os.devnull).open("rb") as source, Path(os.devnull).open("wb") as sink:
        wire = rendezvous._Wire(Cut(), source, sink, terminal=False)  # type: ignore[arg-type]
        wire.run()
    assert wire.status is None


def test_a_cut_network_is_noticed_though_nobody_types(stage: Stage) -> None:
    platform = platforms.Platform(api_url="http://localhost", ca_file=stage.celadon.home.parent / "platform/ca/ca.pem")
    stage.meeting.behave = lambda client: client.sendall(b"rendezvous\r\n")
    connection, _ = rendezvous.meet(platform, stage.meeting.url)
    with connection:
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
        assert [connection.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [30, 10, 3, 60_000]


def test_detached(stage: Stage) -> None:
    shown = stage.celadon("run:detached", "bin/foo")
    assert shown.out == ("Running `bin/foo` detached... up, run.1\nUse `celadon logs -p run.1` to view the output.\n")
    assert (stage.body["attach"], stage.body["command"]) == (False, "bin/foo")
    assert stage.celadon("run", "--detached", "bin/foo").out == shown.out


def test_without_release_the_platform_says_why(celadon: Program) -> None:
    celadon("create", "another", "-n")
    shown = celadon("run", "-a", "another", "ls")
    assert shown.status == 1
    assert shown.err == (
        "Running `ls` attached to terminal... failed\n"
        " !    cannot run a command on another: nothing has been deployed yet, push code first\n"
    )


MARK = exit_status._MARK.encode()


@given(
    pieces=st.lists(
        st.sampled_from([b"a", b"\n", b"\xef", b"\xef\xbf", MARK, MARK[:9], MARK + b"12", b"0"]), max_size=12
    ),
    cuts=st.lists(st.integers(1, 9), max_size=60),
    status=st.integers(0, 255),
)
def test_no_byte_of_a_command_is_lost_or_added(pieces: list[bytes], cuts: list[int], status: int) -> None:
    own = b"".join(piece + (b"x" if piece.startswith(MARK) else b"") for piece in pieces)
    stream = own + MARK + str(status).encode() + b"\r\n"
    filter, shown = exit_status.Filter(), b""
    while stream:
        size = cuts.pop() if cuts else 3
        shown += filter.feed(stream[:size])
        stream = stream[size:]
    assert shown + filter.rest() == own
    assert filter.status == status


@pytest.mark.parametrize("command", ["bash", "exit 3", "echo a # b", "echo a &", "ls \\", "a\nb", "(exec x)"])
def test_a_command_is_told_as_it_was_typed(command: str) -> None:
    assert exit_status.told(exit_status.telling(command)) == command
    official = f'{command} ; echo "\uffff heroku-command-exit-status: $?"'
    assert exit_status.told(official) == command
    assert exit_status.told(command) == command
