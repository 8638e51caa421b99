"""Real clusters in containers, of a platform of the test's own."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.platform.settings import Settings
from celadon.postgres.cluster import Clusters
from tests.postgres import place as places
from tests.postgres.place import Place

MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with places.opened() as found:
        yield found


@pytest.fixture(scope="module")
def settings(place: Place) -> Settings:
    return place.settings


@pytest.fixture(scope="module")
def clusters(place: Place) -> Clusters:
    return place.clusters


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
