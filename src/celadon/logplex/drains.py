"""All drains of the platform: for each row there is one at work, and none for a row that is gone.

Wakes on: the change feed. Reads: log drains. Writes: how each fares, when that changes. Survives: SIGKILL; each drain goes
on behind the last line that its receiver has.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from celadon.logplex.channel import Channel
from celadon.logplex.cursor import CURSOR
from celadon.logplex.events import StoreUnavailable
from celadon.logplex.forwarding import Forwarding
from celadon.logplex.wires import Names
from celadon.model.log_drain import DrainStatus, LogDrain
from celadon.platform.settings import Settings

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
# How a drain fares is written this often at most, in seconds.
_REPORT_SECONDS = 0.5


class DrainStore(Protocol):
    """Where drains come from: functions that may block. All raise StoreUnavailable."""

    def ids(self) -> set[str]:
        """Of all drains."""
        ...

    def find(self, drain_id: str) -> LogDrain | None: ...

    def keep(self, statuses: Mapping[str, DrainStatus]) -> None:
        """Write how drains fare, by id."""
        ...

    def wait(self) -> None:
        """Return when there may be other drains than were last listed, within about a second."""
        ...


class Drains:
    """Starts and ends what sends lines."""

    def __init__(self, settings: Settings, store: DrainStore, channel_of: Callable[[str], Channel]) -> None:
        self._names = Names(settings)
        self._store = store
        self._channel_of = channel_of
        self._at_work: dict[str, tuple[asyncio.Task[None], Channel]] = {}
        self._statuses: dict[str, DrainStatus] = {}
        self._reported = asyncio.Event()

    async def run(self) -> None:
        """Keep drains as the store has them until cancelled."""
        reporting = asyncio.create_task(self._keep_statuses())
        try:
            while True:
                await self._tried(self.ensure)
                await self._tried(lambda: asyncio.to_thread(self._store.wait))
        finally:
            tasks = [reporting, *(task for task, _ in self._at_work.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ensure(self) -> None:
        """One at work for each drain. Raises StoreUnavailable, OSError."""
        wanted = await asyncio.to_thread(self._store.ids)
        for drain_id in self._at_work.keys() - wanted:
            task, channel = self._at_work.pop(drain_id)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._statuses.pop(drain_id, None)
            (channel.directory / f"{CURSOR}{drain_id}").unlink(missing_ok=True)
        for drain_id in wanted - self._at_work.keys():
            drain = await asyncio.to_thread(self._store.find, drain_id)
            if drain is not None:
                self._begin(drain)

    def _begin(self, drain: LogDrain) -> None:
        channel = self._channel_of(drain.app_id)
        forwarding = Forwarding(self._names, drain, channel, self._report)
        self._at_work[drain.id] = (asyncio.create_task(self._run(drain, forwarding)), channel)

    async def _run(self, drain: LogDrain, forwarding: Forwarding) -> None:
        """What cannot be read or written now is tried again; nothing of one drain ends another."""
        while True:
            try:
                await forwarding.run()
            except Exception:
                log.exception("at=drain drain=%s: trying again in %ds", drain.id, _RETRY_SECONDS)
                await asyncio.sleep(_RETRY_SECONDS)

    def _report(self, drain_id: str, status: DrainStatus) -> None:
        self._statuses[drain_id] = status
        self._reported.set()

    async def _keep_statuses(self) -> None:
        while True:
            await self._reported.wait()
            self._reported.clear()
            statuses, self._statuses = self._statuses, {}
            try:
                await asyncio.to_thread(self._store.keep, statuses)
            except StoreUnavailable as error:
                log.error("at=drains error=%s: trying again in %ds", error, _RETRY_SECONDS)
                self._statuses = {**statuses, **self._statuses}
                self._reported.set()
            await asyncio.sleep(_REPORT_SECONDS)

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except (StoreUnavailable, OSError) as error:
            log.error("at=drains error=%s: trying again in %ds", error, _RETRY_SECONDS)
            await asyncio.sleep(_RETRY_SECONDS)
