"""A channel's lines on disk: segment files, each named by the position at which it begins.

A position counts the bytes of the channel since its beginning; it is the id of a line's end, never used twice. The
window is bounded by size and age: the oldest segments go.
"""

import bisect
import contextlib
import errno
import os
import re
import time
from pathlib import Path

from celadon.model import logline

# A window of so many segments is never less than seven eighths full once it has been full.
SEGMENTS = 8
KEEP_SECONDS = 7 * 86_400.0
# A segment that is not full is closed after a day, so that old lines go a day at a time.
SEGMENT_SECONDS = 86_400.0

_NAME = re.compile(r"^channel\.(\d{20})\.log$")


class Segments:
    """The segment files of one channel. `end` is the position behind the last line that counts."""

    def __init__(self, directory: Path, window: int) -> None:
        self.directory = directory
        self.segment_size = max(window // SEGMENTS, 2 * logline.MAX_LINE)
        self.end = 0
        self._bases: tuple[int, ...] = ()
        self._born = 0.0

    @property
    def first(self) -> int:
        """The position of the oldest line that is kept."""
        return self._bases[0] if self._bases else self.end

    def open(self, end: int) -> None:
        """Find the segments and forget what was written beyond `end`."""
        found = sorted(int(name[1]) for path in self.directory.iterdir() if (name := _NAME.match(path.name)))
        for base in found:
            if base >= end:
                self._path(base).unlink()
        self._bases = tuple(base for base in found if base < end)
        self.end = end
        if not self._bases:
            return
        last = self._path(self._bases[-1])
        size = last.stat().st_size
        if size < end - self._bases[-1]:
            # The machine died before these bytes reached the disk; their positions are not used again.
            self._bases = (*self._bases, end)
        elif size > end - self._bases[-1]:
            os.truncate(last, end - self._bases[-1])
        self._born = last.stat().st_mtime

    def append(self, block: bytes) -> int:
        """Write whole lines behind the end; returns the position behind them, which counts once `end` is set to it.

        Raises OSError when the disk is full; then nothing was written.
        """
        base = self._segment(time.time())
        descriptor = os.open(self._path(base), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            # Not O_APPEND: what a round that failed left behind is written over.
            if os.pwrite(descriptor, block, self.end - base) != len(block):
                os.ftruncate(descriptor, self.end - base)
                raise OSError(errno.ENOSPC, f"cannot write {self._path(base)}: no space left on the disk")
        finally:
            os.close(descriptor)
        return self.end + len(block)

    def read(self, position: int, limit: int, until: int) -> tuple[int, bytes]:
        """Whole lines from `position` on, at most `limit` bytes (at least a longest line's), none beyond `until`.

        Returns where they really start, which is later when older ones are gone, and nothing at `until`.
        """
        for base, end in self._spans(position, until):
            start = max(position, base)
            block = self._slice(base, start, min(limit, end - start))
            if block:
                return start, block[: block.rfind(b"\n") + 1] or block
        return until, b""

    def read_before(self, position: int, limit: int) -> tuple[int, bytes]:
        """Whole lines that end at `position`, at most `limit` bytes of them; the start and the lines."""
        spans = [base for base in self._bases if base < position]
        if not spans:
            return position, b""
        start = max(spans[-1], position - limit)
        block = self._slice(spans[-1], start, position - start)
        if start > spans[-1]:
            cut = block.find(b"\n") + 1
            start, block = start + cut, block[cut:]
        return start, block

    def files(self) -> list[tuple[int, Path]]:
        """Oldest first, each with the position at which it begins."""
        return [(base, self._path(base)) for base in self._bases]

    def line_start(self, position: int) -> int:
        """The next position at or behind this one where a line starts: clients send back what they like."""
        if not self.first < position < self.end:
            return min(max(position, self.first), self.end)
        start, block = self.read(position - 1, 2 * logline.MAX_LINE, self.end)
        return start + block.find(b"\n") + 1 if start == position - 1 else start

    def prune(self, now: float) -> None:
        """Let go of segments that nobody has written for a week."""
        for base in self._bases:
            path = self._path(base)
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime < KEEP_SECONDS:
                    return
                path.unlink()
            self._bases = self._bases[1:]

    def _segment(self, now: float) -> int:
        """The segment to write to: the last one, or a new one when it is full or old."""
        if self._bases and self.end - self._bases[-1] < self.segment_size and now - self._born < SEGMENT_SECONDS:
            return self._bases[-1]
        if not self._bases or self.end > self._bases[-1]:
            self._bases = (*self._bases, self.end)
        self._born = now
        while self.end - self._bases[0] > self.segment_size * (SEGMENTS - 1) and len(self._bases) > 1:
            self._path(self._bases[0]).unlink(missing_ok=True)
            self._bases = self._bases[1:]
        return self._bases[-1]

    def _spans(self, position: int, until: int) -> list[tuple[int, int]]:
        """Base and end of each segment from the one with `position` on."""
        bases = self._bases
        first = max(bisect.bisect_right(bases, position) - 1, 0)
        ends = [*bases[1:], until]
        return [(base, min(end, until)) for base, end in zip(bases[first:], ends[first:], strict=True) if base < until]

    def _slice(self, base: int, start: int, length: int) -> bytes:
        """Bytes of one segment; none when the segment has gone meanwhile."""
        if length <= 0:
            return b""
        try:
            descriptor = os.open(self._path(base), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, length, start - base)
        finally:
            os.close(descriptor)

    def _path(self, base: int) -> Path:
        return self.directory / f"channel.{base:020d}.log"
