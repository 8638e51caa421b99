"""The source files of one app: which there are, what is new in them, and which may go.

A file is known by its inode. conmon (or whoever rotates) puts a new inode under the same name, and the old one would be
gone with what has not been read of it; so each file is held by a second link, `<name>.<inode>`, from the moment it is
seen until it has been read to its end and nobody can write to it any more. Held files also keep their inode's number
from being used again, so that positions survive a restart of this role.
"""

import contextlib
import fcntl
import os
import re
import signal
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from celadon.logplex.journal import Position
from celadon.model import logline

# A source of the platform's own is rotated once it has this size; conmon rotates dynos' files by itself.
FILE_LIMIT = 4 << 20
# A file goes when nobody has written it for so long and nobody has it open for writing.
QUIET_SECONDS = 600.0
# What one round reads: of one file at most the first, of all files together about the second.
READ_LIMIT = 1 << 20
ROUND_LIMIT = 4 << 20
_LEAST = 64 << 10
# What may wait in files that have been rotated away: a dyno that writes faster than this for long loses lines, not the
# machine its disk.
HELD_LIMIT = 256 << 20
GAP = timedelta(seconds=5)

_HELD = re.compile(r"^(.+\.log)\.(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One inode with records. `named`: it still stands under its own name, new writers find it."""

    inode: int
    name: str
    path: Path
    named: bool
    size: int
    written: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Births:
    """How many files came to be under each source's name since the last round, and, in the first one, which inodes stood
    there before somebody watched, each with the name of its source.
    """

    names: Counter[str]
    before: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Whole records of one file that come next; `more` when the file holds others behind them."""

    file: SourceFile
    start: int
    records: bytes
    more: bool

    @property
    def last_time(self) -> bytes:
        start = self.records.rfind(b"\n", 0, -1) + 1
        return self.records[start : start + logline.RECORD_TIME_LENGTH]


def look(directory: Path) -> list[SourceFile]:
    """The source files of a directory, oldest of a name first. A new one is held from here on.

    How far the platform's own have grown is looked at first: what a dyno wrote before the platform spoke of it is then seen
    with that, or earlier.
    """
    try:
        named, held = _listed(directory)
    except FileNotFoundError:
        return []
    for name, inode in list(named.items()):
        if inode not in held and (found := _hold(directory, name)) is not None:
            held[found], named[name] = name, found
    current = set(named.values())
    platforms_first = sorted(held.items(), key=lambda entry: not _is_platforms(entry[1]))
    files = [_stat(directory, name, inode, inode in current) for inode, name in platforms_first]
    return sorted((file for file in files if file), key=lambda file: (file.named, file.written))


def inodes(directory: Path) -> dict[int, str]:
    """What stands in a directory, held or not, each with the name of its source. Raises FileNotFoundError."""
    named, held = _listed(directory)
    return held | {inode: name for name, inode in named.items()}


def _listed(directory: Path) -> tuple[dict[str, int], dict[int, str]]:
    """The inodes by the names of sources, and the names by the inodes that are held."""
    named: dict[str, int] = {}
    held: dict[int, str] = {}
    for entry in list(os.scandir(directory)):
        if logline.source_of(entry.name):
            named[entry.name] = entry.inode()
        elif (link := _HELD.match(entry.name)) and int(link[2]) == entry.inode():
            held[entry.inode()] = link[1]
    return named, held


def verified(directory: Path, positions: Mapping[int, Position]) -> dict[int, Position]:
    """The positions whose files still begin as they did; for the first look after a start."""
    return {
        inode: position for inode, position in positions.items() if _head(directory, position, inode) == position.head
    }


def read(files: Iterable[SourceFile], positions: Mapping[int, Position]) -> list[Block]:
    """What is new in these files."""
    grown = [(file, offset) for file in files if file.size > (offset := _offset(file, positions))]
    limit = max(_LEAST, min(READ_LIMIT, ROUND_LIMIT // max(len(grown), 1)))
    return [block for file, offset in grown if (block := _read(file, offset, limit))]


def _offset(file: SourceFile, positions: Mapping[int, Position]) -> int:
    position = positions.get(file.inode)
    return position.offset if position else 0


def _read(file: SourceFile, offset: int, limit: int) -> Block | None:
    """The records at an offset, as far as the file had grown when it was looked at, cut behind the last whole one; None
    when there is no whole record yet.

    So many bytes without a newline are no record of ours: they are passed over as one malformed record.
    """
    with _opened(file.path) as descriptor:
        records = os.pread(descriptor, min(limit, file.size - offset), offset)
    cut = records.rfind(b"\n") + 1
    if not cut:
        if len(records) < limit:
            return None
        return Block(file=file, start=offset, records=records, more=True)
    return Block(file=file, start=offset, records=records[:cut], more=offset + len(records) < file.size)


def timely(blocks: Iterable[Block]) -> list[Block]:
    """Blocks cut so that what follows later is not older: when a file holds more than one round reads, the others wait
    for it. After a long pause the lines of all files come in the order of their times."""
    blocks = list(blocks)
    limited = [block.last_time for block in blocks if block.more]
    if not limited:
        return blocks
    latest = min(limited)
    cut = [block if block.last_time <= latest else _until(block, latest) for block in blocks]
    return [block for block in cut if block.records]


def advanced(before: Position, block: Block) -> Position:
    """The position behind a block."""
    head = before.head
    if len(head) < logline.RECORD_TIME_LENGTH:
        head = (head + block.records)[: logline.RECORD_TIME_LENGTH]
    count = block.records.count(b"\n")
    return replace(before, offset=block.start + len(block.records), records=before.records + count, head=head)


def dropped(files: Iterable[SourceFile], positions: Mapping[int, Position]) -> dict[SourceFile, int]:
    """Take away the oldest rotated files while more than HELD_LIMIT bytes wait in them; how many records each had left."""
    held = [(file, file.size - _offset(file, positions)) for file in files if not file.named]
    waiting = sum(size for _, size in held)
    lost = {}
    for file, size in held:
        if waiting <= HELD_LIMIT:
            break
        lost[file] = count(file, _offset(file, positions))
        file.path.unlink(missing_ok=True)
        waiting -= size
    return lost


def gap(before: SourceFile, after: SourceFile) -> tuple[datetime, datetime] | None:
    """The time between two files of a name, when a third may have come and gone in it; None when that is unlikely.

    A file that was filled and rotated away took about as long as the one before it; less than half of that, or a few
    seconds, is the next line taking its time.
    """
    with _opened(before.path) as descriptor:
        head = os.pread(descriptor, logline.RECORD_TIME_LENGTH, 0)
        end = os.pread(descriptor, _LEAST, max(before.size - _LEAST, 0))
    with _opened(after.path) as descriptor:
        next_head = os.pread(descriptor, logline.RECORD_TIME_LENGTH, 0)
    tail = end[end.rfind(b"\n", 0, -1) + 1 :][: logline.RECORD_TIME_LENGTH]
    try:
        first, last, following = (datetime.fromisoformat(time.decode()) for time in (head, tail, next_head))
    except ValueError:
        return None
    return (last, following) if following - last > max(GAP, (last - first) / 2) else None


def retire(files: Iterable[SourceFile], positions: Mapping[int, Position], now: float) -> list[int]:
    """Take away files that have been read to their end: the name first, the held link when nobody can write any more.
    A last record without its newline does not keep a file for ever.

    Returns the inodes that are gone. A file that a living conmon holds open stays, however quiet it is.
    """
    gone = []
    for file in files:
        quiet = now - file.written > QUIET_SECONDS
        if file.size != _offset(file, positions) and not quiet:
            continue
        if file.named and (quiet or (file.size >= FILE_LIMIT and _is_platforms(file.name))):
            # A writer of the platform that has just opened it goes on in the held file; the next one makes a new file.
            if _is_platforms(file.name) or not _being_written(file.path):
                _unlink_name(file)
        elif not file.named and not _being_written(file.path) and file.path.stat().st_size == file.size:
            file.path.unlink(missing_ok=True)
            gone.append(file.inode)
    return gone


def _hold(directory: Path, name: str) -> int | None:
    """Link a file a second time by its inode, which is returned; None when it has gone meanwhile."""
    try:
        with _opened(directory / name) as descriptor:
            inode = os.fstat(descriptor).st_ino
            # By the open file, not by its name: another file may stand under that by now.
            folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.link(f"/proc/self/fd/{descriptor}", f"{name}.{inode}", src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                os.close(folder)
    except FileExistsError:
        return inode
    except FileNotFoundError:
        return None
    return inode


def _stat(directory: Path, name: str, inode: int, named: bool) -> SourceFile | None:
    path = directory / f"{name}.{inode}"
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return SourceFile(inode=inode, name=name, path=path, named=named, size=stat.st_size, written=stat.st_mtime)


def _head(directory: Path, position: Position, inode: int) -> bytes | None:
    try:
        with _opened(directory / f"{position.name}.{inode}") as descriptor:
            return os.pread(descriptor, len(position.head), 0)
    except FileNotFoundError:
        return None


def count(file: SourceFile, offset: int) -> int:
    """How many records a file holds from an offset on."""
    found = 0
    with file.path.open("rb") as opened:
        opened.seek(offset)
        while piece := opened.read(READ_LIMIT):
            found += piece.count(b"\n")
    return found


def _until(block: Block, latest: bytes) -> Block:
    records = block.records.split(b"\n")[:-1]
    count = bisect_right(records, latest, key=lambda record: record[: logline.RECORD_TIME_LENGTH])
    kept = b"".join(record + b"\n" for record in records[:count])
    return replace(block, records=kept, more=True)


def _is_platforms(name: str) -> bool:
    """A file the platform writes: no dyno's id in its name, opened anew for each append."""
    source = logline.source_of(name)
    return source is not None and logline.file_name(source) == name


def _being_written(path: Path) -> bool:
    """Whether some process has the file open for writing: the kernel refuses a read lease then."""
    # A writer that opens the file in the moment of the lease would make the kernel send SIGIO, whose default is death.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    with _opened(path) as descriptor:
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            return True
    return False


def _unlink_name(file: SourceFile) -> None:
    path = file.path.with_name(file.name)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_ino == file.inode:
            path.unlink()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
