"""The log of one server: read line by line from where it was left, and rotated before it is large.

The server writes `postgresql.json` in its directory. What has grown is renamed to `postgresql.json.old` and the server told
to begin another file; when that is there and the old one read to its end, it goes. The position stands in a file of the
platform's, written behind each line that was taken: who is killed repeats one line, and loses none.
Without anybody who reads it the server's limit on the size of files ends its growth (cluster.py).
"""

import contextlib
import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

# Bytes: read at once, renamed, and what may wait before it is passed over.
_READ, _FULL, _BACKLOG = 1 << 20, 4 << 20, 16 << 20


class LogFile:
    """`rotate` has the server open its file anew; it may raise OSError, then it is asked again."""

    def __init__(self, directory: Path, position: Path, rotate: Callable[[], None]) -> None:
        self._current = directory / "postgresql.json"
        self._old = directory / "postgresql.json.old"
        # What came without its protocol, of libraries and programs: nobody reads it.
        self._rest = directory / "postgresql"
        self._position = position
        self._rotate = rotate
        # Bytes that were passed over, since somebody asked.
        self.skipped = 0

    def lines(self) -> Iterator[bytes]:
        """Whole lines that are new, some at a time; each is taken when the next one is asked for."""
        if self._old.exists():
            # Once the other file is there nobody writes to this one.
            left = self._current.exists()
            more = yield from self._read(self._old)
            if not left:
                self._rotate()
            if more or not left:
                return
            self._old.unlink(missing_ok=True)
        yield from self._read(self._current)
        self._turn()

    def pass_over(self) -> None:
        """Take all there is, unread."""
        found = _size(self._current)
        if found is not None and found[1] != self._known(found[0]):
            with self._saving(found[0]) as save:
                save(found[1])
        self._old.unlink(missing_ok=True)
        self._turn()

    def _turn(self) -> None:
        found, rest = _size(self._current), _size(self._rest)
        if rest is not None and rest[1] > _FULL:
            # It is written at its end, wherever that is.
            with contextlib.suppress(OSError):
                os.truncate(self._rest, 0)
        if found is not None and found[1] > _FULL and not self._old.exists():
            self._current.rename(self._old)
            self._rotate()

    def _read(self, path: Path) -> Generator[bytes, None, bool]:
        """Yields lines; returns whether there were any, or something else was passed over."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            found = os.fstat(descriptor)
            offset = self._known(found.st_ino)
            if offset > found.st_size:
                offset = 0
            if offset == found.st_size or not stat.S_ISREG(found.st_mode):
                return False
            if found.st_size - offset > _BACKLOG:
                self.skipped += found.st_size - _READ - offset
                offset = found.st_size - _READ
            block = os.pread(descriptor, _READ, offset)
            cut = block.rfind(b"\n") + 1
            if not cut and len(block) < _READ:
                return False
            with self._saving(found.st_ino) as save:
                if not cut:
                    # A line that is longer than all that is read at once.
                    self.skipped += len(block)
                    save(offset + len(block))
                for line in block[: cut - 1].split(b"\n") if cut else ():
                    yield line
                    offset += len(line) + 1
                    save(offset)
            return True
        finally:
            os.close(descriptor)

    def _known(self, inode: int) -> int:
        """How far the file of this inode has been read."""
        try:
            words = self._position.read_bytes().split()
        except FileNotFoundError:
            return 0
        return int(words[1]) if len(words) == 2 and int(words[0]) == inode else 0

    @contextlib.contextmanager
    def _saving(self, inode: int) -> Iterator[Callable[[int], object]]:
        """One write of few bytes, always as many: a kill leaves the one position or the other."""
        descriptor = os.open(self._position, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield lambda offset: os.pwrite(descriptor, f"{inode:020d} {offset:020d}\n".encode(), 0)
        finally:
            os.close(descriptor)


def _size(path: Path) -> tuple[int, int] | None:
    """Inode and bytes."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size
