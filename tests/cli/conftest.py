"""The real program in a home directory of its own, against the real API over TCP, or a server that replays answers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.replay import Replay
from tests.cli.world import EMAIL, World, furnish, make_store, open_world

from celadon.api import role
from celadon.api.asgi import Application
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings


class Stand:
    """One listener for all tests of a worker; each test puts its own world behind it."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.application: Application | None = None
        # As long as the role keeps connections: a command that comes back to its own is not to find it closed.
        config = uvicorn.Config(
            self._call, interface="asgi3", log_config=None, lifespan="off", ws="none", timeout_keep_alive=75
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.application is not None, "the test has a world"
        await self.application(scope, receive, send)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)
        self.socket.close()


@pytest.fixture(scope="session")
def stand() -> Iterator[Stand]:
    made = Stand()
    deadline = time.monotonic() + 60
    while not made.server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("prepared")
    make_store(home)
    return home


@pytest.fixture
def bare_world(stand: Stand, prepared_home: Path, tmp_path: Path) -> Iterator[World]:
    """A platform with one account and nothing else, at home in `tmp_path/platform`."""
    import shutil

    home = tmp_path / "platform"
    shutil.copytree(prepared_home, home)
    settings = Settings(
        home=home,
        http_port=stand.port,
        https_port=8843,
        ssh_port=2822,
        rendezvous_port=5555,
        acme_email="ops@example.com",
    )
    platform_settings.save(settings)
    made = open_world(settings)
    stand.application = Application(made.context, role.ROUTES)
    yield made
    made.context.database.close()


@pytest.fixture
def world(bare_world: World) -> World:
    """A platform with the app `example`, deployed."""
    furnish(bare_world)
    return bare_world


@pytest.fixture
def stranger(tmp_path: Path) -> Program:
    """The program of somebody who has not logged in anywhere."""
    return Program(tmp_path)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    """The command line of somebody who has not logged in anywhere, without a process of its own."""
    home = tmp_path / "inside"
    home.mkdir()
    return Inside(home, monkeypatch, capsys)


@pytest.fixture
def celadon(bare_world: World, tmp_path: Path) -> Program:
    """The program of somebody who is logged in to the platform of the test, without saying which one it is."""
    program = Program(tmp_path)
    program.env["CELADON_HOME"] = str(bare_world.context.settings.home)
    program.log_in(f"localhost:{bare_world.context.settings.http_port}", EMAIL, bare_world.token)
    return program


@pytest.fixture
def replay() -> Iterator[Callable[..., Replay]]:
    """Makes a server that gives the answers it was told."""
    opened: list[Replay] = []

    def make(**options: Any) -> Replay:
        opened.append(Replay(**options))
        return opened[-1]

    yield make
    for server in opened:
        server.close()
