"""bin/up and bin/down on this machine, with a home, ports and credentials of the test's own."""

import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import ports

from celadon import __main__ as main
from celadon.platform import instances, login, mounts
from celadon.platform import settings as platform_settings

pytestmark = pytest.mark.platform

CHECKOUT = Path(__file__).parents[2]
SECONDS = 240


@dataclass(frozen=True)
class Machine:
    """A person's HOME and a platform's home; both end with the test."""

    person: Path
    home: Path
    flags: list[str]

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CELADON_")}
        return {**clean, "HOME": str(self.person), "SUDO_USER": "", "CELADON_HOME": str(self.home)}

    def start(self, program: str, *arguments: str) -> "subprocess.Popen[str]":
        argv = [str(CHECKOUT / "bin" / program), *arguments]
        return subprocess.Popen(
            argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, program: str, *arguments: str) -> str:
        """Run one of our programs; returns what it printed, fails when it failed."""
        with self.start(program, *arguments) as running:
            output = running.communicate(timeout=SECONDS)[0]
        assert running.returncode == 0, output
        return output

    def up(self, *arguments: str) -> str:
        return self.run("up", *self.flags, "--no-sample", *arguments)

    @property
    def instance(self) -> int:
        return next(number for number, home in instances.taken().items() if home == self.home)

    def info(self) -> dict[str, object]:
        with self.start("celadon", "platform:info", "--json") as running:
            found: dict[str, object] = json.loads(running.communicate()[0])
        return {**found, "status": running.returncode}


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Not below pytest's own directory: a socket's path has room for 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="celadon-up-", dir="/var/tmp"))
    directory.chmod(0o711)
    names = ("http", "https", "ssh", "rendezvous")
    with ports.held(4) as found:
        flags = [word for name, port in zip(names, found, strict=True) for word in (f"--{name}-port", str(port))]
        made = Machine(person=directory, home=directory / "home", flags=flags)
        yield made
        subprocess.run([str(CHECKOUT / "bin/down"), "--purge"], env=made.env, capture_output=True, check=False)
    shutil.rmtree(directory)


def traces(instance: int, home: Path) -> list[str]:
    """What is left of a platform on this machine."""
    found = _traces(instance, home)
    # The number of one that is gone is the next one's, which may have come meanwhile.
    if instances.taken().get(instance, home) != home:
        found = [line for line in found if str(home) in line or line.isdecimal()]
    return found


def _traces(instance: int, home: Path) -> list[str]:
    name = f"celadon{instance}"
    paths = [Path("/run", name), Path("/sys/class/net", f"{name}br"), home, *Path("/sys/fs/cgroup").glob(f"*/{name}")]
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    processes = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True, check=False).stdout
    return [
        *(str(path) for path in paths if path.exists()),
        *(line for line in tables.splitlines() if line.endswith(f" {name}")),
        *(line for line in lines if f"/{name}/" in line),
        *processes.split(),
    ]


def test_second_run_repeats_nothing_and_is_quick(machine: Machine) -> None:
    began = time.monotonic()
    first = machine.up()
    took = time.monotonic() - began
    pids = machine.info()["pids"]
    password = re.search(r"password (\S+)", first)
    assert password is not None
    assert (machine.home / "operator-password").read_text().strip() == password[1]
    token = (machine.person / ".netrc").read_text()
    began = time.monotonic()
    second = machine.up()
    # On an idle machine it is a second. One that has much else to do needs longer, for the first run as well.
    assert time.monotonic() - began < max(15, took / 2)
    assert password[1] not in second
    assert machine.info()["pids"] == pids
    assert (machine.person / ".netrc").read_text() == token


def test_under_sudo_the_one_who_typed_it_is_logged_in(machine: Machine) -> None:
    nobody = pwd.getpwnam("nobody")
    machine.up()
    for name in (".netrc", ".config"):
        path = machine.person / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    os.chown(machine.person, nobody.pw_uid, nobody.pw_gid)
    caller = login.Person(home=machine.person, uid=nobody.pw_uid, gid=nobody.pw_gid)
    settings = platform_settings.load(machine.home)
    password = (machine.home / "operator-password").read_text().strip()
    token, fresh = login.log_in(settings, main.credentials(), caller, "admin@localhost", password)
    assert fresh and token in (machine.person / ".netrc").read_text()
    assert (machine.person / ".netrc").stat().st_uid == nobody.pw_uid
    assert login.log_in(settings, main.credentials(), caller, "admin@localhost", password) == (token, False)


def test_purge_leaves_nothing_behind(machine: Machine) -> None:
    machine.up()
    number = machine.instance
    output = machine.run("down", "--purge")
    assert "Debian packages" in output and "/var/cache/celadon/images stay" in output
    assert traces(number, machine.home) == []
    assert number not in instances.taken() or instances.taken()[number] != machine.home
    assert (machine.person / ".netrc").read_text() == ""


def test_info_answers_from_home_while_the_platform_is_down(machine: Machine) -> None:
    machine.up()
    running = machine.info()
    assert (running["running"], running["status"]) == (True, 0)
    assert set(running["pids"]) == {"api", "git", "build", "dynos", "router", "logplex", "addons", "clock"}  # type: ignore[call-overload]
    assert set(running["engines"]) == {"haproxy"}  # type: ignore[call-overload]
    machine.run("down")
    down = machine.info()
    assert (down["running"], down["status"], down["pids"], down["engines"]) == (False, 1, {}, {})
    assert {name: value for name, value in down.items() if name.endswith(("_port", "_url"))} == {
        name: value for name, value in running.items() if name.endswith(("_port", "_url"))
    }


def test_other_port_moves_a_running_platform(machine: Machine) -> None:
    machine.up()
    with ports.held() as (port,):
        output = machine.up("--http-port", str(port))
        assert "restarted: code or settings changed" in output
        with socket.create_connection(("127.0.0.1", port), timeout=60):
            pass
        assert machine.info()["http_port"] == port


def test_two_at_once_do_not_get_in_each_others_way(machine: Machine) -> None:
    flags = [*machine.flags, "--no-sample"]
    with machine.start("up", *flags) as first, machine.start("up", *flags) as second:
        outputs = [running.communicate(timeout=SECONDS)[0] for running in (first, second)]
    codes = [first.returncode, second.returncode]
    assert 0 in codes, outputs
    if 1 in codes:
        assert "another bin/up or bin/down does" in outputs[codes.index(1)]


def test_home_that_the_users_of_apps_cannot_reach_is_refused(machine: Machine) -> None:
    machine.person.chmod(0o700)
    with machine.start("up", *machine.flags) as running:
        output = running.communicate(timeout=SECONDS)[0]
    assert running.returncode == 1
    assert f"chmod o+x {machine.person}, or choose another with --home" in output
    assert not (machine.home / "settings.toml").exists()


@pytest.mark.long
def test_bin_up_that_is_killed_anywhere_goes_on_when_run_again(machine: Machine) -> None:
    random.seed(7)
    for _ in range(8):
        with machine.start("up", *machine.flags) as running:
            try:
                running.wait(random.uniform(0.2, 8))
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
    output = machine.run("up", *machine.flags)
    assert "git push brought this page here." in output
    number = machine.instance
    machine.run("down", "--purge")
    assert traces(number, machine.home) == []
    assert mounts.below(machine.home) == []
