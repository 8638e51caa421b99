"""A platform of one's own for databases: engines in containers, a provider and a manager, without the other roles."""

import contextlib
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from celadon.actions import context as contexts
from celadon.actions.context import Context
from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.addons.provider import Provided, Wanted
from celadon.model.engine import Engine
from celadon.platform import images, runtimes
from celadon.platform.settings import Settings
from celadon.postgres.cluster import Clusters
from celadon.postgres.manager import Manager
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from celadon.runtime import cgroups
from tests import disk, stores
from tests.runtime.conftest import free_instance


class CopiedClusters(Clusters):
    """initdb, which takes most of the time that a new cluster needs, makes the first one's files; others get copies.

    Copies are one another's in all, the identity too. Spare files that are there are taken, as the platform does.
    """

    def __init__(self, engines: Engines) -> None:
        super().__init__(engines)
        self._turn = threading.Lock()

    def make(self, engine: Engine) -> None:
        if self.made(engine):
            return
        kept = self.engines.settings.home / f"first-cluster-{engine.version}"
        with self._turn:
            if kept.is_dir() and not self.spare.is_dir():
                self._copy(kept, engine)
                return
            super().make(engine)
            if not kept.is_dir():
                shutil.copytree(self.files(engine), kept)

    def _copy(self, kept: Path, engine: Engine) -> None:
        self.engines.prepare(engine)
        new = self.files(engine).with_name("cluster.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(kept, new)
        subprocess.run(["chown", "-R", f"{self.engines.uid(engine)}:{self.engines.uid(engine)}", str(new)], check=True)
        new.rename(self.files(engine))


@dataclass(frozen=True)
class Place:
    settings: Settings

    @cached_property
    def clusters(self) -> Clusters:
        runtimes.network(self.settings).ensure()
        return CopiedClusters(Engines(self.settings))

    @cached_property
    def context(self) -> Context:
        stores.make(self.settings)
        return contexts.connect(self.settings)

    @cached_property
    def pairs(self) -> Pairs:
        return Pairs(self.context, self.clusters, Locks())

    @cached_property
    def ports(self) -> Ports:
        """The one that all publish by, as in the role: of two, one might publish what it had found before the other."""
        return Ports(self.clusters.engines, (self.pairs.published,))

    @cached_property
    def provider(self) -> PostgresProvider:
        return PostgresProvider(self.context, self.pairs, ports=self.ports)

    @cached_property
    def manager(self) -> Manager:
        return Manager(self.context, self.pairs, self.ports)

    def provision(self, plan: str, **options: str) -> tuple[Wanted, Provided]:
        order = wanted(plan, **options)
        return order, self.provider.provision(order)

    def connect(self, provided: Provided) -> psycopg.Connection:
        """As an app does, by its config var, and sure of whom it speaks to."""
        assert provided.config is not None
        url = provided.config["HEROKU_POSTGRESQL_URL"]
        words = f"sslmode=verify-full&sslrootcert={self.settings.ca_file}&connect_timeout=10"
        return psycopg.connect(f"{url}?{words}", autocommit=True)


def wanted(plan: str, **options: str) -> Wanted:
    return Wanted(
        addon_id=str(uuid.uuid4()),
        name="postgresql-clear-1",
        plan=plan,
        region="us",
        app_id="app",
        app_name="shop",
        options=options,
    )


@contextlib.contextmanager
def opened() -> Iterator[Place]:
    """All its containers, links, groups and files are gone afterwards."""
    with contextlib.ExitStack() as stack:
        # Not below a directory of the test's user: the users of the engines go through the directories above.
        home = Path(f"/var/lib/celadon-pg-test-{uuid.uuid4().hex[:8]}")
        stack.enter_context(disk.mounted(home))
        home.chmod(0o711)
        settings = Settings(home=home, instance=free_instance(stack))
        try:
            images.build(settings, "services")
            settings.run.mkdir(mode=0o711, exist_ok=True)
            yield Place(settings)
        finally:
            _clear(settings)


def _clear(settings: Settings) -> None:
    runtime = runtimes.addons(settings)
    for container_id in runtime.list():
        runtime.remove(container_id)
    runtimes.network(settings).teardown()
    groups = cgroups.Cgroups(root=settings.cgroup, kind=cgroups.hierarchy())
    groups.kill("", time.monotonic() + 60)
    groups.remove_root()
    shutil.rmtree(settings.run, ignore_errors=True)
