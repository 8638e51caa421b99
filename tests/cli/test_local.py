"""`celadon local`: running, stopping, checking and exporting an app on this machine, as a user calls it."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pexpect
import pytest
from tests.cli.program import Program, Run

from celadon.cli import foreman, group
from celadon.local import tree

# What ignores every polite word, and one whose parent has gone, that has left its group and its output.
STUBBORN = """#!/bin/sh
trap '' TERM INT HUP
( setsid sh -c 'echo $$ >> pids; exec sleep 1000' >/dev/null 2>&1 & )
sh -c 'echo $$ >> pids; exec sleep 1000' &
echo $$ >> pids
wait
echo ready
sleep 1000
sleep 1000
"""


class Here:
    """The command line in this process, for what starts no other: it takes milliseconds."""

    def __init__(self, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.work = work
        self.main: Callable[[Sequence[str]], int] = group.run
        self._capsys = capsys

    def __call__(self, *words: str) -> Run:
        status = self.main(list(words))
        out, err = self._capsys.readouterr()
        return Run(out, err, status)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("PORT", raising=False)
    return Here(work, capsys)


def write(celadon: Program | Here, **files: str) -> None:
    for name, text in files.items():
        (celadon.work / {"Procfile": "Procfile", "env": ".env"}.get(name, name)).write_text(text)


def lines(shown: str) -> list[str]:
    """Without the times and the ids of processes."""
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in shown.splitlines())
    return [re.sub(r"pid \d+", "pid N", line[9:]) for line in shown.splitlines()]


def alive(pid: int) -> bool:
    """Whether it still runs after a while: one that was killed takes a moment to go."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        return not select.select([descriptor], [], [], 60)[0]
    finally:
        os.close(descriptor)


def test_start_runs_all_with_env_and_ports_and_stops_all_with_the_first(stranger: Program) -> None:
    write(
        stranger,
        # Who ends them all waits until the others have spoken.
        Procfile="release: false\nweb: echo $GREETING $PORT $PS; touch $PS; exec sleep 1000\n"
        "worker: until [ -e web.1 ] && [ -e web.2 ]; do sleep 0.02; done; echo $PORT; exit 3\n",
        env="GREETING='hello  world'\n",
    )
    port = free_ports(stranger)
    done = stranger("local:start", "-c", "web=2", "-p", str(port))
    shown = lines(done.out)
    assert (done.err, done.status) == ("", 3)
    assert f"web.1    | hello world {port + 100} web.1" in shown
    assert f"web.2    | hello world {port + 101} web.2" in shown
    assert f"worker.1 | {port + 200}" in shown
    assert "worker.1 | exited with code 3" in shown
    assert "system   | one has ended, sending SIGTERM to all" in shown
    assert shown.count("web.1    | ended by SIGTERM") == 1
    assert "\x1b" not in done.out


def free_ports(celadon: Program) -> int:
    """The first of some hundred ports of which nobody listens to those of web."""
    import socket

    for port in range(20_000, 60_000, 1000):
        try:
            for number in (port, port + 100, port + 101):
                socket.create_server(("", number)).close()
        except OSError:
            continue
        return port
    raise AssertionError("there is a free port")


@pytest.mark.parametrize(
    ("procfile", "status"),
    [
        ("one: sleep 1000 & exit 5\ntwo: exec sleep 1000\n", 5),
        ("one: kill -KILL $$\ntwo: exec sleep 1000\n", 137),
        (
            "one: until [ -e ready ]; do sleep 0.02; done\ntwo: trap 'exit 9' TERM; touch ready; sleep 1000 & wait\n",
            0,
        ),
    ],
)
def test_status_is_that_of_the_first_that_failed(stranger: Program, procfile: str, status: int) -> None:
    write(stranger, Procfile=procfile)
    assert stranger("local").status == status


def test_ctrl_c_stops_the_whole_tree_and_a_second_one_at_once(stranger: Program) -> None:
    write(stranger, Procfile="web: echo up; exec sleep 1000\nbad: sh stubborn\n", stubborn=STUBBORN)
    port = free_ports(stranger)
    running = stranger.terminal("local", "-t", "60", "-p", str(port), env={"NO_COLOR": ""})
    running.expect_exact("\x1b[0m\x1b[36m")
    running.expect(r"\d\d:\d\d:\d\d web\.1 +\| \x1b\[0mup")
    pids = waited_for(running, stranger.work / "pids", 3)
    running.sendintr()
    running.expect("SIGINT received, sending SIGTERM to all")
    running.sendintr()
    running.expect("sending SIGKILL to what is left")
    running.expect(pexpect.EOF)
    running.close()
    assert running.exitstatus == 130
    assert [pid for pid in pids if alive(pid)] == []


def waited_for(running: "pexpect.spawn[str]", file: Path, count: int) -> list[int]:
    """The ids of processes that are in the file, as soon as there are so many; the program's output is the clock."""
    while len(found := file.read_text().split() if file.exists() else []) < count:
        assert running.isalive()
    return [int(pid) for pid in found]


def test_no_colour_where_it_is_not_wanted(stranger: Program) -> None:
    write(stranger, Procfile="one: echo up\n")
    running = stranger.terminal("local", env={"NO_COLOR": "1"})
    running.expect(pexpect.EOF)
    assert "one.1  | up" in (running.before or "") and "\x1b" not in (running.before or "")


@pytest.fixture
def start(stranger: Program) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts `celadon local`, and leaves nothing of it when the test fails."""
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> "subprocess.Popen[bytes]":
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(stranger.start("local", "-t", "0.2", start_new_session=True, **pipes))
        return started[-1]

    yield begin
    for process in started:
        tree.send(tree.remaining(process.pid, set()), signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_as_well_and_kill_what_ignores_them(
    stranger: Program, start: Callable[[], "subprocess.Popen[bytes]"], number: signal.Signals
) -> None:
    write(stranger, Procfile="one: trap '' TERM; echo $$ > pids; echo up; exec sleep 1000\n")
    started = start()
    assert started.stdout is not None
    while b"| up" not in started.stdout.readline():
        assert started.poll() is None
    started.send_signal(number)
    started.communicate(timeout=60)
    assert started.returncode == 128 + number
    assert not alive(int((stranger.work / "pids").read_text()))


def test_what_was_started_ends_with_a_manager_that_is_killed(
    stranger: Program, start: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    write(stranger, Procfile="one: echo $$ >> pids; exec sleep 1000\ntwo: echo $$ >> pids; echo up; exec sleep 1000\n")
    started = start()
    assert started.stdout is not None
    while b"two.1  | up" not in started.stdout.readline():
        assert started.poll() is None
    started.kill()
    # honcho's children have this output too, and end with what they started.
    started.communicate(timeout=60)
    assert not [pid for pid in (stranger.work / "pids").read_text().split() if alive(int(pid))]


def test_a_reader_that_leaves_ends_it(stranger: Program, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
    write(stranger, Procfile="one: echo $$ > pids; while echo up; do sleep 0.02; done\n")
    started = start()
    assert started.stdout is not None and started.stdout.readline()
    started.stdout.close()
    assert started.wait(60) == 141
    assert started.stderr is not None and started.stderr.read() == b""
    assert not alive(int((stranger.work / "pids").read_text()))


@pytest.mark.parametrize(
    ("files", "words", "error"),
    [
        ({}, ["local"], "cannot read Procfile: there is no such file in "),
        ({"Procfile": "web: x\n"}, ["local", "wob"], "there is no process type wob in the Procfile: it has web"),
        ({"Procfile": "web: x\n", "env": "A=1\nB\n"}, ["local"], "cannot read .env line 2: expected KEY=value"),
        ({"Procfile": "web: x\n"}, ["local", "-e", "none"], "cannot read none: there is no such file"),
        ({"Procfile": "web: x\n"}, ["local:run", "-e", "none", "x"], "cannot read none: there is no such file"),
        ({"Procfile": "web x\n"}, ["local"], "cannot read Procfile line 1: expected `<process type>: <command>`"),
        ({}, ["local", "-d", "none"], "there is no directory none"),
    ],
)
def test_what_is_wrong_is_one_sentence(here: Here, files: dict[str, str], words: list[str], error: str) -> None:
    write(here, **files)
    done = here(*words)
    assert done.status == 1 and done.out == ""
    assert done.err.startswith(f" !    {error}")


def test_later_files_win_and_their_order_is_that_of_the_line(stranger: Program) -> None:
    write(stranger, one="A=1\nB=1\n", two="B=2\nC=2\n", three="C=3\n", env="A=no\n")
    done = stranger("local:run", "-e", "one,two", "-e", "three", "echo $A $B $C")
    assert (done.out, done.status) == ("1 2 3\n", 0)


def test_run_is_the_command_with_its_input_and_status(stranger: Program) -> None:
    write(stranger, Procfile="web: serve\nworker: sh -c 'echo $PORT $0 $1' work\n", env="A='x  y'\nPORT=7000\n")
    assert stranger("local:run", "printf", "%s|%s", "$A", "b  c").out == "$A|b  c"
    done = stranger("local:run", 'read line; echo "$A" $line $PORT; exit 7', input="typed\n")
    assert (done.out, done.err, done.status) == ("x  y typed 7000\n", "", 7)
    assert stranger("local:run", "worker", "now").out == "7100 work now\n"
    assert stranger("local:run", "-p", "6000", "echo $PORT").out == "6000\n"
    assert stranger("local:run", "kill -KILL $$").status == -signal.SIGKILL
    assert stranger("local:run", "no-such-command").status == 127


def test_check_tells_each_error_with_its_line(here: Here) -> None:
    write(here, Procfile="web: x\n\nweb: y\nrun: z\nwo rker: w\nclock:\n", other="web: x\nworker: y\n")
    done = here("local:check")
    assert (done.out, done.status) == ("", 1)
    assert [line[6:] for line in done.err.splitlines()] == [
        "cannot read Procfile line 3: process type web is declared twice",
        "cannot read Procfile line 4: `run` is what one-off dynos are called, choose another name for this process type",
        "cannot read Procfile line 5: process type 'wo rker' may have letters, digits, `_` and `-` only, at most 30",
        "cannot read Procfile line 6: process type clock has no command",
    ]
    assert here("local:check", "-f", "other").out == "other is valid: web, worker\n"


def test_export_writes_what_foreman_users_expect(here: Here) -> None:
    write(here, Procfile="web: serve -p $PORT\nrelease: migrate\n", env="A=x y\n")
    done = here(
        "local:export",
        "systemd",
        "units",
        "-a",
        "shop",
        "-u",
        "deploy",
        "-c",
        "web=2",
        "-p",
        "7000",
        "-l",
        "/var/log/shop",
    )
    assert (done.err, done.status) == ("", 0)
    assert done.out.splitlines()[0] == f"Wrote {here.work}/units/shop.target"
    unit = (here.work / "units/shop-web-2.service").read_text()
    for line in (
        "User=deploy",
        f"WorkingDirectory={here.work}",
        'Environment="A=x y"',
        'Environment="PORT=7001"',
        "StandardOutput=append:/var/log/shop/web.2.log",
    ):
        assert f"\n{line}\n" in unit
    done = here("local:export", "systemd", "units", "-a", "shop")
    assert done.err == ""
    assert done.out.splitlines()[-1] == f"Removed {here.work}/units/shop-web-2.service"
    (here.work / "units/shop-old.target").touch()
    told = " !    These do not say that an export wrote them. Remove what an earlier one has left:\n"
    assert here("local:export", "systemd", "units", "-a", "shop").err == told + (
        f" !      {here.work}/units/shop-old.target\n"
    )
    assert here("local:export", "systemd", "more").status == 0
    assert "User=work\n" in (here.work / "more/work-web-1.service").read_text()
    assert here("local:export", "init", "more").status == 2


def test_foreman_has_its_own_names(here: Here) -> None:
    sub = here.work / "sub"
    sub.mkdir()
    (sub / "Procfile").write_text("one: echo $PORT $PWD\ntwo: echo two\n")
    (sub / ".env").write_text("PORT=7000\n")
    here.main = foreman.main
    assert here("check", "-d", "sub").out == "Procfile is valid: one, two\n"
    assert here("export", "bluepill", "out", "-d", "sub").status == 0
    assert (here.work / "out/sub.pill").exists()
    assert here().out.startswith("Usage: celadon-foreman COMMAND")
    assert here("version").out.startswith("celadon/")
    wrong = here("stop")
    assert (wrong.status, wrong.err.splitlines()[0]) == (2, " !    `stop` is not a celadon-foreman command.")
    words = [sys.executable, "-m", "celadon.cli.foreman", "start", "-f", "sub/Procfile", "-m", "all=0,one=1"]
    done = subprocess.run(words, cwd=here.work, capture_output=True, text=True, check=True, timeout=60)
    assert f"one.1  | 7000 {sub}" in lines(done.stdout)


def test_variables_too_large_for_a_program_are_told(stranger: Program) -> None:
    write(stranger, Procfile="one: true\n", env=f"A={'x' * 200_000}\n")
    done = stranger("local")
    assert "one.1  | cannot start: its variables are too large" in lines(done.out) and done.status == 126
    assert stranger("local:run", "true").err == " !    cannot run the command: Argument list too long\n"
