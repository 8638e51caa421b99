"""One-off dynos: attached to a terminal, to a pipe, or to nothing."""

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator

import pexpect
import pytest

from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform, wait_for


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    """One app for all: each test has dynos of its own."""
    found = platform.create(
        sources.web(Procfile="web: python3 -u server.py\nsay: echo said\n", **{"exits.py": "raise SystemExit(42)\n"})
    )
    found.push()
    found.celadon("config:set", "MARK=for-run")
    return found


@pytest.fixture
def terminal(app: App) -> Iterator["pexpect.spawn[str]"]:
    """A shell in a dyno, on a terminal of 33 rows and 101 columns."""
    argv = ["run", "--app", app.name, "bash"]
    environment = {**app.platform.env, "TERM": "xterm"}
    child = pexpect.spawn(str(CELADON), argv, env=environment, dimensions=(33, 101), timeout=60, encoding="utf-8")
    try:
        child.expect(r"\$ ")
        yield child
    finally:
        child.close(force=True)


def test_a_shell_on_a_real_terminal(app: App, terminal: "pexpect.spawn[str]") -> None:
    terminal.sendline("tty; stty size; echo $DYNO $MARK $TERM; pwd; id -un")
    terminal.expect("/dev/pts/0\r\n33 101\r\nrun\\.\\d+ for-run xterm\r\n/app\r\n")
    # Ctrl-C reaches the command, not the client.
    terminal.sendline("sh -c 'echo go; exec sleep 1000'")
    terminal.expect_exact("\rgo\r\n")
    terminal.sendintr()
    terminal.expect(r"\^C")
    # What is typed before the prompt is thrown away with the interrupted line.
    terminal.expect(r"\$ ")
    terminal.sendline("echo ended with $?")
    terminal.expect("ended with 130\r\n")
    wait_for("a one-off that runs is listed", lambda: re.search(r"run\.\d+ .*up", app.celadon("ps")))
    terminal.expect(r"\$ ")
    terminal.sendline("exit 9")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 9
    wait_for("it is gone", lambda: "run." not in app.celadon("ps"))


def test_a_client_that_goes_away_hangs_up(app: App, terminal: "pexpect.spawn[str]") -> None:
    terminal.sendline("echo dyno $DYNO is here; exec sleep 1000")
    terminal.expect(r"dyno (run\.\d+) is here")
    assert isinstance(terminal.match, re.Match)
    name = terminal.match[1]
    # It speaks before anybody has seen that it is up; who ends before is never said to have been.
    wait_for("it is seen to be up", lambda: re.search(rf"{re.escape(name)} .*up", app.celadon("ps")))
    terminal.close(force=True)
    wait_for("it is gone", lambda: f"{name} " not in app.celadon("ps"))
    app.wait_for_log(f"heroku[{name}]: State changed from up to complete")


def test_a_terminal_that_is_resized(app: App, terminal: "pexpect.spawn[str]") -> None:
    terminal.setwinsize(40, 120)
    terminal.sendline("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo now $(stty size)")
    terminal.expect("now 40 120\r\n")


def test_a_dyno_that_does_not_heed_its_clients_leaving_is_r16_and_ends(app: App) -> None:
    argv = ["run", "--app", app.name, "trap '' HUP; echo dyno $DYNO stays; sleep 1000"]
    terminal = pexpect.spawn(str(CELADON), argv, env=app.platform.env, timeout=60, encoding="utf-8")
    terminal.expect(r"dyno (run\.\d+) stays")
    assert isinstance(terminal.match, re.Match)
    name = terminal.match[1]
    terminal.close(force=True)
    lines = app.wait_for_log(f"heroku[{name}]: Error R16 (Detached)")
    assert f"heroku[{name}]: Stopping all processes" not in lines.partition(f"heroku[{name}]: Error R16")[0]
    app.wait_for_log(f"heroku[{name}]: Process exited with status 143")
    wait_for("it is gone", lambda: f"{name} " not in app.celadon("ps"))


def test_status_and_output_through_a_pipe(app: App) -> None:
    found = app.platform.run(CELADON, "run", "--app", app.name, "--", "python3 exits.py", check=False)
    assert found.returncode == 42
    piped = subprocess.run(
        [str(CELADON), "run", "--app", app.name, "--no-tty", "--", "wc -c; echo done >&2"],
        input=b"x" * 300_000,
        env=app.platform.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    assert b"300000" in piped.stdout
    assert b"done" in piped.stdout


def test_a_process_type_stands_for_its_command(app: App) -> None:
    assert app.celadon("run", "--", "say", "more").endswith("said more\n")


def test_each_run_has_a_fresh_copy_of_the_slug(app: App) -> None:
    app.celadon("run", "--", "echo spoiled >version; rm server.py")
    assert app.celadon("run", "--", "cat version; ls server.py").endswith("one\nserver.py\n")
    assert " one " in app.get().text


def test_detached_its_output_goes_to_the_logs(app: App) -> None:
    said = app.celadon("run:detached", "--", "echo one; echo two >&2; exit 5")
    found = re.search(r"run\.\d+", said)
    assert found
    name = found[0]
    lines = app.wait_for_log(f"heroku[{name}]: Process exited with status 5")
    # It may have ended before it was seen to be up.
    assert re.search(rf"heroku\[{name}\]: State changed from (starting|up) to complete", lines)
    assert f"app[{name}]: one" in lines
    assert f"app[{name}]: two" in lines
    # It comes another way than what dynos write.
    app.wait_for_log("app[api]: Starting process with command `echo one; echo two >&2; exit 5` by user")


def test_a_dyno_that_runs_can_be_stopped(app: App) -> None:
    said = app.celadon("run:detached", "--", "sleep 1000")
    found = re.search(r"run\.\d+", said)
    assert found
    wait_for("it runs", lambda: re.search(rf"{re.escape(found[0])} .*up", app.celadon("ps")))
    app.celadon("ps:stop", found[0])
    wait_for("it is gone", lambda: found[0] not in app.celadon("ps"))


def test_nothing_can_be_run_before_the_first_push(platform: Platform) -> None:
    app = platform.create(sources.web())
    assert "nothing has been deployed yet" in app.celadon("run", "--", "ls", check=False)


@pytest.mark.parametrize(("name", "value"), [("PORT", "1"), ("1X", "1")])
def test_an_environment_that_cannot_be_is_refused(app: App, name: str, value: str) -> None:
    assert name in app.celadon("run", "-e", f"{name}={value}", "--", "ls", check=False)


def test_no_signal_is_blocked(app: App) -> None:
    """Ctrl-Z, and whoever waits for a terminal, need theirs."""
    assert "0000000000000000" in app.celadon("run", "--no-tty", "--", "grep SigBlk /proc/self/status")


def test_connections_that_say_nothing_shut_nobody_out(app: App) -> None:
    """More of them than select() knows descriptors."""
    address = ("127.0.0.1", app.platform.ports["rendezvous-port"])
    with contextlib.ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(socket.create_connection(address, timeout=60))
        app.celadon("ps:restart")
        assert app.celadon("run", "--no-tty", "--", "echo heard").endswith("heard\n")
        wait_for("the dynos restart", lambda: re.search(r"web\.1: up", app.celadon("ps")))
        assert app.get().status == 200


def test_an_attached_dyno_ends_with_its_client_after_the_end_of_its_input_too(app: App) -> None:
    argv = [str(CELADON), "run", "--no-tty", "--app", app.name, "echo $DYNO; cat; sleep 1000"]
    with subprocess.Popen(
        argv, env=app.platform.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout
        name = client.stdout.readline().strip()
        assert re.fullmatch(r"run\.\d+", name)
        wait_for("it has read to the end", lambda: re.search(rf"{name} .*up", app.celadon("ps")))
        client.kill()
    wait_for("it is gone", lambda: f"{name} " not in app.celadon("ps"))
