"""A server that takes long to start, as after a crash, holds up no other; one that does not start waits."""

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from celadon.actions import caches
from celadon.actions import context as contexts
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names, Source
from celadon.addons.backoff import Backoff
from celadon.addons.locks import Locks
from celadon.caches.manager import Manager as Caches
from celadon.model.engine import Engine, EngineKind
from celadon.model.postgres_database import Origin, Step
from celadon.platform.settings import Settings
from celadon.postgres.launch import Launcher
from celadon.postgres.manager import Manager
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from tests import stores

DEADLINE = 10.0
# Seconds before what has failed is tried again: in no test, however long the machine is held up.
PAUSES = (600.0,)


class Servers:
    """Start each of those that are in `slow` only when it is released."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        self.tries: list[str] = []
        self.slow: dict[str, threading.Event] = {}
        self.broken: set[str] = set()

    def running(self, engine: Engine) -> bool:
        return engine.id in self.up

    def start(self, engine: Engine) -> None:
        self.tries.append(engine.id)
        if engine.id in self.broken:
            raise OSError("no space left on device")
        if engine.id in self.slow:
            assert self.slow[engine.id].wait(DEADLINE)
        self.up.add(engine.id)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


def made(home: Path) -> Context:
    settings = Settings(home=home)
    stores.make(settings)
    return contexts.connect(settings)


def own(context: Context) -> Engine:
    names = Names(name=f"d{uuid.uuid4().hex[:8]}", role=f"u{uuid.uuid4().hex[:8]}", password="p")
    return databases.reserve(context, str(uuid.uuid4()), "standard-0", "17", names).engine


def manager_of(context: Context, servers: Servers) -> Manager:
    clusters: Any = MagicMock()
    clusters.engines.running = servers.running
    clusters.outdated.return_value = False
    found = Manager(context, Pairs(context, clusters, Locks()))
    launcher: Any = MagicMock(spec=Launcher)
    launcher.launch = servers.start
    found._launcher = launcher
    return found


def test_a_database_that_recovers_holds_up_no_other(tmp_path: Path) -> None:
    context, servers = made(tmp_path), Servers()
    first, second, later = (own(context) for _ in range(3))
    servers.up.add(later.id)
    servers.slow[first.id] = threading.Event()
    manager = manager_of(context, servers)
    manager.look()
    until(lambda: second.id in servers.up)
    assert first.id not in servers.up
    servers.up.discard(later.id)

    def started() -> bool:
        # As the role does: the first look may still be at it, and has seen it running.
        manager.look()
        return later.id in servers.up

    until(started)
    assert servers.tries.count(first.id) == 1, "somebody is at it"
    servers.slow[first.id].set()
    until(lambda: first.id in servers.up)
    assert manager.ensure() == 0


def test_a_database_that_does_not_start_waits(tmp_path: Path) -> None:
    context, servers = made(tmp_path), Servers()
    engine = own(context)
    servers.broken.add(engine.id)
    manager = manager_of(context, servers)
    manager._backoff = Backoff(PAUSES)
    assert [manager.ensure() for _ in range(3)] == [0, 0, 0]
    assert servers.tries == [engine.id]


def test_a_cache_that_reads_a_large_file_holds_up_no_other(tmp_path: Path) -> None:
    context, servers = made(tmp_path), Servers()
    places = [
        caches.reserve(context, str(uuid.uuid4()), EngineKind.REDIS, "mini", "8.0.2")
        for _ in ("slow", "quick", "broken")
    ]
    for place in places:
        caches.done(context, place)
    slow, quick, broken = (place.engine for place in places)
    servers.slow[slow.id] = threading.Event()
    servers.broken.add(broken.id)
    redis: Any = MagicMock()
    redis.engines.running = servers.running
    redis.start = lambda place: servers.start(place.engine)
    manager = Caches(context, {EngineKind.REDIS: redis}, Locks(), MagicMock(), lambda *_: None)
    manager._backoff = Backoff(PAUSES)
    manager.look()
    until(lambda: quick.id in servers.up and broken.id in servers.tries)
    assert slow.id not in servers.up
    manager.look()
    servers.slow[slow.id].set()
    until(lambda: slow.id in servers.up)
    assert manager.ensure() == 0
    assert sorted(servers.tries) == sorted([slow.id, quick.id, broken.id])


def test_what_fails_is_not_tried_at_each_look(tmp_path: Path) -> None:
    context = made(tmp_path)
    leader, follower = str(uuid.uuid4()), str(uuid.uuid4())
    names, origin = Names(name="d", role="u", password="p"), Source(origin=Origin.FOLLOW, addon_id=leader)
    databases.reserve(context, follower, "standard-0", "17", names, origin)
    databases.step(context, follower, Step.PROMOTING)
    clusters: Any = MagicMock()
    pairs = Pairs(context, clusters, Locks())
    provider, launcher = PostgresProvider(context, pairs), MagicMock(spec=Launcher)
    launcher.launch.side_effect = OSError("no space left on device")
    provider.launcher = launcher
    provider._backoff = Backoff(PAUSES)
    assert [provider.finish_followers() for _ in range(3)] == [0, 0, 0]
    assert launcher.launch.call_count == 1
    clusters.keep_spare.side_effect = OSError("no space left on device")
    manager = Manager(context, pairs)
    manager._backoff = Backoff(PAUSES)
    for _ in range(3):
        manager.keep_spare()
    assert clusters.keep_spare.call_count == 1
