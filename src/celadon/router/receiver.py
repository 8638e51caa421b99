"""Takes HAProxy's request lines and writes them to the apps' logs.

HAProxy sends octet-counted frames over a Unix stream socket and keeps up to 8 MiB of them while nobody listens. Each line
carries HAProxy's own count, so that what got lost (a kill of this process with lines in the socket, a full ring) is known.
"""

import logging
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from celadon.model import logline
from celadon.router import requests
from celadon.store.lines import Lines

ROUTER = logline.Source(source="heroku", ps="router")

_READ = 1 << 18
# A frame is at most HAProxy's `len` and the length in front of it.
_LONGEST = 24_000 + 16

log = logging.getLogger(__name__)


class FrameError(Exception):
    """What arrived is no octet-counted frame."""


class Receiver:
    """Listens on `path` from its construction on; `serve` runs until `close`, in a thread of its own."""

    def __init__(self, path: Path, lines: Lines, idle_timeout: float, seen: Path | None = None) -> None:
        self.lost = 0
        self.received = 0
        self._lines = lines
        self._idle_timeout = idle_timeout
        self._counts = Counts(seen)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._listener = _listen(path)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._pending: dict[socket.socket, bytes] = {}

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.serve, name="receiver", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._wake.send(b"x")

    def serve(self) -> None:
        """Receive until closed."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._shut()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)

    def _shut(self) -> None:
        for connection in [*self._pending, self._listener, self._wake, self._woken]:
            connection.close()
        self._selector.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        self._pending[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            received = b""
        frames, rest, broken = split_frames(self._pending[connection] + received)
        self.write(frames)
        self._pending[connection] = rest
        if broken:
            log.error("at=receive error=%r: closing, HAProxy connects again", "cannot read frames")
        if broken or not received:
            self._selector.unregister(connection)
            del self._pending[connection]
            connection.close()

    def write(self, frames: list[bytes]) -> None:
        """Append the lines of one read, with one write for each app."""
        records: dict[str, list[bytes]] = {}
        for frame in frames:
            try:
                request, client = requests.parse(frame)
            except ValueError:
                log.warning("at=parse error=%r", f"cannot read a request line of {len(frame)} bytes")
                self.lost += 1
                continue
            missing = self._counts.missing(request.process, request.count)
            if missing:
                self.lost += missing
                log.warning("at=receive lost=%d total=%d: request lines did not arrive", missing, self.lost)
            if request.app_id != "-":
                record = requests.record(request, client, self._idle_timeout)
                records.setdefault(request.app_id, []).append(record)
        self.received += len(frames)
        for app_id, found in records.items():
            self._append(app_id, b"".join(found), len(found))
        self._counts.save()

    def _append(self, app_id: str, block: bytes, count: int) -> None:
        try:
            self._lines.append_records(app_id, ROUTER, block)
        except OSError as error:
            self.lost += count
            log.error("at=append app=%s lost=%d error=%r", app_id, count, str(error))


class Counts:
    """The last count of each HAProxy process, kept in a small file so that a kill of this one hides no loss."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._last: dict[int, int] = {}
        self._saved: dict[int, int] = {}
        if path is not None and path.exists():
            pairs = (line.split() for line in path.read_text("ascii").splitlines())
            self._last = {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2}

    def missing(self, process: int, count: int) -> int:
        """How many lines of this process are missing before this one; later ones of a late arrival count once."""
        last = self._last.get(process, -1)
        self._last[process] = max(last, count)
        return max(0, count - last - 1) if process in self._saved or last >= 0 else 0

    def save(self) -> None:
        if self._path is None or self._last == self._saved:
            return
        # Only the newest processes matter: a reload makes a new one.
        self._last = dict(list(self._last.items())[-8:])
        self._path.write_text("".join(f"{process} {count}\n" for process, count in self._last.items()), "ascii")
        self._saved = dict(self._last)


def split_frames(received: bytes) -> tuple[list[bytes], bytes, bool]:
    """Whole frames, what follows them, and whether that can never become a frame."""
    frames: list[bytes] = []
    position = 0
    for start, end in _frames(received):
        frames.append(received[start:end])
        position = end
    rest = received[position:]
    head = rest[:8].partition(b" ")
    broken = bool(rest) and (not head[0].isdigit() or (len(rest) >= 8 and not head[1]) or len(rest) > _LONGEST)
    return frames, rest, broken


def _frames(received: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while (blank := received.find(b" ", position, position + 8)) > 0 and received[position:blank].isdigit():
        end = blank + 1 + int(received[position:blank])
        if end > len(received):
            return
        yield blank + 1, end
        position = end


def _listen(path: Path) -> socket.socket:
    """A listener at `path` that takes over from whatever was there, without a moment when nobody listens there."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(fresh))
    fresh.chmod(0o600)
    listener.listen(64)
    listener.setblocking(False)
    fresh.rename(path)
    return listener
