"""Real clusters in containers, of a platform of the test's own."""

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from celadon.addons.engines import Engines
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.platform import images, runtimes
from celadon.platform.settings import Settings
from celadon.postgres.cluster import Clusters
from celadon.runtime import cgroups
from tests.runtime.conftest import free_instance

MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A platform's home and number; all its containers, links and groups are gone afterwards."""
    with contextlib.ExitStack() as stack:
        # Its files are the users' of the engines: they must be able to go through the directories above.
        home = Path(f"/var/lib/celadon-pg-test-{uuid.uuid4().hex[:8]}")
        home.mkdir(mode=0o711)
        found = Settings(home=home, instance=free_instance(stack))
        images.build(found, "services")
        found.run.mkdir(mode=0o711, exist_ok=True)
        try:
            yield found
        finally:
            _clear(found)


def _clear(settings: Settings) -> None:
    runtime = runtimes.addons(settings)
    for container_id in runtime.list():
        runtime.remove(container_id)
    runtimes.network(settings).teardown()
    groups = cgroups.Cgroups(root=settings.cgroup, kind=cgroups.hierarchy())
    groups.kill("", time.monotonic() + 5)
    groups.remove_root()
    shutil.rmtree(settings.run, ignore_errors=True)
    shutil.rmtree(settings.home)


@pytest.fixture(scope="module")
def clusters(settings: Settings) -> Clusters:
    runtimes.network(settings).ensure()
    return Clusters(Engines(settings))


@pytest.fixture(scope="module")
def make_engine(clusters: Clusters) -> MakeEngine:
    """A new cluster that runs."""
    numbers = iter(range(1, 100))

    def make(*, shared: bool = False, connections: int = 20, memory: int = 256 << 20) -> Engine:
        at = datetime.now(UTC)
        engine = Engine(
            id=str(uuid.uuid4()),
            number=next(numbers),
            kind=EngineKind.POSTGRESQL,
            version=clusters.version,
            shared=shared,
            memory=memory,
            storage=1 << 30,
            connections=connections,
            state=EngineState.RUNNING,
            created_at=at,
            updated_at=at,
        )
        clusters.make(engine)
        clusters.configure(engine)
        clusters.start(engine)
        return engine

    return make
