"""One drain at work: it follows its app's channel from a position of its own, as a tail does, and sends what it finds.

It holds no lines: its buffer is what the channel has beyond its position, so a drain that hangs costs nobody
anything, and neither a restart of the receiver nor a SIGKILL of Logplex loses a line that is within the buffer. One that
is too far behind is set forward and told by an L10 line how many lines it missed.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from celadon.logplex import tail
from celadon.logplex.channel import Channel
from celadon.logplex.cursor import CURSOR, Cursor, Gap
from celadon.logplex.wires import Batch, CertificateError, Names, StalledError, Wire, WireError, connected
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
# A receiver that does not read still has a few megabytes of its machine's buffers on each connection.
_STALLED = 16 << 20

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
        self._cursor = Cursor(channel.directory / f"{CURSOR}{drain.id}", channel.end, drain.status.dropped)
        self._status = drain.status
        self._tell_dropped()
        # Where the next batch begins; what is between the cursor's position and this is on its way.
        self._begin()
        self._skipping = asyncio.Lock()
        # How much a receiver that has stalled must take before it counts as one that reads: the position.
        self._stalled_until: int | None = None
        self._lines = Lines(settings.home)

    async def run(self) -> None:
        """Send what comes, until cancelled."""
        keeping = asyncio.ensure_future(self._keep_up())
        try:
            await self._connect_again_and_again()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _connect_again_and_again(self) -> None:
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
                if failures > 1 or isinstance(error, StalledError):
                    self._fails(error)
                    pause = min(_FIRST_PAUSE * 2 ** min(max(failures - 2, 0), 10), _LONGEST_PAUSE)
                    await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            else:
                # One that closes after each batch is not dialled without a pause.
                await asyncio.sleep(max(0.0, _FIRST_PAUSE - (time.monotonic() - began)))

    async def _forward(self, wire: Wire, failures: int) -> int:
        """Until the wire breaks; returns how many failures there have been without success, when it broke after one."""
        self._begin()
        watching = asyncio.ensure_future(wire.watch())
        sending = asyncio.ensure_future(self._send(wire))
        try:
            await asyncio.wait([watching, sending], return_when=asyncio.FIRST_COMPLETED)
            for ended in (sending, watching):
                if ended.done():
                    ended.result()
        except WireError as error:
            progress = self._settle(wire.settled_exactly())
            if isinstance(error, StalledError):
                self._stalled_until = self._cursor.position + _STALLED
            if not progress or isinstance(error, StalledError):
                raise
            log.info("at=drain app=%s drain=%s: reconnecting", self._channel.app_id, self._drain.id)
            return 1
        finally:
            for task in (watching, sending):
                task.cancel()
            await asyncio.gather(watching, sending, return_exceptions=True)
            self._begin()
        return failures

    def _begin(self) -> None:
        """A new wire begins behind what the receiver has."""
        self._next = self._cursor.position
        self._pass_gap()

    def _pass_gap(self) -> None:
        self._next = next((gap.end for gap in self._cursor.gaps if gap.start == self._next), self._next)

    async def _send(self, wire: Wire) -> None:
        http = self._drain.url.startswith("https:")
        hostname = "host" if http else self._drain.token
        while True:
            if self._channel.end <= self._next:
                await wire.flush()
                self._settle(wire.settled)
                await self._wait_for_lines(self._next)
            await self._skip()
            batch = self._batch(hostname, http=http)
            if not batch.lines:
                continue
            self._next = batch.end
            if http and batch.end > self._cursor.tried:
                self._cursor.attempt(batch.end)
            await wire.send(batch)
            self._settle(wire.settled)

    def _batch(self, hostname: str, *, http: bool) -> Batch:
        """The next lines, before them what the drain is to hear of a gap. By HTTPS what was tried is tried again as it
        was: a receiver tells by its id.
        """
        gaps = self._cursor.gaps
        self._pass_gap()
        bounds = [gap.start for gap in gaps if gap.start > self._next]
        if http and self._cursor.tried > self._next:
            bounds.append(self._cursor.tried)
        start, lines = self._channel.read(self._next, _BLOCK, min(bounds, default=None))
        said = b"".join(self._overflow(gap) for gap in gaps if gap.end == self._next)
        frames = syslog.frames(said + lines, hostname, http=http)
        return Batch(start=start, lines=lines, frames=frames, extra=said.count(b"\n"))

    def _settle(self, settled: int | None) -> bool:
        """Keep how far the receiver has got; False when it got nothing over this wire."""
        if settled is None:
            return False
        self._cursor.reach(settled)
        if self._stalled_until is not None and settled < min(self._stalled_until, self._channel.end):
            return True
        self._stalled_until = None
        if self._status.state is not DrainState.CONNECTED:
            self._become(DrainState.CONNECTED, None)
        return True

    async def _wait_for_lines(self, position: int) -> None:
        while self._channel.end <= position:
            await self._channel.growth.wait()

    def _behind(self) -> bool:
        passed_over = sum(gap.end - gap.start for gap in self._cursor.gaps if gap.start >= self._next)
        waiting = self._channel.end - self._next - passed_over
        return waiting > self._buffer or self._next < self._channel.first

    async def _keep_up(self) -> None:
        """Count what is dropped while it is still there to be counted, also while a receiver hangs or is away."""
        while True:
            growth = self._channel.growth
            if self._behind():
                await self._skip()
            else:
                await growth.wait()

    async def _skip(self) -> None:
        """Go on further ahead when the drain is too far behind."""
        async with self._skipping:
            if not self._behind():
                return
            channel, start = self._channel, self._next
            ahead = channel.line_start(max(channel.end - self._buffer // 2, channel.first))
            # Those that end here nothing was sent behind: they grow. Those further ahead are passed over.
            before = [gap for gap in self._cursor.gaps if gap.end < start]
            joined = [gap for gap in self._cursor.gaps if gap.end >= start]
            gap = await asyncio.to_thread(_dropped, channel, start, ahead, joined)
            self._cursor.skip([*before, gap], gap.count - sum(one.count for one in joined))
            # A wire that has broken meanwhile begins before the gap, with what was on its way.
            if self._next == start:
                self._next = ahead
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        """The cursor counts; a Logplex that dies may not have come to tell the store."""
        if self._status.dropped != self._cursor.dropped:
            self._status = replace(self._status, dropped=self._cursor.dropped)
            self._report(self._drain.id, self._status)

    def _overflow(self, gap: Gap) -> bytes:
        """What the drain is to hear of lines it has not got."""
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


def _dropped(channel: Channel, start: int, end: int, others: Sequence[Gap]) -> Gap:
    """The gap between two positions, of which others are a part already. May take its time."""
    first, block = channel.read(start, 2 * logline.MAX_LINE, end)
    position, count, more = start, 0, first > start
    for gap in others:
        if gap.start > position:
            count += tail.count(channel, position, gap.start)
        position = max(position, gap.end)
    count += tail.count(channel, position, end) + sum(gap.count for gap in others)
    return Gap(
        start=min(start, *(gap.start for gap in others)) if others else start,
        end=end,
        count=count,
        since=min(_time(block), *(gap.since for gap in others)) if others else _time(block),
        more=more or any(gap.more for gap in others),
    )


def _time(block: bytes) -> datetime:
    """When the first of some lines was written; now where there is none any more."""
    try:
        return datetime.fromisoformat(block[: logline.TIME_LENGTH].decode("ascii")).replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)
