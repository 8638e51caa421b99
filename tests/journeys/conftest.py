"""A whole platform, freshly started, for the tests that use it as a user does: through the CLI, git and HTTP.

One per test process; each test has an app of its own. It is installed by bin/up's own program and removed by bin/down's,
after the last journey: idle, its eight roles would take their share of the machine from all other tests.
Who works on a test sets CELADON_TEST_KEEP=NAME: the platform of that name is then used again, and never removed.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from celadon.model import size as sizes
from celadon.platform import settings as platform_settings
from celadon.router import haproxy
from tests import ports
from tests.journeys import internet as outside
from tests.journeys.internet import Internet
from tests.official_cli import install
from tests.official_cli.client import Client, client

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"
CELADON = CHECKOUT / "bin" / "celadon"
_PORTS = ("http-port", "https-port", "ssh-port", "rendezvous-port")
# A test's time is dear: what people wait for half a minute is shorter here.
SETTINGS = {
    "acme_email": "ops@example.com",
    # PHP has two servers to end one after the other, which by themselves may take seven seconds; nobody else needs any.
    "stop_timeout": "15",
    "drain_timeout": "10",
    "boot_timeout": "15",
    "push_wait": "45",
    "sample_interval": "1",
    "dyno_disk_limit": str(256 << 20),
    # Small, and soon asleep.
    "dyno_sizes": ",".join((*sizes.DEFAULTS, "Tiny:64:1:0:2:0", "Nap:128:1:0:3:2")),
    # Every test has apps of its own.
    "app_limit": "1000",
    "dyno_limit": "1000",
    # Webhooks of a test are delivered to the test itself.
    "private_destinations": "127.0.0.0/8",
}
# Where a day has some seconds.
BRIEF = {"cycle_after": "6", "one_off_limit": "4"}
NARROW = {
    # Builds weigh little: beside dynos that burn all processors the smallest takes five seconds.
    "build_timeout": "30",
    "build_memory": str(160 << 20),
    "build_disk_limit": str(48 << 20),
    "slug_limit": str(8 << 20),
    "source_limit": str(16 << 20),
}
T = TypeVar("T")


def wait_for(what: str, condition: Callable[[], T], seconds: float = 60.0) -> T:
    """The condition's first true value; fails the test with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain until {what}; last: {found!r}")
        time.sleep(0.02)
    return found


@dataclass(frozen=True)
class Answer:
    """`headers` has names in lower case."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Platform:
    """How a user reaches the platform; `directory` is theirs."""

    home: Path
    directory: Path
    ports: dict[str, int]

    @property
    def env(self) -> dict[str, str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("CELADON_", "HEROKU_", "GIT_"))
        }
        own = {"HOME": str(self.directory), "CELADON_HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"}
        # Whichever platform is installed on the machine: the command is this checkout's.
        own["PATH"] = f"{CELADON.parent}:{os.environ['PATH']}"
        author = {f"GIT_{who}_{what}": "Test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {**clean, **own, **author}

    def run(
        self, *argv: str | Path, cwd: Path | None = None, check: bool = True, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the user; its output is in the failure."""
        found = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd or self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and found.returncode:
            pytest.fail(f"{' '.join(str(word) for word in argv)} ended with {found.returncode}:\n{found.stdout}")
        return found

    def celadon(self, *words: str, cwd: Path | None = None, check: bool = True, timeout: float = 120) -> str:
        return self.run(CELADON, *words, cwd=cwd, check=check, timeout=timeout).stdout

    def create(self, source: Path | dict[str, str], *words: str) -> "App":
        """An app with a repository that holds a copy of `source` (a directory, or file name → text), not pushed yet.

        `words` are more arguments of `celadon create`.
        """
        name = f"t-{uuid.uuid4().hex[:12]}"
        checkout = self.directory / name
        if isinstance(source, dict):
            checkout.mkdir()
            for path, text in source.items():
                (checkout / path).parent.mkdir(parents=True, exist_ok=True)
                (checkout / path).write_text(text)
        else:
            shutil.copytree(source, checkout)
        self.run("git", "init", "-q", "-b", "main", cwd=checkout)
        self.celadon("create", name, *words, cwd=checkout)
        app = App(self, name, checkout)
        app.commit("First")
        return app

    def request(
        self,
        host: str,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """One request through the router; it resolves no name, as *.localhost is known to browsers only."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http-port"], timeout=timeout)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, answer.read().decode("utf-8", "replace"), found)
        finally:
            connection.close()

    def pids(self) -> dict[str, int]:
        """Role → process id."""
        found: dict[str, int] = json.loads(self.celadon("platform:info", "--json"))["pids"]
        return found


@dataclass(frozen=True)
class App:
    platform: Platform
    name: str
    checkout: Path

    @property
    def host(self) -> str:
        return f"{self.name}.localhost"

    def write(self, path: str, text: str) -> None:
        (self.checkout / path).write_text(text)

    def commit(self, message: str = "Change") -> None:
        self.platform.run("git", "add", "-A", cwd=self.checkout)
        self.platform.run("git", "commit", "-q", "--allow-empty", "-m", message, cwd=self.checkout)

    def push(self, *words: str, check: bool = True, timeout: float = 600) -> str:
        """What a push says. Of languages with compilers it takes most of a minute on a machine with nothing else to do."""
        argv = ["git", "push", *(words or ("celadon", "main"))]
        return self.platform.run(*argv, cwd=self.checkout, check=check, timeout=timeout).stdout

    def celadon(self, *words: str, check: bool = True, timeout: float = 120) -> str:
        """A command on this app; what follows `--` in `words` is left alone."""
        return self.platform.celadon(words[0], "--app", self.name, *words[1:], check=check, timeout=timeout)

    def get(self, path: str = "/", **values: object) -> Answer:
        return self.platform.request(self.host, path, **values)  # type: ignore[arg-type]

    def logs(self, *words: str) -> str:
        return self.celadon("logs", "-n", "1500", *words)

    def wait_for_log(self, text: str, seconds: float = 60.0) -> str:
        """Its log, once the text is in it; what cannot be read while a role is dead is read again."""
        words = ("logs", "-n", "1500", "--app", self.name)

        def found() -> str:
            logs = self.platform.run(CELADON, *words, check=False).stdout
            return logs if text in logs else ""

        return wait_for(f"{text!r} is in the log of {self.name}", found, seconds)


def _free_ports() -> dict[str, int]:
    """Of those that no connection gets by itself: while a role is dead, its port stays its own."""
    with contextlib.ExitStack() as held:
        return {name: _free_port(held) for name in _PORTS}


def _free_port(held: contextlib.ExitStack) -> int:
    """One that nobody has, until `held` is left. Below the kernel's own (32768), and below those of add-ons' engines.

    Each worker has a part of its own: until its platform listens there are seconds, in which others look for ports.
    """
    first = 10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10 * 1_500
    for _ in range(1000):
        listener = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", random.SystemRandom().randrange(first, first + 1_500)))
            return int(listener.getsockname()[1])
    pytest.fail("no port is free")


def _ports_of(home: Path) -> dict[str, int]:
    """The ports of a platform that is there already."""
    if not (home / "settings.toml").is_file():
        return {}
    known = tomllib.loads((home / "settings.toml").read_text("utf-8"))
    return {name: known[name.replace("-", "_")] for name in _PORTS}


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform of this test process."""
    with _platform("", tmp_path_factory, SETTINGS) as found:
        yield found


@pytest.fixture(scope="package")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform where every limit of a build is soon reached."""
    with _platform("n", tmp_path_factory, {**SETTINGS, **NARROW}) as found:
        yield found


@pytest.fixture(scope="package")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform where dynos are soon old."""
    with _platform("b", tmp_path_factory, {**SETTINGS, **BRIEF}) as found:
        yield found


@contextlib.contextmanager
def _platform(suffix: str, temporary: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Platform]:
    # A short home: Unix sockets and mount points live below it.
    keep = os.environ.get("CELADON_TEST_KEEP")
    home = Path(f"/var/lib/celadon-test-{keep or os.getpid()}{suffix}")
    assert keep or not home.exists(), f"two platforms are called {suffix!r}"
    directory = home.with_name(f"{home.name}-user") if keep else temporary.mktemp("user")
    directory.mkdir(exist_ok=True)
    found = Platform(home, directory, _ports_of(home) or _free_ports())
    try:
        _up(found, settings)
        yield found
    finally:
        if not keep:
            _down(found)


def _up(platform: Platform, settings: dict[str, str]) -> None:
    flags = [word for name, port in platform.ports.items() for word in (f"--{name}", str(port))]
    chosen = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    _installer(platform, "up", "--home", str(platform.home), "--no-sample", *flags, *chosen)
    # It is up when its API answers. For the other roles the router waits, but no longer than for one that was killed: at
    # the first start they make keys as well, and who pushes does not try again.
    wait_for("every role listens", lambda: _roles_listen(platform), 120)


def _roles_listen(platform: Platform) -> bool:
    """Whether those that the router leads to do, and those that have ports of their own."""
    run = platform_settings.load(platform.home).run
    own = [platform.ports[name] for name in ("ssh-port", "rendezvous-port")]
    return all(ports.listens(at) for at in (*own, *(run / f"{role}.sock" for role in haproxy.ROLES)))


def _down(platform: Platform) -> None:
    _installer(platform, "down", "--home", str(platform.home), "--purge")
    assert not platform.home.exists()


def _installer(platform: Platform, *words: str) -> None:
    """The program behind bin/up and bin/down."""
    environment = {**os.environ, "HOME": str(platform.directory)}
    argv = [sys.executable, "-m", "celadon", *words]
    found = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.fail(f"{' '.join(words)} failed:\n{found.stdout}{found.stderr}")


@pytest.fixture(scope="session")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """A host outside of the platform, which builds and dynos reach."""
    directory = tmp_path_factory.mktemp("internet")
    with outside.internet(directory) as found:
        yield found


@pytest.fixture(scope="module")
def new_client(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Client]:
    argv = install.install()
    variables = json.loads(platform.celadon("client:env", "--json"))

    def new(directory: Path) -> Client:
        return client(argv, tmp_path_factory.mktemp("heroku") / "home", directory, variables)

    return new


@pytest.fixture(scope="module")
def password(platform: Platform) -> str:
    return (platform.home / "operator-password").read_text().strip()
