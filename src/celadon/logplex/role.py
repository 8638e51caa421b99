"""The logplex role: channels, the platform's events, drains, and the listener for log sessions and for lines of add-on
providers.

Wakes on: inotify, the change feed. Reads: source files, events, log sessions and who may still read, drains. Writes: home/logplex,
home/metrics.db, how drains fare. Survives: SIGKILL.
"""

import asyncio
import contextlib
import resource
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa
import uvicorn
import uvloop

from celadon.actions import access
from celadon.actions.guests import Guests
from celadon.logplex import inputs, streams
from celadon.logplex.drains import Drains
from celadon.logplex.events import EventInput, StoreUnavailable
from celadon.logplex.manager import Logplex
from celadon.logplex.metrics import Meter
from celadon.model.addon import AddOn
from celadon.model.event import Event
from celadon.model.log_drain import DrainStatus, LogDrain
from celadon.platform.settings import Settings
from celadon.store import addons, changes, database, events, log_drains, log_sessions
from celadon.store.database import Database
from celadon.store.lines import Lines
from celadon.store.log_sessions import LogSession
from celadon.store.metrics import Metrics

_WAIT_SECONDS = 1.0


def main(settings: Settings) -> None:
    """Run the role until SIGTERM."""
    _allow_files()
    store = database.connect(settings)
    try:
        uvloop.run(_serve(settings, store))
    finally:
        store.close()


class StoreEvents:
    """Events out of the store, woken by its change feed."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._seen = 0

    def list_after(self, seq: int, limit: int) -> list[Event]:
        with _available():
            # First what has changed, then everything: what comes in between ends the next wait at once.
            self._seen = changes.latest(self._store)
            with self._store.read() as tx:
                return events.list_after(tx, seq, limit)

    def wait(self) -> None:
        with _available():
            changes.wait(self._store, self._seen, _WAIT_SECONDS)


class StoreDrains:
    """Drains out of the store, woken by its change feed."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._seen = 0

    def ids(self) -> set[str]:
        with _available():
            self._seen = changes.latest(self._store)
            with self._store.read() as tx:
                return log_drains.ids(tx)

    def find(self, drain_id: str) -> LogDrain | None:
        with _available(), self._store.read() as tx:
            return log_drains.find_by_id(tx, drain_id)

    def keep(self, statuses: Mapping[str, DrainStatus]) -> None:
        with _available(), self._store.transaction() as tx:
            for drain_id, status in statuses.items():
                log_drains.keep_status(tx, drain_id, status)

    def wait(self) -> None:
        with _available():
            changes.wait(self._store, self._seen, _WAIT_SECONDS)


async def _serve(settings: Settings, store: Database) -> None:
    meter = Meter(Metrics(settings.home), settings.log_window)
    logplex = Logplex(settings.home, settings.log_window, meter=meter)
    event_input = EventInput(logplex.directory / "events.json", StoreEvents(store), logplex.take_events)
    guests = Guests(store, "log:read")

    def find_session(secret: str) -> LogSession | None:
        with _available(), store.read() as tx:
            found = log_sessions.find_by_secret(tx, secret, datetime.now(UTC))
            return found if found and access.lost(tx, found.guest, "log:read") is None else None

    def find_sender(token: str) -> AddOn | None:
        with _available(), store.read() as tx:
            return addons.find_by_log_token(tx, token)

    input_route = inputs.route(find_sender, Lines(settings.home))
    server = _server(settings, streams.application(find_session, logplex.fresh, guests.present, others=[input_route]))
    drains = Drains(settings, StoreDrains(store), logplex.channel)
    async with asyncio.TaskGroup() as tasks:
        work = logplex.run(), event_input.run(), drains.run(), guests.watch()
        running = [tasks.create_task(one) for one in work]
        await server.serve()
        for task in running:
            task.cancel()


def _server(settings: Settings, application: object) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application,  # type: ignore[arg-type]
            uds=str(settings.run / "logplex.sock"),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            # Tails have no end of their own.
            timeout_graceful_shutdown=1,
        )
    )


@contextlib.contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise StoreUnavailable(f"cannot read the store: {error}") from error


def _allow_files() -> None:
    """A tail is an open file, and there may be many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
