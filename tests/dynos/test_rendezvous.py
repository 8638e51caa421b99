"""The rendezvous itself: real clients over TLS, and a runtime whose commands are sockets of the test."""

import asyncio
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import ports
from tests.api.world import World, make_store, open_world
from tests.runtime.running import until

from celadon.actions import apps, authorizations, collaborators, context, dynos, exec_sessions, guests
from celadon.dynos.exec_sessions import ExecSessions
from celadon.dynos.rendezvous import Rendezvous
from celadon.dynos.statuses import Statuses
from celadon.model.account import Actor
from celadon.model.dyno import Dyno, DynoState
from celadon.platform import certificates
from celadon.platform.settings import Settings
from celadon.runtime.protocol import ExecSpec, RuntimeFailure
from celadon.store import accounts, changes
from celadon.store import dynos as stored_dynos

SECRET_OF_NOBODY = "x" * 43


@dataclass
class Stage:
    """A platform whose web.1 is up; `command` is the other end of what runs for a client."""

    world: World
    rendezvous: Rendezvous
    refuses: bool = False
    command: socket.socket | None = None
    left: list[str] = field(default_factory=list)
    trouble: list[dict[str, object]] = field(default_factory=list)

    # The runtime's side of exec sessions, and the manager's of one-offs.

    def start(self, spec: ExecSpec, *, before_command: Callable[[Path], None]) -> None:
        if self.refuses:
            raise RuntimeFailure("cannot run a command: no more processes")
        self._join(before_command)

    def attach(self, dyno_id: str, before_command: Callable[[Path], None]) -> Dyno | None:
        self._join(before_command)
        with self.world.context.database.read() as tx:
            return stored_dynos.find_by_id(tx, dyno_id)

    def _join(self, before_command: Callable[[Path], None]) -> None:
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as here:
            here.bind(f"{directory}/attach")
            here.listen()
            before_command(Path(directory) / "attach")
            self.command = here.accept()[0]

    def hang_up(self, dyno: Dyno) -> None:
        self.left.append(dyno.name)

    def signal(self, exec_id: str, signum: int) -> None:
        self.left.append("web.1")

    def alive(self, exec_id: str) -> bool:
        return False

    def end(self, exec_id: str) -> None:
        pass

    def client(self, secret: str) -> ssl.SSLSocket:
        """Somebody who has said this secret."""
        settings = self.world.context.settings
        connection = socket.create_connection(("127.0.0.1", settings.rendezvous_port), timeout=20)
        tls = ssl.create_default_context(cafile=str(settings.ca_file))
        found = tls.wrap_socket(connection, server_hostname="localhost")
        found.sendall(f"{secret}\r\n".encode())
        return found

    def session(self, by: Actor | None = None) -> str:
        """The secret of a new one."""
        return exec_sessions.create(
            self.world.context, by or self.world.actor, "example", "web.1", command="ls", env={}
        )[-1]

    def one_off(self, by: Actor) -> str:
        _, dyno, _, secret = dynos.run(self.world.context, by, "example", command="ls", attach=True, size=None, env={})
        assert secret
        with self.world.context.database.transaction() as tx:
            stored_dynos.update(tx, dyno.id, now=context.now(), state=DynoState.STARTING)
        return secret

    def grace(self) -> Actor:
        with self.world.context.database.read() as tx:
            account = accounts.find(tx, self.world.made["other"])
        assert account
        return Actor(account=account)


@pytest.fixture
def port() -> Iterator[int]:
    with ports.held() as (found,):
        yield found


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Iterator[Stage]:
    monkeypatch.setattr(guests, "_CHECKED", 0.02)
    make_store(tmp_path, furnished=True)
    settings = Settings(home=tmp_path, rendezvous_port=port)
    certificates.issue(settings, datetime.now(UTC))
    world = open_world(settings)
    with world.context.database.transaction() as tx:
        stored_dynos.update(tx, world.made["dyno"], now=context.now(), state=DynoState.UP, container_id="dyno-a-1")
    manager, runtime = SimpleNamespace(statuses=Statuses()), SimpleNamespace()
    found = Stage(world, Rendezvous(settings, world.context, manager, runtime))  # type: ignore[arg-type]
    runtime.execs = found
    manager.execs, manager.attach, manager.hang_up = ExecSessions(world.context, runtime), found.attach, found.hang_up  # type: ignore[arg-type]
    found.rendezvous._loop.set_exception_handler(lambda _, trouble: found.trouble.append(trouble))
    found.rendezvous.start()
    yield found
    found.rendezvous.stop()
    if found.command:
        found.command.close()
    world.context.database.close()
    assert found.trouble == []


def heard(client: ssl.SSLSocket) -> bytes:
    """All that is said until the other side closes."""
    found = b""
    while block := client.recv(8192):
        found += block
    client.close()
    return found


def _leave(stage: Stage, grace: Actor) -> None:
    collaborators.remove(stage.world.context, stage.world.actor, "example", "grace@example.com")


def _log_out(stage: Stage, grace: Actor) -> None:
    assert grace.authorization_id
    authorizations.revoke(stage.world.context, grace, grace.authorization_id)


def _destroy(stage: Stage, grace: Actor) -> None:
    apps.destroy(stage.world.context, stage.world.actor, "example")


@pytest.mark.parametrize("kind", ["session", "one-off"])
@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (_leave, "you may not run commands in this app any more"),
        (_log_out, "you have logged out, or your token was revoked"),
        (_destroy, "the app was destroyed"),
    ],
)
def test_who_loses_access_has_to_leave(stage: Stage, kind: str, lose: Callable[[Stage, Actor], None], why: str) -> None:
    grace = stage.grace()
    token, other = (authorizations.create(stage.world.context, grace)[0] for _ in range(2))
    grace = replace(grace, authorization_id=token.id)
    client = stage.client(stage.session(grace) if kind == "session" else stage.one_off(grace))
    assert client.recv(100) == b"rendezvous\r\n"
    until(lambda: stage.command, "it runs")
    assert stage.command
    # Another token of theirs is not this one's.
    authorizations.revoke(stage.world.context, grace, other.id)
    with stage.world.context.database.read() as tx:
        counted = changes.counted(tx)
    until(lambda: stage.rendezvous._guests._counted >= counted, "they were looked at")
    stage.command.send(b"\x02hello")
    assert client.recv(100) == b"hello"
    assert stage.left == []
    lose(stage, grace)
    assert heard(client) == f"\r\nclosed: {why}\r\n".encode()
    until(lambda: stage.left, "what ran for them is told")


def test_a_command_that_cannot_be_run_is_not_greeted(stage: Stage) -> None:
    stage.refuses = True
    said = heard(stage.client(stage.session()))
    assert said.startswith(b"cannot run the command: the dyno cannot take another process now; ")
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("said", ["x", SECRET_OF_NOBODY])
def test_a_client_that_breaks_off_at_once_is_no_trouble(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    heard, secret = threading.Event(), stage.rendezvous._secret

    async def listened(*streams: Any) -> str:
        try:
            return await secret(*streams)
        finally:
            # A whole secret may be read before it is seen that nobody is there any more.
            heard.set()

    monkeypatch.setattr(stage.rendezvous, "_secret", listened)
    client = stage.client(said)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    until(heard.is_set, "it is noticed")
    # Its task, but not the one that looks after guests.
    until(lambda: len(asyncio.all_tasks(stage.rendezvous._loop)) == 1, "it has ended")
