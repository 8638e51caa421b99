"""What a kill leaves of an engine goes with it, or with the next start of the role; what runs elsewhere stays."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.postgres import place as places

from celadon.addons.engines import Engines
from celadon.model.engine import MOST, Engine, EngineKind, EngineState
from celadon.platform import runtimes

SLEEP = ("sleep", "1000")


def an_engine(number: int, kind: EngineKind = EngineKind.POSTGRESQL) -> Engine:
    at = datetime.now(UTC)
    return Engine(
        id=str(uuid.uuid4()),
        number=number,
        kind=kind,
        version="17",
        shared=False,
        memory=64 << 20,
        storage=1 << 30,
        connections=20,
        state=EngineState.RUNNING,
        created_at=at,
        updated_at=at,
    )


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    with places.opened() as place:
        runtimes.network(place.settings).ensure()
        yield Engines(place.settings)


def start(engines: Engines, engine: Engine, *beside: str) -> None:
    """It runs, and these beside it, as programs on its files do."""
    engines.start(engine, SLEEP, group=engines.allow_peers(engine, [engine]))
    for name in beside:
        spec = engines.spec(engine, f"{engine.name}-{name}", SLEEP, env={})
        # The lock would end it: it stands for one that came first.
        engines.runtime.start(replace(spec, argv=SLEEP, address=None, offline=True))


def groups(engines: Engines) -> set[str]:
    return set(engines.groups("peers_"))


def test_all_that_is_of_an_engine_goes_with_it(engines: Engines) -> None:
    engine, other = an_engine(8), an_engine(80)
    start(engines, engine, "upgrade", "initdb", "recovery")
    start(engines, other, "upgrade")
    engines.remove(engine)
    assert set(engines.runtime.list()) == {other.name, f"{other.name}-upgrade"}
    assert groups(engines) == {"peers_80"}
    engines.remove(engine)
    engines.remove(other)
    assert (engines.runtime.list(), groups(engines)) == ({}, set())


def test_the_group_of_a_pair_goes_with_its_last_node(engines: Engines) -> None:
    first = an_engine(5)
    first = replace(first, pair=first.id)
    second = replace(an_engine(6), pair=first.id, user_number=5)
    group = engines.allow_peers(first, [first, second])
    for node in (first, second):
        engines.start(node, SLEEP, group=group)
    engines.remove(first)
    assert groups(engines) == {"peers_5"}
    engines.remove(second)
    assert groups(engines) == set()


def test_a_start_of_the_role_removes_what_is_left_of_engines_that_are_gone(engines: Engines) -> None:
    kept, gone, before = an_engine(1), an_engine(2, EngineKind.REDIS), an_engine(3)
    after = an_engine(3)
    nobody = an_engine(MOST + 1)
    start(engines, kept, "upgrade")
    start(engines, gone, "initdb")
    start(engines, before, "recovery")
    engines.start(nobody, SLEEP)
    try:
        assert engines.sweep([kept, after]) == 5
        assert set(engines.runtime.list()) == {kept.name, f"{kept.name}-upgrade", nobody.name}
        # Number 3 is taken again.
        assert groups(engines) == {"peers_1", "peers_3"}
        assert engines.sweep([kept, after]) == 0
    finally:
        for engine in (kept, after, nobody):
            engines.remove(engine)
