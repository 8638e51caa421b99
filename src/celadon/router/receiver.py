"""Takes HAProxy's request lines and writes them to the apps' logs.

HAProxy sends octet-counted frames over a Unix stream socket and keeps up to 8 MiB of them while nobody listens. Each line
carries HAProxy's own count, so that what got lost (a kill of this process with lines in the socket, a full ring) is known.
A process that a reload has replaced sends its last lines as datagrams; see `log` in haproxy.cfg.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from celadon.model import logline
from celadon.router import requests
from celadon.store.lines import Lines

ROUTER = logline.Source(source="heroku", ps="router")

_READ = 1 << 18
# A frame is at most HAProxy's `len` and the length in front of it.
_LONGEST = 24_000 + 16
# How long a datagram waits for its twin from the ring, in seconds.
_TWIN_TIME = 1.0
_LATE_LIMIT = 10_000

log = logging.getLogger(__name__)


class Receiver:
    """Listens on `path` and `late` from its construction on; `serve` runs until `close`, in a thread of its own."""

    def __init__(self, path: Path, late: Path, lines: Lines, idle_timeout: float, seen: Path | None = None) -> None:
        self.lost = 0
        self.received = 0
        self._lines = lines
        self._idle_timeout = idle_timeout
        self._counts = Counts(seen)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._listener = _bound(path, socket.SOCK_STREAM)
        self._listener.listen(64)
        self._datagrams = _bound(late, socket.SOCK_DGRAM)
        for one in (self._woken, self._listener, self._datagrams):
            self._selector.register(one, selectors.EVENT_READ)
        self.alone_since = time.monotonic()
        self._pending: dict[socket.socket, bytes] = {}
        # (process, count) → when it is no twin any more, and the line.
        self._late: dict[tuple[int, int], tuple[float, bytes]] = {}

    @property
    def alone(self) -> float:
        """For how many seconds no HAProxy process has been connected."""
        return 0.0 if self._pending else time.monotonic() - self.alone_since

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.serve, name="receiver", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._wake.send(b"x")

    def serve(self) -> None:
        """Receive until closed."""
        while True:
            ready = {key.fileobj for key, _ in self._selector.select(_TWIN_TIME if self._late else None)}
            if self._woken in ready:
                self._shut()
                return
            # A datagram leaves HAProxy before its twin does: read in this order, it is known when that comes.
            if self._datagrams in ready:
                self._read_datagrams()
            if self._listener in ready:
                self._accept()
            for connection in [one for one in self._pending if one in ready]:
                self._read(connection)
            self._write_late(time.monotonic())

    def _shut(self) -> None:
        self._write_late(float("inf"))
        for one in [*self._pending, self._listener, self._datagrams, self._wake, self._woken]:
            one.close()
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
            self.alone_since = time.monotonic()
            del self._pending[connection]
            connection.close()

    def _read_datagrams(self) -> None:
        due = time.monotonic() + _TWIN_TIME
        while len(self._late) < _LATE_LIMIT:
            try:
                line = self._datagrams.recv(_LONGEST)
            except BlockingIOError:
                return
            for request, _ in self._parsed([line]):
                self._late[request.process, request.count] = due, line

    def _write_late(self, now: float) -> None:
        due = [key for key, (until, _) in self._late.items() if until <= now]
        if due:
            found = list(self._parsed([self._late.pop(key)[1] for key in due]))
            for request, _ in found:
                self._count_missing(request)
            self._append(found)

    def write(self, frames: list[bytes]) -> None:
        """Append the lines of one read, with one write for each app."""
        found = list(self._parsed(frames))
        for request, _ in found:
            self._late.pop((request.process, request.count), None)
            self._count_missing(request)
        self.received += len(found)
        self._append(found)
        self._counts.save()

    def _parsed(self, frames: Iterable[bytes]) -> Iterator[tuple[requests.Request, bytes]]:
        for frame in frames:
            if not requests.is_request(frame):
                log.info("at=haproxy says=%r", frame[:200].decode("utf-8", "replace"))
                continue
            try:
                yield requests.parse(frame)
            except ValueError as error:
                log.warning("at=parse error=%r", str(error))
                self.lost += 1

    def _count_missing(self, request: requests.Request) -> None:
        missing = self._counts.missing(request.process, request.count)
        if missing:
            self.lost += missing
            log.warning("at=receive lost=%d total=%d: request lines did not arrive", missing, self.lost)

    def _append(self, found: Iterable[tuple[requests.Request, bytes]]) -> None:
        records: dict[str, list[bytes]] = {}
        for request, client in found:
            if request.app_id != requests.NONE:
                record = requests.record(request, client, self._idle_timeout)
                records.setdefault(request.app_id, []).append(record)
        for app_id, of_app in records.items():
            try:
                self._lines.append_records(app_id, ROUTER, b"".join(of_app))
            except OSError as error:
                self.lost += len(of_app)
                log.error("at=append app=%s lost=%d error=%r", app_id, len(of_app), str(error))


class Counts:
    """The last count of each HAProxy process, kept in a small file so that a kill of this one hides no loss."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._last: dict[int, int] = {}
        if path is not None and path.exists():
            pairs = (line.split() for line in path.read_text("ascii").splitlines())
            self._last = {int(pair[0]): int(pair[1]) for pair in pairs if len(pair) == 2}
        self._saved = dict(self._last)

    def missing(self, process: int, count: int) -> int:
        """How many lines of this process should have come before this one and did not."""
        last = self._last.pop(process, None)
        # Process numbers come again: a count that goes back is a new process.
        self._last[process] = count
        return 0 if last is None or count <= last else count - last - 1

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
    number, blank, _ = rest[:8].partition(b" ")
    broken = bool(rest) and (not number.isdigit() or (len(rest) >= 8 and not blank) or len(rest) > _LONGEST)
    return frames, rest, broken


def _frames(received: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while (blank := received.find(b" ", position, position + 8)) > 0 and received[position:blank].isdigit():
        end = blank + 1 + int(received[position:blank])
        if end > len(received):
            return
        yield blank + 1, end
        position = end


def _bound(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A socket at `path` that takes over from whatever was there, without a moment when nobody is."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, kind)
    bound.bind(str(fresh))
    fresh.chmod(0o600)
    bound.setblocking(False)
    fresh.rename(path)
    return bound
