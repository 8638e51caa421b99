"""Who comes in by a server's socket: the platform and the server's own programs, and nobody who works for a tenant."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.addons.engines import ENGINE_DIRECTORY, WORK
from celadon.addons.provider import Provided
from celadon.model.engine import Engine
from celadon.postgres import clips
from celadon.postgres import cluster as module
from celadon.postgres.cluster import SOCKET, Clusters
from celadon.postgres.launch import Launcher
from celadon.postgres.manager import Manager
from celadon.runtime.protocol import ContainerState, RuntimeFailure
from tests.postgres.failing import wait_for
from tests.postgres.place import Place

# As servers were told before; this is what they may still run with.
_OLD_HBA = "local all postgres trust\nlocal replication postgres,replicator trust\nlocal samerole all scram-sha-256\n"


@dataclass(frozen=True)
class Server:
    place: Place
    engine: Engine
    database: str
    made: Provided

    @property
    def clusters(self) -> Clusters:
        return self.place.clusters

    def beside(self, directory: Path, *words: str) -> tuple[int | None, str]:
        """What a program says and ends with that runs as those of restores do."""
        engines, name = self.clusters.engines, f"beside-{uuid.uuid4().hex[:8]}"
        work = directory / name
        work.mkdir()
        os.chown(work, engines.client_uid(self.engine), engines.client_uid(self.engine))
        spec = engines.client_spec(
            self.engine,
            name,
            words,
            socket=SOCKET,
            directory=work,
            memory=128 << 20,
            env={"PGHOST": f"{ENGINE_DIRECTORY}/run", "PGCONNECT_TIMEOUT": "10"},
        )
        engines.runtime.start(spec)
        try:
            wait_for("it ends", lambda: engines.runtime.inspect(name).state is ContainerState.EXITED)  # type: ignore[union-attr]
            found = engines.runtime.inspect(name)
            assert found is not None
            return found.exit_status, (work / "output.log").read_text()
        finally:
            engines.runtime.remove(name)


@pytest.fixture(scope="module", params=["mini", "standard-0"])
def server(request: pytest.FixtureRequest, place: Place) -> Iterator[Server]:
    order, made = place.provision(request.param)
    known = databases.find(place.context, order.addon_id)
    assert known is not None
    yield Server(place, known.engine, known.database.name, made)
    place.provider.deprovision(order.addon_id, None)


@pytest.fixture
def directory(place: Place) -> Path:
    """Below it the users of programs reach what is theirs."""
    path = place.settings.home / f"beside-{uuid.uuid4().hex[:8]}"
    path.mkdir(mode=0o711)
    return path


def test_a_program_beside_a_restore_comes_in_as_nobody_without_a_password(server: Server, directory: Path) -> None:
    with server.clusters.connect(server.engine, server.database) as connection:
        clips.prepare(connection, database=server.database, owners=[], role=clips.role_of(server.database))
    psql = server.clusters.program(server.engine, "psql")
    for role in ("postgres", clips.role_of(server.database), "replicator", "root", "dyno"):
        status, said = server.beside(directory, psql, "-w", "-U", role, "-d", server.database, "-c", "select 'came in'")
        assert status == 2 and "came in" not in said, (role, said)
    receive = server.clusters.program(server.engine, "pg_basebackup")
    status, said = server.beside(directory, receive, "-w", "-U", "postgres", "-D", f"{WORK}/copy")
    assert status and "Peer authentication failed" in said, said


def test_such_a_program_sees_the_socket_and_nothing_else_of_the_engine(server: Server, directory: Path) -> None:
    status, said = server.beside(directory, "find", ENGINE_DIRECTORY)
    found = [line.split(" ", 3)[-1] for line in said.splitlines()]
    assert (status, sorted(found)) == (
        0,
        [ENGINE_DIRECTORY, f"{ENGINE_DIRECTORY}/run", f"{ENGINE_DIRECTORY}/run/{SOCKET}"],
    ), said
    status, said = server.beside(
        directory, "sh", "-c", f"rm {ENGINE_DIRECTORY}/run/{SOCKET}; touch {ENGINE_DIRECTORY}/run/x"
    )
    assert status, said


def test_the_servers_own_programs_come_in_as_before(server: Server) -> None:
    psql = server.clusters.program(server.engine, "psql")
    argv = (psql, "-w", "-h", f"{ENGINE_DIRECTORY}/run", "-U", "postgres", "-c", "select 1")
    assert server.clusters.engines.runtime.exec(server.engine.name, argv, {}) == 0


def test_without_a_socket_no_program_is_started(server: Server, directory: Path) -> None:
    socket = server.clusters.engines.sockets(server.engine) / SOCKET
    kept = socket.rename(socket.with_name("kept"))
    try:
        for make in (lambda: None, lambda: socket.symlink_to(kept), socket.touch):
            make()
            with pytest.raises(RuntimeFailure, match="does not listen"):
                server.beside(directory, "true")
            socket.unlink(missing_ok=True)
    finally:
        kept.rename(socket)


def test_a_server_of_an_older_version_is_restarted_once_with_the_new_lines(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters, engine = server.clusters, server.engine
    with server.place.connect(server.made) as connection:
        connection.execute("create table kept as select 42 as n")
    clusters.stop(engine, engine.name, 60)
    with monkeypatch.context() as patched:
        patched.setattr(module.authentication, "IDENT_FILE", "")
        patched.setattr(module.authentication, "hba", lambda *_: _OLD_HBA)
        Launcher(server.place.context, server.place.pairs).launch(engine)
    assert clusters.outdated(engine)
    manager = Manager(server.place.context, server.place.pairs)
    assert manager.ensure() == 1
    assert not clusters.outdated(engine)
    assert manager.ensure() == 0
    with server.place.connect(server.made) as connection:
        assert connection.execute("select n from kept").fetchone() == (42,)
        connection.execute("drop table kept")


def test_nobody_else_on_the_machine_comes_in(server: Server) -> None:
    """The engine's directory of sockets is closed; were it not, the kernel would still say who it is."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            psycopg.connect(host=str(server.clusters.engines.sockets(server.engine)), user="postgres").close()
        except psycopg.OperationalError:
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
