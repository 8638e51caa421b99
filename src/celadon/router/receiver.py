"""Takes HAProxy's request lines and writes them to the apps' logs.

HAProxy keeps its lines in a ring in memory (32 MiB, the oldest go first); this side follows the ring over the admin socket.
Lines that came while nobody followed are still there afterwards, and each has HAProxy's own count: none is written twice
because of a restart, and what got lost is known.

A reload makes a new process with a ring of its own. The old one lives on for as long as it has requests, or somebody who
follows its ring: the last line of its last request is read before it is let go.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from celadon.model import logline
from celadon.router import admin, requests
from celadon.router.admin import Admin, AdminError, Information
from celadon.router.idling import Visits
from celadon.store.lines import Lines

ROUTER = logline.Source(source="heroku", ps="router")

_FOLLOW = "show events requests -w"
_READ = 1 << 18
# Seconds: how often a new process is looked for, and how long lines gather so that one write takes many.
_LOOK = 0.2
_GATHER = 0.01
# Sessions of an old process that are ours: this one, and the one that asks.
_OURS = 2
_KEPT_COUNTS = 16

log = logging.getLogger(__name__)


class Receiver:
    """Follows HAProxy's processes, the present one and those a reload replaced, in a thread of its own."""

    def __init__(
        self,
        socket_path: Path,
        master: Path,
        lines: Lines,
        idle_timeout: float,
        seen: Path,
        visits: Visits | None = None,
    ) -> None:
        self.lost = 0
        self.received = 0
        self._path, self._master = socket_path, master
        self._lines = lines
        self._idle_timeout = idle_timeout
        self._visits = visits
        self._counts = Counts(seen)
        self._rings: dict[str, Ring] = {}
        self._left: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.serve, name="receiver", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._wake.send(b"x")

    def serve(self) -> None:
        """Receive until closed."""
        self._look()
        due = time.monotonic() + _LOOK
        while True:
            ready = [key.data for key, _ in self._selector.select(_LOOK)]
            if None in ready:
                break
            for ring in ready:
                self._read(ring)
            if time.monotonic() >= due:
                self._look()
                due = time.monotonic() + _LOOK
            elif ready and self._closing(_GATHER):
                break
        for ring in list(self._rings.values()):
            self._leave(ring)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _closing(self, seconds: float) -> bool:
        """Let lines gather, but for the word to end."""
        with selectors.DefaultSelector() as wake:
            wake.register(self._woken, selectors.EVENT_READ)
            return bool(wake.select(seconds))

    def _look(self) -> None:
        """Follow the present process and old ones; let those go that have nothing more to say."""
        try:
            with Admin(self._path) as conversation:
                present = admin.information(conversation)
                if present.name not in self._rings:
                    self._follow(present, conversation.stream(_FOLLOW))
            self._adopt()
        except AdminError as error:
            log.debug("at=look error=%r", str(error))
            return
        for ring in [ring for name, ring in self._rings.items() if name != present.name]:
            if ring.quiet and ring.finished:
                log.debug("at=leave process=%s", ring.name)
                self._left.add(ring.name)
                self._leave(ring)
            else:
                # Its last request may have ended just now: the line of that is read before the next look.
                ring.finished = ring.quiet and self._finished(ring)
            ring.quiet = True

    def _adopt(self) -> None:
        """Follow old processes too: a reload may have come before the first look."""
        for process in admin.old_workers(self._master):
            information = admin.parse_information(admin.ask_master(self._master, f"@!{process} show info"))
            if information.name not in self._rings.keys() | self._left:
                self._follow(information, admin.stream_from(self._master, f"@!{process} {_FOLLOW}"))

    def _follow(self, information: Information, stream: socket.socket) -> None:
        stream.setblocking(False)
        ring = Ring(information.name, information.process, stream)
        self.begin(ring.name)
        self._rings[ring.name] = ring
        self._selector.register(stream, selectors.EVENT_READ, ring)

    def _finished(self, ring: "Ring") -> bool:
        try:
            information = admin.parse_information(admin.ask_master(self._master, f"@!{ring.process} show info"))
        except AdminError:
            # One that is gone ends its stream; the master may just be busy with a reload.
            return False
        log.debug("at=finished process=%s jobs=%d name=%s", ring.name, information.jobs, information.name)
        return information.name == ring.name and information.jobs <= _OURS

    def _leave(self, ring: "Ring") -> None:
        self._selector.unregister(ring.stream)
        ring.stream.close()
        del self._rings[ring.name]

    def _read(self, ring: "Ring") -> None:
        try:
            received = ring.stream.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            received = b""
        if not received:
            log.debug("at=end process=%s", ring.name)
            self._leave(ring)
            return
        ring.quiet = False
        *whole, ring.rest = (ring.rest + received).split(b"\n")
        self.write(ring.name, whole)

    def begin(self, process: str) -> None:
        """The next lines of this process are its ring from the oldest on."""
        self._counts.begin(process)

    def write(self, process: str, lines: Iterable[bytes]) -> None:
        """Append lines of one process, with one write for each app; what is known already is left out."""
        records: dict[str, list[bytes]] = {}
        for request, client in self._parsed(lines):
            if self._counts.known(process, request.count):
                continue
            self.received += 1
            if request.app_id != requests.NONE:
                record = requests.record(request, client, self._idle_timeout)
                records.setdefault(request.app_id, []).append(record)
        for app_id, of_app in records.items():
            if self._visits is not None:
                self._visits.note(app_id)
            self._append(app_id, of_app)
        missing = self._counts.missing(process)
        if missing:
            self.lost += missing
            log.warning("at=receive lost=%d total=%d: request lines did not arrive", missing, self.lost)
        self._counts.save()

    def _parsed(self, lines: Iterable[bytes]) -> Iterator[tuple[requests.Request, bytes]]:
        for line in lines:
            if requests.is_request(line):
                try:
                    yield requests.parse(line)
                except ValueError as error:
                    log.warning("at=parse error=%r", str(error))
            elif (waits := requests.waiting(line)) and self._visits is not None:
                self._visits.wait(*waits)
            elif line:
                log.info("at=haproxy says=%r", line[:200].decode("utf-8", "replace"))

    def _append(self, app_id: str, records: list[bytes]) -> None:
        try:
            self._lines.append_records(app_id, ROUTER, b"".join(records))
        except OSError as error:
            self.lost += len(records)
            log.error("at=append app=%s lost=%d error=%r", app_id, len(records), str(error))


class Ring:
    """One HAProxy process whose ring is followed. `quiet`: nothing came since the last look; `finished`: it had no request
    then.
    """

    def __init__(self, name: str, process: int, stream: socket.socket) -> None:
        self.name = name
        self.process = process
        self.stream = stream
        self.rest = b""
        self.quiet = self.finished = False


class Counts:
    """The counts of each HAProxy process's lines that were written; kept in a file, so that a kill forgets nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._highest: dict[str, int] = {}
        # What was known when the following began, and how many came since.
        self._start: dict[str, int] = {}
        self._came: dict[str, int] = {}
        if path.exists():
            pairs = (line.split() for line in path.read_text("ascii").splitlines())
            self._highest = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}

    def begin(self, process: str) -> None:
        """The ring is read from its oldest line on: those up to the highest known are known."""
        self._highest.setdefault(process, -1)
        self._start[process] = self._highest[process]
        self._came[process] = 0

    def known(self, process: str, count: int) -> bool:
        """Whether the line of this count was written before; remembers it otherwise."""
        if count <= self._start[process]:
            return True
        self._came[process] += 1
        self._highest[process] = max(self._highest[process], count)
        return False

    def missing(self, process: str) -> int:
        """How many lines should have come since `begin` and did not; each is told once."""
        missing = self._highest[process] - self._start[process] - self._came[process]
        self._came[process] += max(0, missing)
        return max(0, missing)

    def save(self) -> None:
        # Only the newest processes matter: a reload makes a new one.
        self._highest = dict(list(self._highest.items())[-_KEPT_COUNTS:])
        # By another name first: a file that a kill left half written would let the whole ring be written twice.
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.write_text("".join(f"{process} {count}\n" for process, count in self._highest.items()), "ascii")
        fresh.rename(self._path)
