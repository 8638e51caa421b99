"""A router of its own for a test: a store, HAProxy from the services image, the role's loop in a thread."""

import contextlib
import http.client
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self, TypeVar

import pytest
from tests import ports, stores
from tests.router import servers

from celadon.model import routing
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.dyno import Dyno, DynoState
from celadon.model.formation import Formation
from celadon.model.release import Release, ReleaseStatus
from celadon.model.slug import Slug
from celadon.platform import images
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings
from celadon.router import admin, engine, haproxy, role
from celadon.router.engine import EngineError
from celadon.router.manager import Manager
from celadon.store import accounts, apps, changes, configs, database, dynos, formations, releases, slugs
from celadon.store.lines import Lines

T = TypeVar("T")

_ENTER = 'mount --bind "$0" "$1$0" && cd "$0" && exec chroot "$1" "${@:2}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSettings(Settings):
    """Settings of a platform whose sockets are below its home: it owns nothing on the host."""

    @property
    def run(self) -> Path:
        return self.home / "run"


class MortalEngine(engine.Engine, Protocol):
    """An engine that a test may kill."""

    starts: int

    def kill(self) -> None:
        """SIGKILL HAProxy, all its processes; no error when there is none."""
        ...


class LocalEngine:
    """HAProxy from the services image in a mount namespace of its own, a child of the test."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        # The role starts one while a test still waits for the end of the last.
        self._lock = threading.RLock()
        self.starts = 0
        # Seconds that the last start took.
        self.took = 0.0
        try:
            self._image = images.path(settings, "services")
        except PlatformFailure as error:
            pytest.skip(str(error))

    @property
    def master(self) -> Path:
        return self._settings.run / engine.MASTER_SOCKET

    @property
    def log(self) -> str:
        return (self._settings.home / "haproxy.log").read_text("utf-8", "replace")

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        began = time.monotonic()
        with self._lock:
            self.kill()
            self.starts += 1
            self._start()
        self.took = time.monotonic() - began

    def _start(self) -> None:
        files, run = self._settings.home / "router", self._settings.run
        for name in (engine.MASTER_SOCKET, haproxy.ADMIN_SOCKET):
            (run / name).unlink(missing_ok=True)
        with (self._settings.home / "haproxy.log").open("ab") as log:
            self._process = subprocess.Popen(self.argv(*engine.argv(files, run)), stdout=log, stderr=log)
        try:
            engine.wait_ready((run / haproxy.ADMIN_SOCKET, self.master), self.running)
        except EngineError as error:
            raise EngineError(f"{error}\n{self.log}") from None

    def check(self, config: Path) -> None:
        found = subprocess.run(self.argv("haproxy", "-c", "-q", "-f", str(config)), capture_output=True, check=False)
        if found.returncode:
            raise EngineError(found.stderr.decode("utf-8", "replace"))

    def renew(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR2)

    def kill(self) -> None:
        """SIGKILL the master and its workers."""
        with self._lock:
            if self._process is None:
                return
            for child in children(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            self._process = None

    def argv(self, *argv: str) -> list[str]:
        shell = ["unshare", "--mount", "--propagation", "private", "bash", "-c", _ENTER]
        # A directory of the image itself to mount over: it has /tmp, and the home is below it.
        return [*shell, "/tmp", str(self._image), *argv]


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []


def wait_for(what: str, condition: Callable[[], T], seconds: float = 60.0) -> T:
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)
    return value


class Mesh:
    """The router of one platform; `app`, `dyno` and so on write rows as actions and the dyno manager would."""

    def __init__(self, settings: Settings, make_engine: Callable[[Settings], MortalEngine]) -> None:
        self.settings = settings
        stores.make(settings)
        self.database = database.connect(settings)
        self.engine = make_engine(settings)
        self.manager = Manager(settings, self.database, self.engine)
        self.lines = Lines(settings.home)
        self.receiver = role.receive(settings)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._account = self._insert_account()

    def __enter__(self) -> Self:
        self._receiving = self.receiver.start()
        self.start_role()
        wait_for("HAProxy starts", self.engine.running)
        wait_for("HAProxy answers", lambda: self.status("nobody.localhost") == 404)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_role()
        self.receiver.close()
        self._receiving.join()
        self.engine.kill()
        self.database.close()

    def start_role(self) -> None:
        self._stop.clear()
        self.manager = Manager(self.settings, self.database, self.engine)
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop_role(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        feed = changes.Feed(self.database)
        try:
            role.follow(self.manager, self.engine, feed, self._stop)
        finally:
            feed.close()

    # Rows

    def _insert_account(self) -> Account:
        account = Account(
            id=str(uuid.uuid4()),
            email="somebody@example.com",
            name=None,
            password_hash="-",
            operator=False,
            verified=True,
            created_at=now(),
            updated_at=now(),
        )
        with self.database.transaction() as tx:
            accounts.insert(tx, account)
        return account

    def app(self, name: str, *, deployed: bool = True, web: int = 1, types: tuple[str, ...] = ("web",)) -> str:
        """An app; deployed ones have a slug, a release and a formation. Returns its id."""
        at = {"created_at": now(), "updated_at": now()}
        app_id, slug_id = str(uuid.uuid4()), str(uuid.uuid4())
        with self.database.transaction() as tx:
            apps.insert(tx, _app(app_id, name, apps.next_number(tx), self._account.id))
            config_id = configs.insert(tx, app_id, {}, now())
            if deployed:
                slugs.insert(tx, _slug(app_id, slug_id, types))
                entry = Formation(id=str(uuid.uuid4()), app_id=app_id, type="web", quantity=web, size="1X", **at)
                formations.insert(tx, entry)
            release = Release(
                id=str(uuid.uuid4()),
                app_id=app_id,
                version=1,
                status=ReleaseStatus.SUCCEEDED,
                description="Initial release",
                account_id=self._account.id,
                slug_id=slug_id if deployed else None,
                config_id=config_id,
                **at,
            )
            releases.insert(tx, release)
            changes.record(tx, "app", app_id)
        return app_id

    def release(self, app_id: str) -> None:
        """One more release: dynos from now on are of it."""
        with self.database.transaction() as tx:
            before = releases.current(tx, app_id)
            assert before is not None
            releases.insert(tx, replace(before, id=str(uuid.uuid4()), version=before.version + 1))
            changes.record(tx, "release", app_id)

    def scale(self, app_id: str, quantity: int) -> None:
        with self.database.transaction() as tx:
            (entry,) = formations.list_of(tx, app_id)
            formations.update(tx, entry.id, now=now(), quantity=quantity, size=entry.size)
            changes.record(tx, "formation", app_id)

    def dyno(
        self, app_id: str, at: servers.Dyno | None = None, *, number: int = 1, state: DynoState = DynoState.UP
    ) -> str:
        """A web dyno in a state; one that is up is where `at` listens. Returns its id."""
        with self.database.transaction() as tx:
            release = releases.current(tx, app_id)
            assert release is not None
            row = _dyno(release, number, state, at)
            dynos.insert(tx, row)
            changes.record(tx, "dyno", app_id)
        return row.id

    def change(self, dyno_id: str, **values: object) -> None:
        with self.database.transaction() as tx:
            dynos.update(tx, dyno_id, now=now(), **values)
            changes.record(tx, "dyno")

    def maintenance(self, app_id: str, on: bool) -> None:
        with self.database.transaction() as tx:
            apps.update(tx, app_id, now=now(), maintenance=on)
            changes.record(tx, "app", app_id)

    def remove(self, dyno_id: str) -> None:
        with self.database.transaction() as tx:
            dynos.delete(tx, dyno_id)
            changes.record(tx, "dyno")

    def row(self, dyno_id: str) -> Dyno:
        with self.database.read() as tx:
            found = dynos.find_by_id(tx, dyno_id)
        assert found is not None
        return found

    def wait_routed(self, dyno_id: str, routed: bool = True, seconds: float = 60.0) -> None:
        wait_for(f"routed is {routed}", lambda: self.row(dyno_id).routed is routed, seconds)

    def wait_status(self, host: str, status: int, seconds: float = 60.0) -> None:
        wait_for(f"{host} answers {status}", lambda: self.status(host) == status, seconds)

    # HAProxy

    def serve(self, app_id: str, at: servers.Dyno, number: int = 1) -> str:
        """A web dyno that is up, once requests reach it."""
        dyno_id = self.dyno(app_id, at, number=number)
        # Said last: its server and its route are told before the app's name and pages, which may be new as well.
        wait_for("all is told", lambda: self.row(dyno_id).reached)
        return dyno_id

    def wait_server(self, dyno_id: str, *, there: bool = True) -> None:
        """Until HAProxy has the dyno's server and a route to it (or has it no more)."""
        row = self.row(dyno_id)
        name = routing.server_name(row)

        def found() -> bool:
            actual = self.actual()
            slot = actual.routes.get(row.app_id, "")
            servers_there = actual.servers.get(slot, {}) if there else [x for y in actual.servers.values() for x in y]
            return (name in servers_there) is there

        wait_for(f"HAProxy has {name}: {there}", found)

    def actual(self) -> admin.Actual:
        with admin.Admin(self.settings.run / haproxy.ADMIN_SOCKET) as conversation:
            return admin.look(conversation, self.settings.home / "router")

    def tell(self, command: str) -> str:
        with admin.Admin(self.settings.run / haproxy.ADMIN_SOCKET) as conversation:
            return conversation.ask(command)

    def has_route(self, app_id: str, route: str) -> bool:
        actual = self.actual()
        return actual.routes.get(app_id) == route and app_id in actual.maps[haproxy.HOSTS].values()

    def restart_receiver(self, meanwhile: Callable[[], object]) -> None:
        self.receiver.close()
        wait_for("the receiver is gone", lambda: not self._receiving.is_alive())
        meanwhile()
        self.receiver = role.receive(self.settings)
        self._receiving = self.receiver.start()

    # Requests

    def get(
        self,
        host: str,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.http_port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()

    def status(self, host: str, path: str = "/") -> int:
        try:
            return self.get(host, path)[0]
        except OSError:
            return 0

    # Lines

    def log(self, app_id: str) -> list[str]:
        """What the router has said in the app's log, without times."""
        path = self.settings.home / "logs" / app_id / "heroku.router.log"
        if not path.exists():
            return []
        # What has no line end yet is just being written.
        return [line[45:] for line in path.read_text("utf-8").split("\n")[:-1] if line]

    def errors(self, app_id: str) -> list[str]:
        return [line for line in self.log(app_id) if not line.startswith("at=info")][:5]

    def line(self, app_id: str, pattern: str) -> str:
        """The first line of the app's log with this pattern."""
        return wait_for(
            f"a line like {pattern}", lambda: next((x for x in self.log(app_id) if re.search(pattern, x)), "")
        )


def now() -> datetime:
    return datetime.now(UTC)


def _app(app_id: str, name: str, number: int, owner_id: str) -> App:
    return App(
        id=app_id,
        name=name,
        number=number,
        owner_id=owner_id,
        stack="cedar",
        region="us",
        maintenance=False,
        buildpack_provided_description=None,
        repo_size=None,
        slug_size=None,
        created_at=now(),
        updated_at=now(),
    )


def _slug(app_id: str, slug_id: str, types: tuple[str, ...]) -> Slug:
    return Slug(
        id=slug_id,
        app_id=app_id,
        process_types=dict.fromkeys(types, "run it"),
        commit=None,
        commit_description=None,
        buildpack_provided_description=None,
        checksum=None,
        size=None,
        stack="cedar",
        created_at=now(),
        updated_at=now(),
    )


def _dyno(release: Release, number: int, state: DynoState, at: servers.Dyno | None) -> Dyno:
    return Dyno(
        id=str(uuid.uuid4()),
        app_id=release.app_id,
        release_id=release.id,
        type="web",
        number=number,
        command="run it",
        size="1X",
        state=state,
        request=None,
        attach=False,
        secret_hash=None,
        env={},
        account_id=None,
        container_id=str(uuid.uuid4()) if at else None,
        address=at.address if at else None,
        port=at.port if at else None,
        starts=1,
        crashes=0,
        next_start_at=None,
        deadline=None,
        routed=False,
        draining_at=None,
        exit_status=None,
        created_at=now(),
        updated_at=now(),
    )


@contextlib.contextmanager
def mesh(make_engine: Callable[[Settings], MortalEngine] = LocalEngine, **values: object) -> Iterator[Mesh]:
    """A running router with scaled-down times."""
    logging.basicConfig(level=logging.INFO)
    home = Path(tempfile.mkdtemp(prefix="mesh", dir="/tmp"))
    try:
        for directory in ("router", "run", "logs"):
            (home / directory).mkdir(mode=0o700)
        with _started(home, make_engine, values) as running:
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _started(home: Path, make_engine: Callable[[Settings], MortalEngine], values: dict[str, object]) -> Iterator[Mesh]:
    with ports.held(2) as (http_port, https_port):
        settings = MeshSettings(
            home=home,
            http_port=http_port,
            https_port=https_port,
            # Dynos are threads of the test itself: one that waits a second or two for a processor is still in time.
            first_byte_timeout=5.0,
            idle_timeout=5.0,
            boot_queue_timeout=2.0,
            drain_timeout=2.0,
        )
        running = Mesh(replace(settings, **values), make_engine)  # type: ignore[arg-type]
        try:
            running.manager.ensure()
        except EngineError:
            running.engine.kill()
            running.database.close()
            running.receiver.close()
            raise
        with running:
            yield running
