"""Looking through what is kept of an app's log, newest segment first, until enough lines are found.

The pattern is its user's own, so it is GNU grep that looks, in a process of its own with limits: no pattern makes it slow
without end, and none of another app's lines wait for it.
"""

import asyncio
import contextlib
import logging
import os
import re
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from celadon.logplex.channel import Channel
from celadon.logplex.tail import MAX_LINES, Piece
from celadon.model import logline

log = logging.getLogger(__name__)

# Seconds for one search; how many look at once, and how many of one app may wait for their turn.
SECONDS = 10.0
_AT_ONCE = 4
_WAITING = 5
# Bytes of memory and seconds of a processor for each process.
_LIMITS = ("prlimit", f"--as={512 << 20}", f"--cpu={int(SECONDS)}", "nice", "-n", "10")
# Longer lines there are none of; with a word before each line that says where it begins.
_LONGEST = 4 * logline.MAX_LINE
_SAID = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for: an extended regular expression or, `fixed`, words as they are; lines from `since` on, and
    before the position `before`.
    """

    text: str
    lines: int
    fixed: bool = False
    since: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    position: int
    line: bytes


class SearchFailed(Exception):
    """Why nothing was found; the message is for who asked."""


class Searcher:
    """Searches of one platform: a few at once, of one app one after the other, the others wait."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._of_apps: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    async def check(self, wanted: Search) -> None:
        """Raises SearchFailed for a pattern that grep does not take, or takes for another than its writer means."""
        async with self._turns:
            async with _started(wanted, Path(os.devnull), "--text") as process:
                _, said = await process.communicate()
        if said or process.returncode not in (0, 1):
            raise _refused(wanted, said)

    async def stream(self, channel: Channel, wanted: Search, pattern: re.Pattern[bytes] | None) -> AsyncIterator[Piece]:
        """The last lines that are found, in order; `pattern` is what they must be besides (of a dyno, of a source)."""
        found: deque[_Found] = deque(maxlen=min(wanted.lines, MAX_LINES))
        end, message = channel.end if wanted.before is None else wanted.before, ""
        try:
            async with self._turn(channel.app_id), asyncio.timeout(SECONDS):
                await self._look(channel, wanted, pattern, end, found)
        except TimeoutError:
            message = f"the search ended after {SECONDS:.0f} seconds: name a rarer word, or a later time by --since"
        except SearchFailed as error:
            message = str(error)
        if message:
            yield Piece(lines=logline.line(logline.LOGPLEX, message, datetime.now(UTC)), position=end)
        if found:
            yield Piece(lines=b"".join(one.line for one in found), position=found[-1].position)

    @contextlib.asynccontextmanager
    async def _turn(self, app_id: str) -> AsyncIterator[None]:
        """Raises SearchFailed when enough of the app wait already."""
        if self._waiting[app_id] >= _WAITING:
            raise SearchFailed("cannot search now: others look through this app's log already; try again in a moment")
        self._waiting[app_id] += 1
        try:
            async with self._of_apps.setdefault(app_id, asyncio.Lock()), self._turns:
                yield
        finally:
            self._waiting[app_id] -= 1
            if not self._waiting[app_id]:
                del self._waiting[app_id]
                self._of_apps.pop(app_id, None)

    async def _look(
        self,
        channel: Channel,
        wanted: Search,
        pattern: re.Pattern[bytes] | None,
        end: int,
        found: deque[_Found],
    ) -> None:
        since = f"{wanted.since.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}".encode() if wanted.since else b""
        for base, path in reversed(channel.segments()):
            if base >= end:
                continue
            room = (found.maxlen or 0) - len(found)
            if room <= 0:
                return
            newer: deque[_Found] = deque(maxlen=room)
            async for offset, line in _grep(path, wanted):
                position = base + offset + len(line)
                if position <= end and line[: logline.TIME_LENGTH] >= since and (not pattern or pattern.match(line)):
                    newer.append(_Found(position, line))
            found.extendleft(reversed(newer))
            if since and await asyncio.to_thread(_first_time, path) < since:
                return


def _first_time(path: Path) -> bytes:
    """When the segment's first line was; nothing of one that is gone."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        return file.read(logline.TIME_LENGTH)
    return b""


async def _grep(path: Path, wanted: Search) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of a file that match, each with where it begins. The file may have gone."""
    async with _started(wanted, path, "--text", "--byte-offset", "--no-messages") as process:
        assert process.stdout is not None and process.stderr is not None
        async for found in process.stdout:
            offset, _, line = found.partition(b":")
            yield int(offset), line
        said = await process.stderr.read(_SAID)
        await process.wait()
    # 1: nothing matches. With a word it is the pattern's fault, without one the limits were met.
    if process.returncode not in (0, 1) and path.exists():
        raise _refused(wanted, said)


@contextlib.asynccontextmanager
async def _started(wanted: Search, path: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A grep that has ended when the block is left."""
    dialect = "--fixed-strings" if wanted.fixed else "--extended-regexp"
    argv = [*_LIMITS, "grep", *options, dialect, "-e", wanted.text, "--", str(path)]
    # Bytes, whatever they are: half of a character matches nothing.
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        try:
            await process.wait()
        finally:
            # Else its pipes stay open for as long as there is something in them that nobody reads any more.
            process._transport.close()  # type: ignore[attr-defined]


def _refused(wanted: Search, said: bytes) -> SearchFailed:
    why = said[-_SAID:].decode("utf-8", "replace").strip().rpartition("grep: ")[2] or "it asks for too much"
    return SearchFailed(f"cannot search for {wanted.text!r}: {why}; it is an extended regular expression (grep -E)")
