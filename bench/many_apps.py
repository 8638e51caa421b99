"""A router with as many apps as one likes: rows in a store, and the router role beside its HAProxy in a process of its own."""

import contextlib
import cProfile
import logging
import multiprocessing
import re
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import common
from processes import free_port

sys.path.insert(0, str(common.CHECKOUT))

from tests.router import mesh

from celadon.actions import context as contexts
from celadon.model.app import App
from celadon.model.dyno import Dyno
from celadon.model.formation import Formation
from celadon.model.release import Release
from celadon.model.slug import Slug
from celadon.router import admin, engine, haproxy, role
from celadon.router.idling import Idler, Visits
from celadon.router.manager import Manager
from celadon.store import apps, changes, configs, dynos, formations, releases, slugs

DYNOS = 2


@dataclass(frozen=True)
class Model:
    """The rows of one app with its dynos, to be copied. Its own dynos have no address: it serves nobody."""

    app: App
    slug: Slug
    formation: Formation
    release: Release
    dynos: Sequence[Dyno]


class Router:
    """The router of one platform; `start` starts the role, which starts HAProxy."""

    def __init__(self, home: Path, backend_port: int) -> None:
        for directory in ("router", "run", "logs"):
            (home / directory).mkdir(mode=0o700)
        self.settings = mesh.MeshSettings(home=home, http_port=free_port(), https_port=free_port())
        self.mesh = mesh.Mesh(self.settings, mesh.LocalEngine)
        self.apps = 0
        self.log = home / "role.log"
        self._backend_port = backend_port
        self._model = self._read_model()
        self._role: multiprocessing.process.BaseProcess | None = None

    def _read_model(self) -> Model:
        app_id = self.mesh.app("model", web=DYNOS)
        ids = [self.mesh.dyno(app_id, number=number) for number in range(1, DYNOS + 1)]
        with self.mesh.database.read() as tx:
            app, release = apps.find(tx, app_id), releases.current(tx, app_id)
            slug = slugs.find(tx, release.slug_id) if release and release.slug_id else None
            (formation,) = formations.list_of(tx, app_id)
        assert app is not None and release is not None and slug is not None
        return Model(app, slug, formation, release, [self.mesh.row(dyno_id) for dyno_id in ids])

    def add(self, count: int = 1, *, routed: bool = False) -> None:
        """Deployed apps whose dynos are up, in one transaction."""
        with self.mesh.database.transaction() as tx:
            for number in range(self.apps, self.apps + count):
                app_id, slug_id, release_id, formation_id = (str(uuid.uuid4()) for _ in range(4))
                model = self._model
                fresh = replace(model.app, id=app_id, name=f"app-{number}", number=model.app.number + 1 + number)
                apps.insert(tx, fresh)
                slugs.insert(tx, replace(model.slug, id=slug_id, app_id=app_id))
                formations.insert(tx, replace(model.formation, id=formation_id, app_id=app_id))
                release = replace(model.release, id=release_id, app_id=app_id, slug_id=slug_id)
                releases.insert(tx, replace(release, config_id=configs.insert(tx, app_id, {}, mesh.now())))
                for dyno in self._dynos(number):
                    dynos.insert(tx, replace(dyno, app_id=app_id, release_id=release_id, routed=routed))
            changes.record(tx, "dyno")
        self.apps += count

    def _dynos(self, number: int) -> Iterator[Dyno]:
        """Each at an address of its own; the backend listens at all of them."""
        for index, dyno in enumerate(self._model.dynos, number * DYNOS):
            address = f"127.{1 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"
            dyno_id, container_id = str(uuid.uuid4()), str(uuid.uuid4())
            yield replace(dyno, id=dyno_id, container_id=container_id, address=address, port=self._backend_port)

    def host(self, number: int) -> str:
        return f"app-{number}.{self.settings.domain}"

    def start(self, profile: Path | None = None) -> None:
        # No connection to the store goes along.
        self.mesh.database.close()
        fork = multiprocessing.get_context("fork")
        self._role = fork.Process(target=_serve, args=(self.settings, self.log, profile))
        self._role.start()

    def stop(self) -> None:
        if self._role is not None:
            self._role.terminate()
            self._role.join()
        self.mesh.database.close()

    def wait_served(self, number: int, seconds: float = 600.0) -> None:
        def served() -> bool:
            if self._role is None or not self._role.is_alive():
                sys.exit(f"the router role has ended: {self.log.read_text()[-2000:]}")
            return self.mesh.status(self.host(number)) == 200

        mesh.wait_for(f"{self.host(number)} answers", served, seconds)

    def wait_settled(self) -> None:
        """Until an ensure() that knew the last change has ended."""

        def settled() -> bool:
            last = changes.latest(self.mesh.database)
            return f"what=ensure seen={last} " in self.log.read_text()

        mesh.wait_for("the role is settled", settled, 600.0)

    def seconds(self, what: str) -> list[float]:
        """How long each `ensure` or `start` took until now."""
        text = self.log.read_text() if self.log.exists() else ""
        return [float(found) for found in re.findall(rf"at=timed what={what}\b.* seconds=(\S+)", text)]

    def memory(self) -> float:
        """Megabytes of HAProxy's present worker (RSS)."""
        with admin.Admin(self.settings.run / haproxy.ADMIN_SOCKET) as conversation:
            process = admin.information(conversation).process
        status = Path(f"/proc/{process}/status").read_text()
        kibibytes = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert kibibytes is not None
        return int(kibibytes[1]) * 1024 / 1e6

    def reloads(self) -> int:
        """How often HAProxy has been reloaded since it started, by its master's word."""
        found = re.search(r"^\d+\s+master\s+(\d+)", admin.ask_master(self._master, "show proc"), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def reload(self) -> None:
        """As the manager does it: a check of the file, then the reload."""
        self.mesh.engine.check(self.settings.home / "router" / haproxy.CONFIG)
        admin.reload(self._master)

    @property
    def _master(self) -> Path:
        return self.settings.run / engine.MASTER_SOCKET


class _Engine(mesh.LocalEngine):
    def start(self) -> None:
        with _timed("start"):
            super().start()


class _Manager(Manager):
    def ensure(self, seen: int | None = None) -> str:
        with _timed(f"ensure seen={seen}"):
            return super().ensure(seen)


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    logging.info("at=timed what=%s seconds=%.4f", what, time.perf_counter() - began)


def _serve(settings: mesh.MeshSettings, log: Path, profile: Path | None) -> None:
    """role.main, with an engine that is ours to kill."""
    logging.basicConfig(filename=log, level=logging.INFO, format="%(created).3f %(message)s", force=True)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    context = contexts.connect(settings)
    haproxy_engine = _Engine(settings)
    visits = Visits(context)
    receiver = role.receive(settings, visits)
    beside = role.Beside(Idler(context, visits, haproxy_engine.master), receiver.start())
    feed = changes.Feed(context.database)
    manager = _Manager(settings, context.database, haproxy_engine)
    try:
        with _profiled(profile):
            role.follow(manager, haproxy_engine, feed, stop, beside)
    finally:
        receiver.close()
        haproxy_engine.kill()


@contextlib.contextmanager
def _profiled(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    with cProfile.Profile() as profile:
        yield
    profile.dump_stats(path)


@contextlib.contextmanager
def router(backend_port: int) -> Iterator[Router]:
    home = Path(tempfile.mkdtemp(prefix="router-bench-", dir="/tmp"))
    try:
        made = Router(home, backend_port)
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def median_and_p99(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{1000 * statistics.fmean(values):.0f} ms (n={len(values)})" if values else "none"
    p99 = statistics.quantiles(values, n=100, method="inclusive")[98]
    return f"{1000 * statistics.median(values):.0f} ms, p99 {1000 * p99:.0f} ms (n={len(values)})"
