"""Where log lines are kept on disk: one directory per app, one file per source, append only.

Lines never enter the database. A writer appends whole records in one write, so that several processes may append to one
file. Logplex reads these files, and takes away those that have grown or that nobody writes any more: a writer opens its
file anew for each append. See `celadon.model.logline` for their format.
"""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

from celadon.model import logline

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Lines:
    """The log directory of one platform. A full disk loses lines, never the work they speak of: the loss is counted
    and said in the file once there is space again."""

    def __init__(self, home: Path) -> None:
        self.root = home / "logs"
        self._lost: dict[Path, int] = {}

    def directory(self, app_id: str) -> Path:
        """The directory of one app's source files; made when missing."""
        path = self.root / app_id
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        return path

    def path(self, app_id: str, source: logline.Source, dyno_id: str | None = None) -> Path:
        return self.directory(app_id) / logline.file_name(source, dyno_id)

    def append(self, app_id: str, source: logline.Source, message: str, now: datetime | None = None) -> None:
        """Write one message (each of its lines a record) from the platform's own side."""
        self.append_records(app_id, source, logline.record(message, now or datetime.now(UTC)))

    def append_records(self, app_id: str, source: logline.Source, records: bytes) -> None:
        """Append records that are complete already: `records` ends with a newline.

        Raises OSError when the file cannot be written for another reason than a full disk.
        """
        path = self.root / app_id / logline.file_name(source)
        count = records.count(b"\n")
        lost = self._lost.get(path, 0)
        if lost:
            # The write that failed may have left the beginning of a record: it ends here. The time is the next line's.
            records = b"\n" + records[: logline.PREFIX_LENGTH] + _loss(lost) + b"\n" + records
        try:
            complete = _append(path, records)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            complete = False
        if complete:
            self._lost.pop(path, None)
        else:
            self._lost[path] = lost + count


def _append(path: Path, records: bytes) -> bool:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o640)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(path, flags, 0o640)
    try:
        return os.write(descriptor, records) == len(records)
    finally:
        os.close(descriptor)


def _loss(count: int) -> bytes:
    return f"Error L13 (Local delivery error): {count} lines lost, no space left on the disk".encode()


_BLOCK = 1 << 20


class Follower:
    """Reads the text of records as a file grows, whoever writes it; conmon may begin it anew when it is large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> bytes:
        """What was written since the last call, 1 MB of it at most; the text of a part of a line has no line end."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                block = file.read(_BLOCK)
        except FileNotFoundError:
            return b""
        end = block.rfind(b"\n") + 1
        self._offset += end
        return logline.plain_text(block[:end])
