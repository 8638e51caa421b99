"""How far a drain has got, on disk: a small write in place, which stands whatever process dies."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# The beginning of the names of these files, beside the channel's own.
CURSOR = "drain."
_NUMBERS_OF_A_GAP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Lines between the positions `start` and `end` that a drain does not get; `more` where not all could be counted.
    `since` is the time of the first of them.
    """

    start: int
    end: int
    count: int
    since: datetime
    more: bool


class Cursor:
    """The position up to which a drain has everything, how far the last try went, and the gaps from there on that it is
    still to hear of, in their order; `dropped` counts the lines of all gaps that ever were. A new one begins at `end`,
    with what its drain is known to have dropped before.
    """

    def __init__(self, path: Path, end: int, dropped: int = 0) -> None:
        self._path = path
        self.position = self.tried = end
        self.dropped = dropped
        self.gaps: tuple[Gap, ...] = ()
        with contextlib.suppress(FileNotFoundError, ValueError):
            position, tried, *rest = map(int, path.read_text("ascii").partition("\n")[0].split())
            # Records of an earlier Celadon have no such number.
            if len(rest) % _NUMBERS_OF_A_GAP:
                self.dropped = max(dropped, rest.pop(0))
            gaps = tuple(_gap(rest[at : at + _NUMBERS_OF_A_GAP]) for at in range(0, len(rest), _NUMBERS_OF_A_GAP))
            # A machine that died may have lost the channel's last lines, whose positions are not used again.
            self.position, self.tried = min(position, end), min(tried, end)
            self.gaps = tuple(gap for gap in gaps if gap.end <= end)
        self._save()

    def reach(self, settled: int) -> None:
        """The receiver has everything up to here. A gap that ends there it may not have heard of: it is told behind it.

        Raises OSError.
        """
        self.gaps = tuple(gap for gap in self.gaps if gap.end >= settled)
        inside = self.gaps and self.gaps[0].start <= settled
        self.position = self.gaps[0].start if inside else settled
        self._save()

    def attempt(self, tried: int) -> None:
        """What is sent next ends here. Raises OSError."""
        self.tried = tried
        self._save()

    def skip(self, gaps: Sequence[Gap], dropped: int) -> None:
        """These are the gaps from now on, with so many lines that were in none before. Raises OSError."""
        self.gaps = tuple(gaps)
        self.dropped += dropped
        self._save()

    def _save(self) -> None:
        numbers = [self.position, self.tried, self.dropped]
        for gap in self.gaps:
            numbers += [gap.start, gap.end, gap.count, int(gap.since.timestamp()), gap.more]
        # What a longer record left behind the newline is not read.
        record = " ".join(f"{number:d}" for number in numbers) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(descriptor, record.encode(), 0)
        finally:
            os.close(descriptor)


def _gap(numbers: list[int]) -> Gap:
    start, end, count, since, more = numbers
    return Gap(start=start, end=end, count=count, since=datetime.fromtimestamp(since, UTC), more=bool(more))
