"""What is done to a primary and its standby, and who writes meanwhile and remembers what was acknowledged."""

import contextlib
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.addons.provider import Provided
from celadon.model.engine import Engine
from celadon.postgres.cluster import Clusters
from celadon.postgres.manager import Manager
from tests.postgres.place import Place

log = logging.getLogger(__name__)


# Seconds. A node that was killed comes back by a rewind or, where that fails, by a copy of all files: for that a dozen
# programs start one after the other, each of which a busy machine may hold up.
_PATIENCE = 180.0


def wait_for(what: str, condition: Callable[[], object], seconds: float = _PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.05)


def wait_until_left(clusters: Clusters, engine: Engine, database: str) -> None:
    """Whoever has just left a database is among its connections for a moment."""
    query = "select count(*) from pg_stat_activity where datname = %s"
    with clusters.connect(engine) as connection:
        wait_for("everybody has left", lambda: connection.execute(query, [database]).fetchone() == (0,))


@dataclass
class Pair:
    """A database with a standby, and the manager that looks after it as the role does."""

    place: Place
    made: Provided
    first: Engine
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def manager(self) -> Manager:
        return self.place.manager

    def keep(self) -> None:
        while not self.stopped.is_set():
            for look in (self.manager.ensure, self.manager.publish):
                try:
                    look()
                except Exception:
                    # Tried again, as by the role: without it nobody would start or publish anything any more.
                    log.exception("at=keep-failed")
            self.stopped.wait(0.1)

    @property
    def primary(self) -> Engine:
        return self.manager.pairs.primary(self.first)

    def available(self) -> bool:
        return self.manager.pairs.available(self.first)


@contextlib.contextmanager
def pair(place: Place) -> Iterator[Pair]:
    """A database of a plan with a standby that has everything; it is removed afterwards."""
    order, made = place.provision("premium-0")
    known = databases.find(place.context, order.addon_id)
    assert known is not None
    found = Pair(place, made, known.engine)
    keeper = threading.Thread(target=found.keep)
    keeper.start()
    try:
        wait_for("the standby has everything", found.available)
        yield found
    finally:
        found.stopped.set()
        keeper.join()
        place.provider.deprovision(order.addon_id, None)


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
        with self._pair.place.connect(self._pair.made) as connection:
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
            with contextlib.suppress(psycopg.Error), self._pair.place.connect(self._pair.made) as connection:
                while not self._stopped.is_set():
                    number += 1
                    connection.execute(f"insert into {self.table} values ({number})")
                    self.acknowledged.append(number)
                    self.gap = max(self.gap, time.monotonic() - last)
                    last = time.monotonic()

    def wait_for_more(self, rows: int) -> None:
        """Until so many more have been acknowledged."""
        before = len(self.acknowledged)
        wait_for("rows are written", lambda: len(self.acknowledged) > before + rows)

    def lost(self) -> set[int]:
        with self._pair.place.connect(self._pair.made) as connection:
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


def kill_postmaster(pair: Pair) -> None:
    os.kill(postmaster(pair, pair.primary), signal.SIGKILL)


def kill_container(pair: Pair) -> None:
    pair.manager.clusters.engines.runtime.kill(pair.primary.name)


KILLS: dict[str, Callable[[Pair], None]] = {
    "the primary's postmaster is killed": kill_postmaster,
    "the primary's whole container is killed": kill_container,
}
