"""One drain at work: it follows its app's channel from a position of its own, as a tail does, and sends what it finds.

It holds no lines: its buffer is what the channel has beyond its position, so a drain that hangs costs nobody
anything, and neither a restart of the receiver nor a SIGKILL of Logplex loses a line that is within the buffer. One that
is too far behind is set forward and told by an L10 line how many lines it missed.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from celadon.logplex import tail
from celadon.logplex.channel import Channel
from celadon.logplex.cursor import CURSOR, Cursor, Gap
from celadon.logplex.wires import Batch, CertificateError, Names, Wire, WireError, connected
from celadon.model import log_drain as rules
from celadon.model import logline, syslog
from celadon.model.log_drain import DrainState, DrainStatus, LogDrain
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# How far a drain may fall behind, and how much it is given at once, in bytes.
BUFFER = 16 << 20
_BLOCK = 128 << 10
# Seconds between two tries: the first at once, then longer each time.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

Report = Callable[[str, DrainStatus], None]


class Forwarding:
    """One drain at work. `report` is told when its state changes."""

    def __init__(
        self,
        names: Names,
        drain: LogDrain,
        channel: Channel,
        report: Report,
        buffer: int = BUFFER,
    ) -> None:
        settings = names.settings
        self._names = names
        self._drain = drain
        self._channel = channel
        self._report = report
        self._buffer = min(buffer, settings.log_window // 2)
        self._cursor = Cursor(channel.directory / f"{CURSOR}{drain.id}", channel.end)
        self._status = drain.status
        # The position with which the receiver has been told of the gap, on the wire that is open.
        self._told: int | None = None
        self._lines = Lines(settings.home)

    async def run(self) -> None:
        """Send what comes, until cancelled."""
        failures = 0
        while True:
            await self._wait_for_lines(self._cursor.position)
            began = time.monotonic()
            try:
                async with connected(self._names, self._drain) as wire:
                    failures = await self._forward(wire, failures)
            except WireError as error:
                failures += 1
                # A receiver that starts anew closes, and takes lines again at once.
                if failures > 1:
                    self._fails(error)
                    await self._pause(failures)
            else:
                # One that closes after each batch is not dialled without a pause.
                await asyncio.sleep(max(0.0, _FIRST_PAUSE - (time.monotonic() - began)))

    async def _pause(self, failures: int) -> None:
        """Back off; what is dropped meanwhile is counted while it is still there to be counted."""
        pause = min(_FIRST_PAUSE * 2 ** min(failures - 2, 10), _LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))
        await self._keep_up(self._begin())

    async def _forward(self, wire: Wire, failures: int) -> int:
        """Until the wire breaks; returns how many failures there have been without success, when it broke after one."""
        watching = asyncio.ensure_future(wire.watch())
        sending = asyncio.ensure_future(self._send(wire))
        try:
            await asyncio.wait([watching, sending], return_when=asyncio.FIRST_COMPLETED)
            for ended in (sending, watching):
                if ended.done():
                    ended.result()
        except WireError:
            if not self._settle(wire, wire.settled_exactly()):
                raise
            log.info("at=drain app=%s drain=%s: reconnecting", self._channel.app_id, self._drain.id)
            return 1
        finally:
            for task in (watching, sending):
                task.cancel()
            await asyncio.gather(watching, sending, return_exceptions=True)
        return failures

    async def _send(self, wire: Wire) -> None:
        position = self._begin()
        http = self._drain.url.startswith("https:")
        hostname = "host" if http else self._drain.token
        while True:
            if self._channel.end <= position:
                await wire.flush()
                self._settle(wire, wire.settled)
                await self._wait_for_lines(position)
            position = await self._keep_up(position)
            start, lines = self._channel.read(position, _BLOCK)
            said = self._overflow()
            frames = syslog.frames(said + lines, hostname, http=http)
            batch = Batch(start=start, lines=lines, frames=frames, extra=said.count(b"\n"))
            position = batch.end
            if said:
                self._told = position
            await wire.send(batch)
            self._settle(wire, wire.settled)

    def _settle(self, wire: Wire, settled: int | None) -> bool:
        """Keep how far the receiver has got; False when it got nothing over this wire."""
        if settled is None:
            return False
        told = self._told is not None and settled >= self._told
        self._cursor.save(settled, None if told else self._cursor.gap)
        if told:
            self._told = None
        if self._status.state is not DrainState.CONNECTED:
            self._become(DrainState.CONNECTED, None)
        return True

    async def _wait_for_lines(self, position: int) -> None:
        while self._channel.end <= position:
            await self._channel.growth.wait()

    async def _keep_up(self, position: int) -> int:
        """Where to go on: further ahead when the drain is too far behind."""
        channel = self._channel
        if channel.end - position <= self._buffer and position >= channel.first:
            return position
        ahead = channel.line_start(max(channel.end - self._buffer // 2, channel.first))
        count = await asyncio.to_thread(tail.count, channel, position, ahead)
        # What it was told of a moment ago it may not have heard: both are told as one.
        before = self._cursor.gap or Gap(count=0, start=position, since=datetime.now(UTC), more=False)
        gap = replace(before, count=before.count + count, more=before.more or position < channel.first)
        self._told = None
        # Lines before the gap may be on their way still: the position stays before them.
        self._cursor.save(self._cursor.position, gap)
        self._drop(count)
        return ahead

    def _begin(self) -> int:
        """Where a new wire begins. A gap that begins behind it is counted anew: who was told of it may not have heard."""
        position, gap = self._cursor.position, self._cursor.gap
        self._told = None
        if gap is not None and position <= gap.start:
            self._cursor.save(position, None)
            self._drop(-gap.count)
        return position

    def _drop(self, count: int) -> None:
        self._status = replace(self._status, dropped=self._status.dropped + count)
        self._report(self._drain.id, self._status)

    def _overflow(self) -> bytes:
        """What the drain is to hear of lines it has not got, unless it has been told on this wire."""
        gap = self._cursor.gap
        if gap is None or self._told is not None:
            return b""
        message = rules.overflow_line(self._drain.token, gap.count, gap.since, more=gap.more)
        return logline.line(logline.LOGPLEX, message, datetime.now(UTC))

    def _fails(self, error: WireError) -> None:
        if self._status.state is DrainState.FAILING and self._status.reason == str(error):
            return
        self._become(DrainState.FAILING, str(error))
        code = "L14 (certificate error): " if isinstance(error, CertificateError) else ""
        if code:
            message = f"Error {code}drain '{self._drain.token}' takes no lines: {error}"
            self._lines.append(self._channel.app_id, logline.LOGPLEX, message)

    def _become(self, state: DrainState, reason: str | None) -> None:
        self._status = replace(self._status, state=state, reason=reason, since=datetime.now(UTC))
        self._report(self._drain.id, self._status)
        log.info("at=drain app=%s drain=%s state=%s", self._channel.app_id, self._drain.id, state)
