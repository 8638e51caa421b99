"""A primary and its standby under a load of acknowledged writes: what is lost and how long nothing is written."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from celadon.actions import context as contexts
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.addons.locks import Locks
from celadon.addons.provider import Provided
from celadon.model.engine import Engine
from celadon.platform.settings import Settings
from celadon.postgres.cluster import Clusters
from celadon.postgres.manager import Manager
from celadon.postgres.provider import PostgresProvider
from celadon.store import database
from tests.postgres.test_provider import connect, wanted


def wait_for(what: str, condition: object, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.05)


@dataclass
class Pair:
    """A database with a standby, and the manager that looks after it as the role does."""

    provider: PostgresProvider
    manager: Manager
    made: Provided
    first: Engine
    stopped: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        while not self.stopped.is_set():
            self.manager.ensure()
            self.manager.publish()
            self.stopped.wait(0.1)

    @property
    def primary(self) -> Engine:
        return self.manager.pairs.primary(self.first)

    def available(self) -> bool:
        return self.manager.pairs.available(self.first)


@pytest.fixture(scope="module")
def context(settings: Settings) -> Context:
    database.migrate(settings)
    return contexts.connect(settings)


@pytest.fixture(scope="module")
def pair(context: Context, clusters: Clusters) -> Iterator[Pair]:
    provider = PostgresProvider(context, clusters, Locks())
    manager = Manager(context, clusters, provider.locks)
    order = wanted("premium-0")
    made = provider.provision(order)
    place = databases.find(context, order.addon_id)
    assert place is not None
    found = Pair(provider, manager, made, place.engine)
    keeper = threading.Thread(target=found.keep)
    keeper.start()
    try:
        wait_for("the standby has everything", found.available)
        yield found
    finally:
        found.stopped.set()
        keeper.join()
        provider.deprovision(order.addon_id, None)
        assert databases.running(context) == []


class Writer:
    """Writes row after row by the database's one address, and remembers what was acknowledged."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.table = f"t{uuid.uuid4().hex[:8]}"
        self.acknowledged: list[int] = []
        self.gap = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Writer":
        with connect(self._pair.provider, self._pair.made) as connection:
            connection.execute(f"create table {self.table} (n int primary key)")
        self._thread.start()
        wait_for("rows are written", lambda: len(self.acknowledged) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        number, last = 0, time.monotonic()
        while not self._stopped.is_set():
            with contextlib.suppress(psycopg.Error), connect(self._pair.provider, self._pair.made) as connection:
                while not self._stopped.is_set():
                    number += 1
                    connection.execute(f"insert into {self.table} values ({number})")
                    self.acknowledged.append(number)
                    self.gap = max(self.gap, time.monotonic() - last)
                    last = time.monotonic()

    def lost(self) -> set[int]:
        with connect(self._pair.provider, self._pair.made) as connection:
            found = {row[0] for row in connection.execute(f"select n from {self.table}")}
        return set(self.acknowledged) - found


def postmaster(pair: Pair, engine: Engine) -> int:
    """The process of the node's postmaster, as the host sees it."""
    inside = pair.manager.clusters.engines.runtime.inspect(engine.name)
    assert inside is not None
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            same = (path / "ns/pid").readlink() == Path(f"/proc/{inside.pid}/ns/pid").readlink()
            if same and words[0].endswith(b"/bin/postgres"):
                return int(path.name)
    raise AssertionError("there is no postmaster")


def test_nothing_acknowledged_is_lost_when_the_postmaster_is_killed(pair: Pair) -> None:
    old = pair.primary
    with Writer(pair) as writer:
        os.kill(postmaster(pair, old), signal.SIGKILL)
        before = len(writer.acknowledged)
        wait_for("rows are written again", lambda: len(writer.acknowledged) > before + 50)
    assert writer.lost() == set()
    print(f"gap {writer.gap:.2f} s; the primary was {old.name} and is {pair.primary.name}")
    wait_for("there is a standby again", pair.available)


def test_nothing_acknowledged_is_lost_when_the_whole_container_is_killed(pair: Pair) -> None:
    old = pair.primary
    with Writer(pair) as writer:
        pair.manager.clusters.engines.runtime.kill(old.name)
        before = len(writer.acknowledged)
        wait_for("rows are written again", lambda: len(writer.acknowledged) > before + 50)
    assert writer.lost() == set()
    print(f"gap {writer.gap:.2f} s; the primary was {old.name} and is {pair.primary.name}")
    wait_for("there is a standby again", pair.available)


def test_who_agrees_may_go_and_nobody_stops_writing(pair: Pair) -> None:
    etcd = databases.pair(pair.manager.context, pair.first)[1]
    with Writer(pair) as writer:
        pair.manager.clusters.engines.runtime.kill(etcd.name)
        before = len(writer.acknowledged)
        wait_for("rows are written", lambda: len(writer.acknowledged) > before + 200)
    assert writer.lost() == set()
