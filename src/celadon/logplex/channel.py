"""A channel: the log stream of one app, merged from its sources in the order of time.

Reads the app's source files, writes its segments and its journal. A round reads what is new, appends it, makes the
positions durable, and only then shows it to tails: whatever a tail has seen, stands; after a SIGKILL at any moment each
line is in the channel exactly once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

from celadon.logplex import sources
from celadon.logplex.journal import Journal, Position, State
from celadon.logplex.segments import Segments
from celadon.logplex.sources import Births, Block, SourceFile
from celadon.model import logline
from celadon.model.dyno import EXITED
from celadon.model.logline import Part

# A line without its end (a prompt, the last words of a dyno) is shown as it is after so many seconds.
PART_SECONDS = 5.0

_EXITED = EXITED.encode()

_by_time = itemgetter(slice(0, logline.TIME_LENGTH))

# Is told of lines that are durable: the app, the positions they lie between, and those of them that no dyno wrote.
Observe = Callable[[str, int, int, Sequence[bytes]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """A rendered line of one of the platform's events."""

    seq: int
    line: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round found: how many lines, whether more waits already, whether a line is still open."""

    lines: int
    more: bool
    open: bool


class Channel:
    """One app's stream. Tails and drains read it by position; `growth` is set, and replaced, when there is more."""

    def __init__(
        self,
        app_id: str,
        logs: Path,
        directory: Path,
        window: int,
        clock: Callable[[], float] = time.monotonic,
        observe: Observe | None = None,
    ) -> None:
        self.app_id = app_id
        self.logs = logs / app_id
        self.growth = asyncio.Event()
        self._clock = clock
        self._observe = observe
        self._segments = Segments(directory / app_id, window)
        self._journal = Journal(directory / app_id / "journal")
        self._state = State()
        self._part_times: dict[str, float] = {}
        # How many files of a name were found before their births were told; None before the first round.
        self._early: dict[str, int] | None = None

    def open(self) -> None:
        """Bring the channel to the state of its last complete round. Raises OSError."""
        self._segments.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        state = self._journal.load()
        self._segments.open(state.end)
        self._state = replace(state, positions=sources.verified(self.logs, state.positions))
        self._part_times = dict.fromkeys(state.parts, self._clock())

    @property
    def end(self) -> int:
        """The position behind the last line that counts."""
        return self._state.end

    @property
    def first(self) -> int:
        return self._segments.first

    @property
    def directory(self) -> Path:
        """Where the channel is kept, and what its drains remember."""
        return self._segments.directory

    def advance(self, births: Births | None = None, events: Sequence[EventLine] = ()) -> Round:
        """One round. `births` says which files came to be since the last round, None where that is not known: those that
        were never seen are lost, and said. Events that the channel shows already are passed over.

        Raises OSError when the disk is full; the next round reads the same again.
        """
        found = sources.look(self.logs)
        platforms = self._unseen(found, births)
        lost = sources.dropped(found, self._state.positions)
        for file, count in lost.items():
            platforms += _overflow(file.name, f"{count} lines")
        files = [file for file in found if file not in lost]
        blocks = sources.timely(sources.read(files, self._state.positions))
        lines, merged, state = self._merged(files, blocks)
        platforms += merged
        platforms += [event.line for event in events if event.seq > state.event]
        lines += platforms
        lines.sort(key=_by_time)
        if events:
            state = replace(state, event=max(state.event, events[-1].seq))
        self._commit(lines, state, platforms)
        self._let_go([file for file in files if not file.named], 0.0)
        return Round(lines=len(lines), more=any(block.more for block in blocks), open=bool(state.parts))

    def retire(self, now: float) -> None:
        """Let go of what is old: segments beyond a week, source files that are done with. Between rounds only."""
        self._segments.prune(now)
        self._let_go(sources.look(self.logs), now)

    def read(self, position: int, limit: int, until: int | None = None) -> tuple[int, bytes]:
        """Lines from a position on, see Segments.read."""
        return self._segments.read(position, limit, self.end if until is None else min(until, self.end))

    def read_before(self, position: int, limit: int) -> tuple[int, bytes]:
        return self._segments.read_before(min(position, self.end), limit)

    def segments(self) -> list[tuple[int, Path]]:
        """The files that hold the lines, oldest first, each with the position at which it begins."""
        return self._segments.files()

    def line_start(self, position: int) -> int:
        return self._segments.line_start(position)

    def _let_go(self, files: Sequence[SourceFile], now: float) -> None:
        """Forget the files that are done with."""
        gone = sources.retire(files, self._state.positions, now) if files else []
        if gone:
            positions = {inode: position for inode, position in self._state.positions.items() if inode not in gone}
            self._commit([], replace(self._state, positions=positions))

    def _merged(self, files: Sequence[SourceFile], blocks: Sequence[Block]) -> tuple[list[bytes], list[bytes], State]:
        """The lines of all blocks, source by source: those of dynos, those of the platform, and the state behind them."""
        lines: list[bytes] = []
        platforms: list[bytes] = []
        known = self._state.positions
        positions = {file.inode: known.get(file.inode) or Position(name=file.name) for file in files}
        parts = dict(self._state.parts)
        exits: dict[str, bytes] = {}
        for block in blocks:
            name = block.file.name
            source = _source(name)
            if source.source != "app" and (at := logline.last_time(block.records, _EXITED)):
                exits[source.ps] = max(at, exits.get(source.ps, at))
            rendering = logline.rendered(block.records, source, parts.get(name, {}))
            (lines if source.source == "app" else platforms).extend(rendering.lines)
            malformed = rendering.malformed + (not block.records.endswith(b"\n"))
            if malformed:
                platforms += _said(
                    f"Error L13 (Local delivery error): {malformed} unreadable records of {source.header[:-1]}"
                )
            positions[block.file.inode] = sources.advanced(positions[block.file.inode], block)
            self._keep_parts(name, rendering.parts, parts)
        lines += self._flushed(parts, exits)
        return lines, platforms, replace(self._state, positions=positions, parts=parts)

    def _keep_parts(self, name: str, new: Mapping[str, Part], parts: dict[str, Mapping[str, Part]]) -> None:
        if new:
            parts[name] = new
            self._part_times[name] = self._clock()
        else:
            parts.pop(name, None)
            self._part_times.pop(name, None)

    def _flushed(self, parts: dict[str, Mapping[str, Part]], exits: Mapping[str, bytes]) -> list[bytes]:
        """Lines whose end does not come, for it is a while ago, or their process has exited since; they leave `parts`."""
        due = [name for name in parts if self._clock() - self._part_times.get(name, 0.0) >= PART_SECONDS]
        for name in parts.keys() - due:
            exited = exits.get(_source(name).ps, b"")
            if all(part.time <= exited for part in parts[name].values()):
                due.append(name)
        for name in due:
            self._part_times.pop(name, None)
        return [line for name in due for line in logline.flushed(_source(name), parts.pop(name))]

    def _unseen(self, files: Sequence[SourceFile], births: Births | None) -> list[bytes]:
        """What to say of files that came and went while nobody looked."""
        if births is None:
            self._early = None
            return self._gaps(files)
        new = {file.inode: file.name for file in files if file.inode not in self._state.positions}
        if self._early is not None:
            return self._missed(files, Counter(new.values()), births.names, self._early)
        self._early = {}
        # The births of what stood there before nobody has heard of.
        before = births.before
        gone = before.keys() - self._state.positions.keys() - {file.inode for file in files}
        born = births.names + Counter(before[inode] for inode in gone)
        found = Counter(name for inode, name in new.items() if inode not in before)
        return self._gaps(files) + self._missed(files, found, born, self._early)

    def _missed(
        self, files: Sequence[SourceFile], found: Counter[str], births: Counter[str], early: dict[str, int]
    ) -> list[bytes]:
        """Files between two looks: more came to be than were found."""
        lines = []
        for name in {*births, *found}:
            # A file may be found before its birth is told; then the birth is told for nothing later.
            balance = births[name] - found[name] - early.get(name, 0)
            early[name] = max(-balance, 0)
            if balance > 0:
                lines += _overflow(name, self._about(files, name, balance))
        return lines

    def _gaps(self, files: Sequence[SourceFile]) -> list[bytes]:
        """Files while Logplex was down: nobody counted them, but there is a gap between those that are left."""
        lines = []
        old = {file.name: file for file in files if not file.named and file.inode in self._state.positions}
        for new in files:
            before = None if new.inode in self._state.positions else old.get(new.name)
            gap = sources.gap(before, new) if before else None
            if gap:
                who, start, end = _source(new.name).header[:-1], *(f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in gap)
                lines += _said(
                    f"Error L13 (Local delivery error): lines of {who} may be lost between {start} and {end}:"
                    " they were written while Logplex was down"
                )
        return lines

    def _about(self, files: Sequence[SourceFile], name: str, count: int) -> str:
        """How many lines so many files of a name may have held: as many as others of that name."""
        known = max((sources.count(file, 0) for file in files if file.name == name), default=0)
        return f"about {count * known} lines" if known else f"{count} files of lines"

    def _commit(self, lines: Sequence[bytes], state: State, platforms: Sequence[bytes] = ()) -> None:
        start = state.end
        if lines:
            state = replace(state, end=self._segments.append(b"".join(lines)))
        if state != self._state:
            self._journal.write(state)
            self._state = state
        if lines:
            self._segments.end = state.end
            self.growth.set()
            self.growth = asyncio.Event()
            if self._observe is not None:
                self._observe(self.app_id, start, state.end, platforms)


def _source(name: str) -> logline.Source:
    source = logline.source_of(name)
    assert source is not None, "only files of sources are looked at"
    return source


def _overflow(name: str, number: str) -> list[bytes]:
    return _said(f"Error L12 (Local buffer overflow): {number} of {_source(name).header[:-1]} dropped")


def _said(message: str) -> list[bytes]:
    return [logline.line(logline.LOGPLEX, message, datetime.now(UTC))]
