"""Logplex: keeps every app's channel up with its sources.

Wakes on: inotify, events of the platform, and every so often without a reason. Reads: source files, events. Writes:
channels. Survives: SIGKILL at any moment; what it has not read stays in the source files.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from celadon.logplex.channel import Channel, EventLine, Round
from celadon.logplex.metrics import Meter
from celadon.logplex.watch import Watcher

log = logging.getLogger(__name__)

# Lines that come within this time are merged by their own times; it is also how late a line may be, about.
ROUND_SECONDS = 0.02
# An app with lines in so many rounds on end is looked at in every round instead of listened to.
BUSY_ROUNDS = 5
# Every app is looked at this often even when nothing was heard of it; files and segments that are done with go then.
NET_SECONDS = 30.0
_RETRY_SECONDS = 1.0
_FIRST_SECONDS = 0.1
_PARTS_SECONDS = 1.0


class Logplex:
    """All channels of one platform. One event loop runs it; nothing else writes the channels. A `meter` counts them."""

    def __init__(
        self, home: Path, window: int, clock: Callable[[], float] = time.monotonic, meter: Meter | None = None
    ) -> None:
        self.logs = home / "logs"
        self.directory = home / "logplex"
        self._window = window
        self._clock = clock
        self._meter = meter
        self._channels: dict[str, Channel] = {}
        self._waiting: set[str] = set()
        self._woken = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._later: set[str] = set()
        for path in (self.logs, self.directory):
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._watcher = Watcher(self.logs)

    async def run(self) -> None:
        """Keep the channels up until cancelled."""
        try:
            for app_id in self._watcher.watch_all():
                self.wake(app_id)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._advance_waiting())
                tasks.create_task(self._look_at_all())
                if self._meter is not None:
                    tasks.create_task(self._meter.run(self.channel))
        finally:
            self._watcher.close()

    def channel(self, app_id: str) -> Channel:
        """The channel of an app, opened at its first use. Raises OSError."""
        channel = self._channels.get(app_id)
        if channel is None:
            observe = self._meter.observe if self._meter else None
            channel = Channel(app_id, self.logs, self.directory, self._window, self._clock, observe)
            channel.open()
            if self._meter is not None:
                self._meter.opened(app_id, channel.end)
            self._channels[app_id] = channel
        return channel

    def fresh(self, app_id: str) -> Channel:
        """The channel of an app with what its sources hold at this moment. Raises OSError."""
        channel = self.channel(app_id)
        self._advance(app_id)
        return channel

    def wake(self, app_id: str) -> None:
        """Say that an app has something new."""
        self._waiting.add(app_id)
        self._woken.set()

    async def take_events(self, lines: Mapping[str, Sequence[EventLine]]) -> None:
        """Bring event lines, by app, into their channels; they are durable when this returns. Raises OSError."""
        for app_id, events in lines.items():
            channel = self.channel(app_id)
            # What the app said before stands before: read it first, as far as it is a matter of a moment. One app's flood
            # must not hold up the events of all others.
            deadline = time.monotonic() + _FIRST_SECONDS
            while channel.advance(self._watcher.births(app_id)).more and time.monotonic() < deadline:
                await asyncio.sleep(0)
            channel.advance(self._watcher.births(app_id), events)

    async def _listen(self) -> None:
        async for app_id in self._watcher.changes():
            for each in [app_id] if app_id is not None else self._apps():
                self.wake(each)

    async def _advance_waiting(self) -> None:
        behind = False
        while True:
            await self._woken.wait()
            # Not a wait for something: a moment in which the lines of several sources come together.
            await asyncio.sleep(0 if behind else ROUND_SECONDS)
            self._woken.clear()
            waiting, self._waiting = self._waiting, set()
            behind = False
            for app_id in waiting:
                done = self._advance(app_id)
                behind = behind or done.more
                await asyncio.sleep(0)

    async def _look_at_all(self) -> None:
        while True:
            apps = self._apps()
            for app_id in apps:
                self._retire(app_id)
                await asyncio.sleep(NET_SECONDS / len(apps))
            if not apps:
                await asyncio.sleep(NET_SECONDS)

    def _advance(self, app_id: str) -> Round:
        """One round of one app; what cannot be written now is tried again in a while."""
        try:
            done = self.channel(app_id).advance(self._watcher.births(app_id))
        except OSError as error:
            log.error("at=advance app=%s error=%s: trying again in %ds", app_id, error, _RETRY_SECONDS)
            self._wake_later(app_id, _RETRY_SECONDS)
            return Round(lines=0, more=False, open=False)
        self._rest(app_id, done)
        if done.open:
            self._wake_later(app_id, _PARTS_SECONDS)
        return done

    def _rest(self, app_id: str, done: Round) -> None:
        """Decide when to look again: at once while there are lines, else when inotify says so."""
        if done.more:
            self.wake(app_id)
        if done.lines:
            self._busy[app_id] += 1
            if self._busy[app_id] == BUSY_ROUNDS:
                self._watcher.quieten(app_id)
            if self._busy[app_id] >= BUSY_ROUNDS:
                self.wake(app_id)
        elif self._busy.pop(app_id, 0) >= BUSY_ROUNDS:
            self._watcher.listen(app_id)
            self.wake(app_id)

    def _retire(self, app_id: str) -> None:
        if app_id in self._waiting or self._advance(app_id).more:
            return
        try:
            self.channel(app_id).retire(time.time())
        except OSError as error:
            log.error("at=retire app=%s error=%s", app_id, error)

    def _wake_later(self, app_id: str, seconds: float) -> None:
        if app_id not in self._later:
            self._later.add(app_id)
            asyncio.get_running_loop().call_later(seconds, self._wake_now, app_id)

    def _wake_now(self, app_id: str) -> None:
        self._later.discard(app_id)
        self.wake(app_id)

    def _apps(self) -> list[str]:
        return sorted({*self._channels, *(path.name for path in self.logs.iterdir() if path.is_dir())})
