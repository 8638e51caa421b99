"""How frames get to a drain: by syslog over TCP or TLS, or by HTTPS in batches.

A wire takes batches of frames and says up to which position of the channel the other side has them: what is behind that
is sent again over the next wire.
"""

import asyncio
import contextlib
import fcntl
import functools
import hashlib
import os
import socket
import ssl
import struct
import termios
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

import h11

from celadon.clock import posting
from celadon.clock.posting import DestinationNotAllowed, NameNotFound
from celadon.model.destination import Destination
from celadon.model.log_drain import LogDrain
from celadon.platform.settings import Settings

# Seconds: to connect, and how long a receiver may take nothing at all.
CONNECT_SECONDS = 10.0
STALL_SECONDS = 30.0
# The kernel gives up long after we do: it cannot tell one who takes nothing from one who is not there.
_KERNEL_SECONDS = 3 * STALL_SECONDS
# Bytes that wait in this process for a slow receiver, beside what the kernel has.
_WRITE_BUFFER = 256 << 10
_SYSLOG_PORT, _SYSLOG_TLS_PORT = 514, 6514
# Names are asked for in threads of their own: some resolvers take long to say no.
_resolving = ThreadPoolExecutor(max_workers=64, thread_name_prefix="drain-names")
# Of one app at once, so that those with names that nobody knows do not take the place of others.
_LOOKUPS = 2
# What is read of an answer: bytes, and events such as pieces and informational answers.
_ANSWER_BYTES, _ANSWER_EVENTS = 16 << 10, 50


class WireError(Exception):
    """Why the drain does not take lines, in words for its owner."""


class StalledError(WireError):
    """The receiver has stopped to read, which shows only when its machine's buffers are full."""


class CertificateError(WireError):
    """The receiver's certificate is not one that can be trusted: L14."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Lines of a channel from the position `start` on, and their frames; `extra` frames before them are of no line."""

    start: int
    lines: bytes
    frames: Sequence[bytes]
    extra: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.lines)

    def end_of(self, size: int) -> int:
        """The position behind the last line whose frame is whole in the first `size` bytes of all frames."""
        whole = -self.extra
        for frame in self.frames:
            if (size := size - len(frame)) < 0:
                break
            whole += 1
        end = 0
        for _ in range(whole):
            end = self.lines.index(b"\n", end) + 1
        return self.start + end


class Wire(Protocol):
    """One connection to a drain."""

    @property
    def settled(self) -> int | None:
        """The position up to which the receiver has everything; None when it has nothing from this wire."""
        ...

    def settled_exactly(self) -> int | None:
        """The same to the line, when the wire has broken in the middle of a batch."""
        ...

    async def send(self, batch: Batch) -> None:
        """Raises WireError. Returns when more may be given."""
        ...

    async def watch(self) -> None:
        """Until the receiver closes; raises WireError then."""
        ...

    async def flush(self) -> None:
        """Until everything that was sent is settled; raises WireError."""
        ...


class Names:
    """Asks where drains lead; a few at once for each app."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def addresses(self, app_id: str, to: Destination) -> list[tuple[int, str]]:
        """Versions and addresses that may be sent to; raises OSError."""
        async with self._turns.setdefault(app_id, asyncio.Semaphore(_LOOKUPS)):
            look = functools.partial(posting.addresses, self.settings, to, CONNECT_SECONDS)
            found = await asyncio.get_running_loop().run_in_executor(_resolving, look)
        return [(address.version, str(address)) for address in found]


@contextlib.asynccontextmanager
async def connected(names: Names, drain: LogDrain) -> AsyncIterator[Wire]:
    """A wire to the drain; raises WireError."""
    to = _destination(drain.url)
    with _in_words():
        reader, writer, descriptor = await _open(names, drain.app_id, to)
    try:
        if drain.url.startswith("https:"):
            yield HttpWire(reader, writer, to, drain)
        else:
            yield SyslogWire(reader, writer, descriptor)
    finally:
        os.close(descriptor)
        writer.transport.abort()


def _destination(url: str) -> Destination:
    """What `log_drain.check_url` has passed."""
    parts = urlsplit(url)
    default = {"https": 443, "syslog": _SYSLOG_PORT, "syslog+tls": _SYSLOG_TLS_PORT}[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = parts.scheme != "syslog"
    return Destination(secure=secure, host=parts.hostname or "", port=parts.port or default, path=path)


def _trust(settings: Settings) -> ssl.SSLContext:
    """Made once for what the authorities' files hold: making one takes long."""
    files = (settings.ca_bundle, settings.ca_file)
    return _trusted(settings, tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files))


@functools.lru_cache(maxsize=4)
def _trusted(settings: Settings, _: tuple[int, ...]) -> ssl.SSLContext:
    return posting.trust(settings)


async def _open(names: Names, app_id: str, to: Destination) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
    """The streams, and a second descriptor of the socket, which tells what the kernel still has of it."""
    plain = await _dialled(await names.addresses(app_id, to), to.port)
    descriptor = os.dup(plain.fileno())
    try:
        tls = _trust(names.settings) if to.secure else None
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                sock=plain, ssl=tls, server_hostname=to.host if tls else None
            )
    except BaseException:
        os.close(descriptor)
        plain.close()
        raise
    writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER)
    return reader, writer, descriptor


async def _dialled(addresses: Sequence[tuple[int, str]], port: int) -> socket.socket:
    """A connection to the first address that takes one; raises OSError."""
    loop = asyncio.get_running_loop()
    failure: OSError = NameNotFound()
    for version, address in addresses[:4]:
        made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # What the other side has not acknowledged is sent again: the kernel must not send it after us.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A machine that is gone does not acknowledge: the kernel says so after this many milliseconds.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_KERNEL_SECONDS * 1000))
        try:
            async with asyncio.timeout(CONNECT_SECONDS / min(len(addresses), 4)):
                await loop.sock_connect(made, (address, port))
            return made
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
    raise failure


class SyslogWire:
    """Frames one after the other over a connection that says nothing back.

    What the receiver's machine has acknowledged is settled. A receiver that dies with lines unread in its machine's
    buffers loses them, and no sender of syslog can know: that is what HTTPS drains are for.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, descriptor: int) -> None:
        self._reader = reader
        self._writer = writer
        self._descriptor = descriptor
        self._sent = 0
        # Batches that are not settled, with the bytes that had been sent behind each.
        self._under_way: deque[tuple[int, Batch]] = deque()
        self._settled: int | None = None

    @property
    def settled(self) -> int | None:
        there = self._sent - self._outstanding()
        while self._under_way and self._under_way[0][0] <= there:
            self._settled = self._under_way.popleft()[1].end
        return self._settled

    def settled_exactly(self) -> int | None:
        found = self.settled
        if self._under_way:
            behind, batch = self._under_way[0]
            size = sum(map(len, batch.frames)) - (behind - (self._sent - self._outstanding()))
            if size > 0:
                return max(found or 0, batch.end_of(size))
        return found

    def _outstanding(self) -> int:
        """Bytes that have not been acknowledged. With TLS they are counted encrypted, which is more: a little too much
        is sent again rather than too little."""
        unsent = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", unsent)[0]) + self._writer.transport.get_write_buffer_size()

    async def send(self, batch: Batch) -> None:
        content = b"".join(batch.frames)
        with _in_words():
            self._sent += len(content)
            self._under_way.append((self._sent, batch))
            self._writer.write(content)
            await self._drained()

    async def _drained(self) -> None:
        """Wait while too much waits already, as long as the receiver takes something now and then."""
        before = -1
        drained = asyncio.ensure_future(self._writer.drain())
        try:
            while not (await asyncio.wait([drained], timeout=STALL_SECONDS))[0]:
                if (now := self._outstanding()) == before:
                    raise _stalled()
                before = now
            await drained
        finally:
            drained.cancel()

    async def watch(self) -> None:
        with _in_words():
            # What a receiver says has no meaning in syslog.
            while await self._reader.read(4096):
                pass
        raise WireError("it closed the connection")

    async def flush(self) -> None:
        # Nobody tells when the other side has acknowledged: one looks, ten times a second and only while lines are on the way.
        clock = asyncio.get_running_loop().time
        before, moved = self._outstanding(), clock()
        while self._under_way:
            await asyncio.sleep(0.1)
            _ = self.settled
            if (now := self._outstanding()) != before:
                before, moved = now, clock()
            elif clock() - moved > STALL_SECONDS:
                raise _stalled()


def _stalled() -> StalledError:
    return StalledError(f"it takes no lines any more: nothing for {STALL_SECONDS:.0f} seconds")


class HttpWire:
    """Batches by HTTPS, as Logplex posts them; a batch is settled when it is answered with success."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Destination, drain: LogDrain
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._to = to
        self._token = drain.token
        self._login = _login(drain.url)
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 << 10)
        self.settled: int | None = None

    def settled_exactly(self) -> int | None:
        return self.settled

    async def send(self, batch: Batch) -> None:
        with _in_words():
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    status = await self._post(batch)
            except TimeoutError:
                raise WireError(f"it does not answer within {STALL_SECONDS:.0f} seconds") from None
        if not 200 <= status < 300:
            raise WireError(f"it answers with status {status}")
        self.settled = batch.end
        if (self._connection.our_state, self._connection.their_state) != (h11.DONE, h11.DONE):
            raise WireError("it closed the connection")
        self._connection.start_next_cycle()

    async def _post(self, batch: Batch) -> int:
        content = b"".join(batch.frames)
        # The same lines have the same id when they are sent again, and no others: a receiver may tell by it.
        own = f"{self._token} {batch.start} ".encode()
        frame_id = hashlib.sha256(own + content).hexdigest()[:32].upper()
        headers = [
            ("Host", self._to.authority),
            ("Content-Type", "application/logplex-1"),
            ("Content-Length", str(len(content))),
            ("Logplex-Msg-Count", str(len(batch.frames))),
            ("Logplex-Frame-Id", frame_id),
            ("Logplex-Drain-Token", self._token),
            ("User-Agent", "Logplex/celadon"),
            *([("Authorization", self._login)] if self._login else []),
        ]
        request = h11.Request(method="POST", target=self._to.path, headers=headers)
        events = (request, h11.Data(data=content), h11.EndOfMessage())
        self._writer.write(b"".join(self._connection.send(event) or b"" for event in events))
        await self._writer.drain()
        return await self._status()

    async def _status(self) -> int:
        """The answer's status; its body is read and not kept. One that is long is left, and the connection with it.

        Raises WireError, RemoteProtocolError.
        """
        status, read = 0, 0
        for _ in range(_ANSWER_EVENTS):
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                piece = await self._reader.read(4 << 10)
                read += len(piece)
                if (not piece and not status) or read > _ANSWER_BYTES:
                    break
                self._connection.receive_data(piece)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                return status
        if status:
            return status
        raise WireError("it closed the connection without an answer" if not read else "it answers too much")

    async def watch(self) -> None:
        """It answers only what it is asked: whether it is still there shows then."""
        await asyncio.get_running_loop().create_future()

    async def flush(self) -> None:
        return


def _login(url: str) -> str:
    """The Authorization header for the user and password of a URL; empty without."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    return f"Basic {b64encode(unquote(user).encode()).decode()}" if at else ""


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What goes wrong on the way, as its owner can understand it; raises WireError."""
    try:
        yield
    except NameNotFound:
        raise WireError("its host name leads to no address") from None
    except DestinationNotAllowed:
        raise WireError(
            "it is in a network that the operator does not let lines go to (private_destinations)"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(f"its certificate cannot be verified: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise WireError(f"it does not speak TLS as we do: {error.reason or 'no common ground'}") from None
    except TimeoutError:
        raise WireError(f"it does not take a connection within {CONNECT_SECONDS:.0f} seconds") from None
    except h11.RemoteProtocolError:
        raise WireError("it does not speak HTTP as we do") from None
    except ConnectionRefusedError:
        raise WireError("it refuses connections") from None
    except ConnectionError:
        raise WireError("it closed the connection") from None
    except OSError as error:
        raise WireError(f"it cannot be reached: {error.strerror or type(error).__name__}") from None
