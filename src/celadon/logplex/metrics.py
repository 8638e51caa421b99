"""Counts what apps' logs say of requests, errors and dynos.

A channel tells of each block of lines that it has made durable, with the positions it lies between; what the platform said
in it is added up in memory, and kept every few seconds with the position that was reached. After a SIGKILL that position
is behind the channel's end: the lines between are read from the channel again. So each line is counted once.
"""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

from celadon.logplex.channel import Channel
from celadon.model import metrics as rules
from celadon.store.metrics import Batch, Metrics

log = logging.getLogger(__name__)

# What has been counted is kept after so many seconds; looked at for it each second, as is what is behind.
KEEP_SECONDS = 5.0
_TICK = 1.0
_PRUNE_SECONDS = 60.0
_RETRY_SECONDS = 10.0
# So much of a log is read again at once, and kept with one transaction.
_READ = 256 << 10
_KEEP_BYTES = 8 << 20
# Of one transaction: others write to the file as well.
_APPS = 100


class Meter:
    """Counts the channels of one platform; the event loop that runs the channels runs it."""

    def __init__(self, store: Metrics, window: int, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        # A log keeps so many bytes: what was not kept of it must still be there after a SIGKILL.
        self._most = window // 4
        self._urgent = asyncio.Event()
        self._positions = store.positions()
        self._counted: dict[str, Batch] = {}
        self._behind: set[str] = set()

    def opened(self, app_id: str, end: int) -> None:
        """A channel is there, up to this position."""
        if self._positions.get(app_id, 0) != end:
            self._behind.add(app_id)

    def observe(self, app_id: str, start: int, end: int, lines: Sequence[bytes]) -> None:
        """A channel has these lines of the platform, and others, from one position to another."""
        if self._positions.get(app_id, 0) != start:
            self._behind.add(app_id)
            return
        batch = self._counted.get(app_id)
        if batch is None:
            batch = self._counted[app_id] = Batch(app_id, start, start)
        if lines:
            rules.count(lines, batch.counts)
        batch.end = self._positions[app_id] = end
        if end - batch.start > self._most:
            self._urgent.set()

    async def run(self, channel_of: Callable[[str], Channel]) -> None:
        """Keep what is counted, and count what was missed, until cancelled. `channel_of` raises OSError."""
        kept = pruned = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._urgent.wait()
            await self.catch_up(channel_of)
            moment = time.monotonic()
            if moment - kept >= KEEP_SECONDS or self._urgent.is_set():
                self._urgent.clear()
                kept = moment
                await self.keep()
            if moment - pruned >= _PRUNE_SECONDS:
                pruned = moment
                await self._prune()

    async def catch_up(self, channel_of: Callable[[str], Channel]) -> None:
        """Count what the channels have beyond what was counted."""
        for app_id in list(self._behind):
            try:
                await self._read(channel_of(app_id))
            except OSError as error:
                log.error("at=metrics app=%s error=%s: trying again", app_id, error)

    async def keep(self) -> None:
        """Make durable what was counted. What cannot be kept is forgotten and counted again, from the log."""
        counted, self._counted = self._counted, {}
        batches = list(counted.values())
        for first in range(0, len(batches), _APPS):
            some = batches[first : first + _APPS]
            try:
                refused = await asyncio.to_thread(self._store.add, some, self._now())
            except sqlite3.Error as error:
                log.error("at=metrics error=%s: counting again in %ds", error, _RETRY_SECONDS)
                self._again(
                    [batch.app_id for batch in batches[first:]], {batch.app_id: batch.start for batch in batches}
                )
                await asyncio.sleep(_RETRY_SECONDS)
                return
            if refused:
                self._again(refused, await asyncio.to_thread(self._store.positions))

    def _again(self, app_ids: Sequence[str], positions: dict[str, int]) -> None:
        """Count these logs anew from these positions; what was counted of them meanwhile goes."""
        for app_id in app_ids:
            self._counted.pop(app_id, None)
            self._positions[app_id] = positions.get(app_id, 0)
            self._behind.add(app_id)

    async def _read(self, channel: Channel) -> None:
        """Count one channel to its end. Others have their turn in between, and it may grow meanwhile."""
        app_id, read = channel.app_id, 0
        while app_id in self._behind:
            position = self._positions.get(app_id, 0)
            if position >= channel.end:
                # Beyond its end: a machine that died has lost the end of the log.
                self.observe(app_id, position, channel.end, ())
                self._behind.discard(app_id)
                return
            start, block = channel.read(position, _READ)
            self.observe(app_id, position, start + len(block), rules.platforms(block))
            read += len(block)
            if read >= _KEEP_BYTES:
                read = 0
                await self.keep()
            await asyncio.sleep(0)

    async def _prune(self) -> None:
        try:
            await asyncio.to_thread(self._store.prune, self._now())
        except sqlite3.Error as error:
            log.error("at=metrics error=%s: cannot forget what is old, trying again", error)
