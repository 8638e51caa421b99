"""How far a drain has got, on disk: a small write in place, which stands whatever process dies."""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# The beginning of the names of these files, beside the channel's own.
CURSOR = "drain."
# Position, then how many lines were dropped and not told of, from which position on, since when (in seconds), whether
# there were more.
_RECORD = "{:020d} {:020d} {:020d} {:020d} {:d}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Lines from the position `start` on that a drain does not get and may not have been told of; `more` where not all
    could be counted."""

    count: int
    start: int
    since: datetime
    more: bool


class Cursor:
    """The position up to which a drain has everything, and what it is still to hear of. A new one begins at `end`."""

    def __init__(self, path: Path, end: int) -> None:
        self._path = path
        self.position = end
        self.gap: Gap | None = None
        with contextlib.suppress(FileNotFoundError, ValueError):
            position, count, start, since, more = map(int, path.read_text("ascii").split())
            # A machine that died may have lost the channel's last lines, whose positions are not used again.
            self.position = min(position, end)
            if count:
                self.gap = Gap(count=count, start=start, since=datetime.fromtimestamp(since, UTC), more=bool(more))
        self.save(self.position, self.gap)

    def save(self, position: int, gap: Gap | None) -> None:
        """Raises OSError."""
        self.position, self.gap = position, gap
        told = (gap.count, gap.start, int(gap.since.timestamp()), gap.more) if gap else (0, 0, 0, False)
        record = _RECORD.format(position, *told)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(descriptor, record.encode(), 0)
        finally:
            os.close(descriptor)
