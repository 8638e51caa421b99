"""A tail: what one reader of a channel gets, backlog first, then live, by position.

A tail holds no lines: its buffer is what the channel has beyond its position. It never slows the channel; one that is
too far behind is set forward and told by an L11 line how many of its lines it missed.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celadon.logplex.channel import Channel
from celadon.model import logline

# What the API keeps per app for reading back, and how far back filtered lines are looked for here, in bytes.
MAX_LINES = 1_500
LOOK_BACK = 16 << 20
# How far a live tail may fall behind, in bytes.
BUFFER = 16 << 20
HEARTBEAT_SECONDS = 15.0

_CHUNK = 64 << 10
_BACK_CHUNK = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a reader wants. `after` is the id of the last line it has seen, when it comes back.

    `older` gives at most so many wanted lines before a position: what is not found close to the end is looked for there.
    """

    lines: int
    tail: bool
    source: str | None = None
    dyno: str | None = None
    after: int | None = None
    older: "Older | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Lines to send, and the position behind them; without lines it is a sign of life."""

    lines: bytes
    position: int


Older = Callable[[int, int], AsyncIterator[Piece]]


async def stream(
    channel: Channel,
    request: Request,
    buffer: int = BUFFER,
    heartbeat: float = HEARTBEAT_SECONDS,
    ended: asyncio.Future[Any] | None = None,
) -> AsyncIterator[Piece]:
    """What the reader gets, in order, without gaps or repetitions; ends behind the backlog unless it is a tail, which ends
    when `ended` is done.
    """
    pattern = logline.pattern(request.source, request.dyno)
    end = channel.end
    if request.after is None:
        position, missing = await asyncio.to_thread(backlog, channel, min(request.lines, MAX_LINES), pattern, end)
        if missing and request.older is not None:
            async for piece in request.older(position, missing):
                yield piece
    else:
        position = channel.line_start(request.after)
        if request.after < channel.first:
            yield Piece(lines=_gone(channel.first - request.after), position=position)
    while position < end:
        position, lines = _next(channel, position, end, pattern)
        if lines:
            yield Piece(lines=lines, position=position)
    if request.tail:
        async for piece in _follow(channel, position, pattern, buffer, heartbeat, ended or asyncio.Future()):
            yield piece


def backlog(channel: Channel, lines: int, pattern: re.Pattern[bytes] | None, end: int) -> tuple[int, int]:
    """The position where the last so many wanted lines before `end` begin, and how many of them are further back than
    is looked here, if they are anywhere.
    """
    position = end
    wanted = lines
    while wanted > 0 and end - position < LOOK_BACK:
        start, block = channel.read_before(position, _BACK_CHUNK)
        if not block:
            return position, 0
        starts = _starts(block, pattern)
        if len(starts) >= wanted:
            return start + starts[-wanted], 0
        wanted -= len(starts)
        position = start
    return position, wanted


async def _follow(
    channel: Channel,
    position: int,
    pattern: re.Pattern[bytes] | None,
    buffer: int,
    heartbeat: float,
    ended: asyncio.Future[Any],
) -> AsyncIterator[Piece]:
    while not ended.done():
        growth = channel.growth
        if channel.end <= position:
            if not await _first_of(growth, ended, heartbeat):
                yield Piece(lines=b"", position=position)
            continue
        if channel.end - position > buffer:
            start, position = position, channel.line_start(channel.end - buffer // 2)
            missed = await asyncio.to_thread(count, channel, start, position, pattern)
            if missed:
                yield Piece(lines=_overflow(missed, start < channel.first), position=position)
        position, lines = _next(channel, position, channel.end, pattern)
        if lines:
            yield Piece(lines=lines, position=position)


async def _first_of(growth: asyncio.Event, ended: asyncio.Future[Any], timeout: float) -> bool:
    """Wait until there is more or the tail ends; False when neither comes in time."""
    grown = asyncio.ensure_future(growth.wait())
    try:
        done, _ = await asyncio.wait((grown, ended), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        grown.cancel()
    return bool(done)


def _next(channel: Channel, position: int, until: int, pattern: re.Pattern[bytes] | None) -> tuple[int, bytes]:
    """The wanted ones of the next lines, and the position behind what was looked at."""
    start, block = channel.read(position, _CHUNK, until)
    return start + len(block), b"".join(pattern.findall(block)) if pattern else block


def count(channel: Channel, position: int, until: int, pattern: re.Pattern[bytes] | None = None) -> int:
    """How many wanted lines there are between two positions, of those that are kept. May take its time."""
    found = 0
    while position < until:
        start, block = channel.read(position, _BACK_CHUNK, until)
        found += len(pattern.findall(block)) if pattern else block.count(b"\n")
        position = start + len(block)
    return found


def _starts(block: bytes, pattern: re.Pattern[bytes] | None) -> list[int]:
    if pattern:
        return [found.start() for found in pattern.finditer(block)]
    starts = [0]
    while at := block.find(b"\n", starts[-1]) + 1:
        starts.append(at)
    return starts[:-1]


def _overflow(missed: int, pruned: bool) -> bytes:
    """What a tail is told; of lines that are not even kept any more nobody knows the number."""
    now = datetime.now(UTC)
    number = f"more than {missed}" if pruned else f"{missed}"
    message = f"Error L11 (Tail buffer overflow): this tail dropped {number} messages before {now:%Y-%m-%dT%H:%M:%SZ}"
    return logline.line(logline.LOGPLEX, message, now)


def _gone(size: int) -> bytes:
    message = f"Error L11 (Tail buffer overflow): this tail missed {size} bytes of lines that are no longer kept"
    return logline.line(logline.LOGPLEX, message, datetime.now(UTC))
