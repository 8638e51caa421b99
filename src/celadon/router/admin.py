"""HAProxy's run-time API: its admin socket and its master's socket, and what they tell.

Thin: one command out, one answer back. What to command is decided in `plan`.
"""

import contextlib
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from celadon.router import haproxy

_PROMPT = b"\n> "
_TIMEOUT = 10.0
# A reload parses 10,000 apps in about 3 s; on a busy machine it may take much longer.
_RELOAD_TIMEOUT = 60.0
_LOOK = 0.02

# Bits of srv_admin_state: maintenance of any kind, drain of any kind.
_MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20
_DRAIN = 0x08 | 0x10

_STREAM = re.compile(r"^(0x[0-9a-f]+): .* be=slot[0-9]+ srv=(\S+)", re.MULTILINE)


class AdminError(Exception):
    """HAProxy cannot be asked; the message says what was asked, without a payload, which may be a key."""


class Refused(AdminError):
    """HAProxy can be asked, and answers that it will not."""


class Silent(AdminError):
    """HAProxy's master does not answer: it has ten places for conversations, and all may be taken by some that never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server as HAProxy has it."""

    name: str
    address: str
    port: int
    ready: bool
    draining: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """What one HAProxy process has: `servers` by slot and name, the maps by file name, the names of its certificates'
    files, and the digest of its template.
    """

    process: int
    template: str
    servers: Mapping[str, Mapping[str, RunningServer]]
    maps: Mapping[str, Mapping[str, str]]
    certificates: frozenset[str] = frozenset()

    @property
    def routes(self) -> Mapping[str, str]:
        """App id → where its requests go."""
        return self.maps[haproxy.ROUTES]

    @property
    def slots(self) -> int:
        return len(self.servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """`show info` of one process. `jobs` are the sessions and listeners that keep it from ending once it is `stopping`."""

    process: int
    started: int
    stopping: bool
    jobs: int

    @property
    def name(self) -> str:
        """Process numbers come again (a container counts from 1), this does not."""
        return f"{self.process}.{self.started}"


class Admin:
    """A conversation over one admin socket; a context manager."""

    def __init__(self, path: Path, timeout: float = _TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._timeout)
        try:
            self._socket.connect(str(self._path))
            self._socket.sendall(b"prompt\n")
            self._read("prompt")
        except OSError as error:
            self._socket.close()
            raise AdminError(f"cannot reach HAProxy at {self._path}: {error}") from None
        except AdminError:
            self._socket.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if self._socket is not None:
            self._socket.close()

    def ask(self, command: str) -> str:
        """Send one command and return its answer without surrounding white space."""
        assert self._socket is not None
        try:
            self._socket.sendall(command.encode() + b"\n")
            return self._read(command)
        except OSError as error:
            raise AdminError(f"cannot ask HAProxy {_shown(command)!r}: {error}") from None

    def tell(self, command: str, *, accept: tuple[str, ...] = ()) -> None:
        """Send a command that answers nothing, or something that contains one of `accept`; raises AdminError, Refused."""
        answer = self.ask(command)
        if answer and not any(word in answer for word in accept):
            raise Refused(f"cannot {_shown(command)}: HAProxy says {answer!r}")

    def stream(self, command: str) -> socket.socket:
        """Send a command that answers for ever; the conversation's socket is the caller's from now on."""
        assert self._socket is not None
        found, self._socket = self._socket, None
        return _ask_on(found, command)

    def _read(self, command: str) -> str:
        assert self._socket is not None
        parts = bytearray()
        deadline = time.monotonic() + self._timeout
        while not parts.endswith(_PROMPT):
            received = self._socket.recv(1 << 16)
            if not received:
                raise AdminError(f"cannot ask HAProxy {_shown(command)!r}: it closed the connection")
            parts += received
            if time.monotonic() > deadline:
                raise AdminError(f"cannot ask HAProxy {_shown(command)!r}: no complete answer in {self._timeout:g} s")
        return parts.decode("utf-8", "replace").removesuffix("> ").strip()


def _shown(command: str) -> str:
    return command.partition("<<")[0].rstrip()


def ask_master(path: Path, command: str, timeout: float = _TIMEOUT) -> str:
    """One command to the master process, or with a prefix (`@!12 show info`) to one of its workers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while received := connection.recv(1 << 16):
                parts.append(received)
        except (TimeoutError, BlockingIOError) as error:
            raise Silent(f"cannot ask HAProxy's master {command!r}: {error}") from None
        except OSError as error:
            raise AdminError(f"cannot ask HAProxy's master {command!r}: {error}") from None
    return b"".join(parts).decode("utf-8", "replace").strip()


def stream_from(path: Path, command: str) -> socket.socket:
    """A socket that gives the answer of a command that answers for ever."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_TIMEOUT)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise AdminError(f"cannot reach HAProxy at {path}: {error}") from None
    return _ask_on(connection, command)


def _ask_on(connection: socket.socket, command: str) -> socket.socket:
    try:
        connection.sendall(command.encode() + b"\n")
    except OSError as error:
        connection.close()
        raise AdminError(f"cannot ask HAProxy {command!r}: {error}") from None
    return connection


def reload(master: Path) -> None:
    """Replace the worker by one that reads the files anew; returns when it serves. No request is lost.

    Raises AdminError with HAProxy's words when it refuses the files; the old worker then goes on.
    """
    before = _present_worker(master)
    answer = ask_master(master, "reload", _RELOAD_TIMEOUT)
    if answer.startswith("Success=1"):
        return
    if answer.startswith("Success="):
        raise AdminError(f"cannot reload HAProxy: {answer}")
    # Before 2.7 it says nothing: the new worker is to be seen.
    deadline = time.monotonic() + _RELOAD_TIMEOUT
    while _present_worker(master) in (None, before):
        if time.monotonic() > deadline:
            raise AdminError("cannot reload HAProxy: no new worker came; its log says why")
        time.sleep(_LOOK)


def _present_worker(master: Path) -> int | None:
    """The process that serves now; None while the master itself is on its way."""
    with contextlib.suppress(AdminError):
        present = ask_master(master, "show proc").partition("# old workers")[0]
        found = re.search(r"^([0-9]+)\s+worker", present, re.MULTILINE)
        return int(found[1]) if found else None
    return None


def old_workers(master: Path) -> list[int]:
    """Processes of earlier loads that still finish their requests. Raises AdminError when the master does not say."""
    answer = ask_master(master, "show proc")
    if not answer:
        # A master that begins anew closes what it was asked: that there is no old process has not been said.
        raise AdminError("cannot ask HAProxy's master 'show proc': it closed the connection")
    _, _, old = answer.partition("# old workers")
    return [int(found) for found in re.findall(r"^([0-9]+)\s+worker", old.partition("# programs")[0], re.MULTILINE)]


def information(admin: Admin) -> Information:
    return parse_information(admin.ask("show info"))


def parse_information(answer: str) -> Information:
    """Raises AdminError when this is no answer to `show info`."""
    fields = dict(line.partition(": ")[::2] for line in answer.splitlines())
    try:
        return Information(
            process=int(fields["Pid"]),
            started=int(fields["Start_time_sec"]),
            stopping=fields["Stopping"] == "1",
            jobs=int(fields["Jobs"]) - int(fields["Unstoppable Jobs"]),
        )
    except (KeyError, ValueError):
        raise AdminError(f"cannot read HAProxy's information: {answer[:100]!r}") from None


def look(admin: Admin, files: Path) -> Actual:
    """All that matters of a running HAProxy."""
    return Actual(
        process=information(admin).process,
        template=admin.ask("show env CELADON_TEMPLATE").partition("=")[2],
        servers=parse_servers(admin.ask("show servers state"), admin.ask("show backend")),
        maps={name: parse_map(admin.ask(f"show map {files / name}")) for name in haproxy.MAPS},
        certificates=parse_certificates(admin.ask(f"show ssl crt-list {files / haproxy.CERTIFICATES}")),
    )


def parse_map(answer: str) -> dict[str, str]:
    """`show map`: an id, the key, the value."""
    fields = (line.split(" ", 2) for line in answer.splitlines() if line)
    return {key: value for _, key, value in fields}


def parse_certificates(answer: str) -> frozenset[str]:
    """`show ssl crt-list FILE`: a certificate's file and the names it is for; another answer where there is no HTTPS."""
    paths = (line.split(" ", 1)[0] for line in answer.splitlines() if line.startswith("/"))
    return frozenset(Path(path).name for path in paths)


def parse_servers(state: str, backends: str) -> dict[str, dict[str, RunningServer]]:
    """`show servers state` has the servers, `show backend` also names the slots without any."""
    found: dict[str, dict[str, RunningServer]] = {name: {} for name in backends.split() if name.startswith("slot")}
    for line in state.splitlines():
        fields = line.split(" ")
        if len(fields) < 19 or not fields[1].startswith("slot"):
            continue
        admin_state = int(fields[6])
        found.setdefault(fields[1], {})[fields[3]] = RunningServer(
            name=fields[3],
            address=fields[4],
            port=int(fields[18]),
            ready=not admin_state & (_MAINTENANCE | _DRAIN),
            draining=bool(admin_state & _DRAIN),
        )
    return found


def sessions(answer: str) -> dict[str, int]:
    """Server → requests and WebSockets that it has, or that wait for it: from `show stat SLOT 4 -1`."""
    rows = answer.splitlines()
    columns = rows[0].removeprefix("# ").split(",") if rows else []
    found: dict[str, int] = {}
    for row in rows[1:]:
        values = dict(zip(columns, row.split(","), strict=False))
        if "svname" in values:
            found[values["svname"]] = int(values["scur"] or 0) + int(values["qcur"] or 0)
    return found


def streams(answer: str) -> list[tuple[str, str]]:
    """Address of each request or WebSocket that an app's dyno has, and that dyno's server: from `show sess`."""
    return _STREAM.findall(answer)
