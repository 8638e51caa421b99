"""The rendezvous: bytes between this terminal and what runs for it in a dyno, over TLS."""

import contextlib
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from celadon.cli.connection import transport
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.model.exit_status import Filter

_CHUNK = 65536
_INTERRUPT, _END_OF_INPUT = b"\x03", b"\x04"
# So many times Ctrl-C within so many seconds leaves a dyno that does not listen.
_ESCAPE_PRESSES, _ESCAPE_SECONDS = 4, 1.0
_INTERRUPTED = 130
_GREETING_SECONDS = 120.0
_GREETING_LIMIT = 4096
_GREETING = b"rendezvous"
# Between tries to connect.
_WAITS = (0.2, 0.4, 0.8)
# After 30 seconds of silence three times every 10; what is sent must have arrived within a minute (in milliseconds).
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
# Whoever ends us so wants a terminal back that works.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def has_terminal() -> bool:
    """Whether both sides of us are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def told_terminal() -> dict[str, Any]:
    """What the platform is told of this terminal, for which it then makes one: its kind and its size."""
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    return {"TERM": os.environ.get("TERM", "xterm"), "COLUMNS": columns, "LINES": lines}


def telling_sizes(invocation: Invocation, path: str) -> Callable[[int, int], None]:
    """Tells the platform new sizes of this terminal, at that path."""

    def tell(columns: int, lines: int) -> None:
        # What runs may be gone by now, and a platform of Heroku's own has no such request.
        with contextlib.suppress(Failure):
            invocation.client.patch(path, {"columns": columns, "lines": lines})

    return tell


def meet(platform: Platform, attach_url: str) -> tuple[ssl.SSLSocket, bytes]:
    """Connect and wait for the dyno; the connection, and output that came with the greeting. Raises Failure."""
    parts = urlsplit(attach_url)
    if parts.scheme != "rendezvous" or not parts.hostname:
        raise Failure(f"cannot attach: {parts.scheme or 'nothing'} is not a way to a dyno that this client knows")
    secret = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    where = f"{parts.hostname}:{parts.port or 5000}"
    try:
        connection = _connect(platform, parts.hostname, parts.port or 5000)
        _watch_over(connection)
        connection.settimeout(_GREETING_SECONDS)
        connection.sendall(f"{secret}\r\n".encode())
        return connection, _greeting(connection, where)
    except TimeoutError:
        raise Failure(f"cannot attach to the dyno: {where} does not answer; is it up? See `celadon ps`.") from None
    except ssl.SSLCertVerificationError as error:
        raise Failure(
            f"cannot attach to the dyno: the certificate of {where} is not trusted: {error.verify_message}"
        ) from None
    except OSError as error:
        raise Failure(f"cannot attach to the dyno at {where}: {error.strerror or error}") from None


def _connect(platform: Platform, host: str, port: int) -> ssl.SSLSocket:
    """Whoever listens there may just be starting anew. Raises OSError, Failure."""
    for wait in (*_WAITS, None):
        try:
            connection = transport.open_socket(platform, host, port, tls=True)
        except ConnectionRefusedError:
            if wait is None:
                raise
            time.sleep(wait)
        else:
            assert isinstance(connection, ssl.SSLSocket), "opened with TLS"
            return connection
    raise AssertionError("the last round returns or raises")


def _watch_over(connection: socket.socket) -> None:
    """Of a network that is cut nobody tells us: the kernel asks now and then, and what is typed must arrive."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        # Not every system knows all of them.
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _greeting(connection: ssl.SSLSocket, where: str) -> bytes:
    received = b""
    while b"\n" not in received:
        chunk = connection.recv(_CHUNK)
        received += chunk
        if not chunk or len(received) > _GREETING_LIMIT:
            raise Failure(f"cannot attach to the dyno: {where} closed the connection; `celadon logs` may say why")
    first, _, rest = received.partition(b"\n")
    if not first.startswith(_GREETING):
        raise Failure(first.decode("utf-8", "replace").strip())
    return rest


def carry(
    connection: ssl.SSLSocket, first: bytes, *, terminal: bool, resized: Callable[[int, int], None]
) -> int | None:
    """Carry input and output until the dyno ends; its exit status, None when it told none: 130 after Ctrl-C.

    `resized` is told the columns and lines of this terminal when they have changed.
    """
    wire = _Wire(connection, sys.stdin.buffer, sys.stdout.buffer, terminal=terminal)
    with contextlib.ExitStack() as stack:
        if terminal:
            stack.enter_context(_raw(sys.stdin.fileno()))
            stack.enter_context(_watched(resized))
        stack.enter_context(connection)
        wire.show(first)
        wire.run()
    return wire.status


class _Wire:
    def __init__(self, connection: ssl.SSLSocket, source: BinaryIO, sink: BinaryIO, *, terminal: bool) -> None:
        self._connection = connection
        self._source: int | None = source.fileno()
        self._sink = sink
        self._terminal = terminal
        self._filter = Filter()
        self._waiting = b""
        self._presses: list[float] = []
        self._pressed = False

    @property
    def status(self) -> int | None:
        # A shell that Ctrl-C has ended tells nothing.
        return _INTERRUPTED if self._filter.status is None and self._pressed else self._filter.status

    def show(self, chunk: bytes) -> None:
        self._print(self._filter.feed(chunk))

    def run(self) -> None:
        """Until the other side closes, or the user insists on leaving."""
        self._connection.setblocking(False)
        while self._receive():
            self._send()
            self._await()
        self._print(self._filter.rest())

    def _await(self) -> None:
        sources: list[int | socket.socket] = [self._connection]
        # While the dyno does not read, neither do we: what waits stays small.
        if self._source is not None and not self._waiting:
            sources.append(self._source)
        ready, _, _ = select.select(sources, [self._connection] if self._waiting else [], [])
        if self._source is not None and self._source in ready:
            self._read(self._source)

    def _receive(self) -> bool:
        """Everything that has come; False once the other side has closed."""
        while True:
            try:
                chunk = self._connection.recv(_CHUNK)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return True
            except OSError:
                # Reset, or nobody has answered for too long.
                return False
            if not chunk:
                return False
            self.show(chunk)

    def _send(self) -> None:
        while self._waiting:
            try:
                self._waiting = self._waiting[self._connection.send(self._waiting) :]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                # What the dyno has said before it closed is still to be read.
                self._waiting, self._source = b"", None

    def _read(self, source: int) -> None:
        try:
            chunk = os.read(source, _CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            self._source = None
            self._waiting += _END_OF_INPUT
            return
        if self._terminal and chunk == _INTERRUPT:
            self._press()
        self._waiting += chunk

    def _press(self) -> None:
        self._pressed = True
        now = time.monotonic()
        self._presses = [*(press for press in self._presses if now - press < _ESCAPE_SECONDS), now]
        if len(self._presses) >= _ESCAPE_PRESSES:
            raise KeyboardInterrupt

    def _print(self, chunk: bytes) -> None:
        if chunk:
            self._sink.write(chunk)
            self._sink.flush()


@contextlib.contextmanager
def _watched(resized: Callable[[int, int], None]) -> Iterator[None]:
    """Tell new sizes of the terminal, the last one last; from a thread, for the platform may take its time to answer."""
    changed, over = threading.Event(), threading.Event()

    def tell() -> None:
        while changed.wait() and not over.is_set():
            changed.clear()
            size = os.get_terminal_size(sys.stdout.fileno())
            resized(size.columns, size.lines)

    threading.Thread(target=tell, daemon=True).start()
    before = signal.signal(signal.SIGWINCH, lambda *_: changed.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
        over.set()
        changed.set()


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """The terminal gives us each key as it is pressed; as it was before, afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    handlers = {ending: signal.signal(ending, _leave) for ending in _ENDING}
    try:
        # What has been typed ahead stays: it is the dyno's.
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield
    finally:
        # The terminal itself may be what has gone.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        for ending, handler in handlers.items():
            signal.signal(ending, handler)


def _leave(signum: int, _frame: object) -> None:
    raise SystemExit(128 + signum)
