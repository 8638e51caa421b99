"""What drains send to: receivers of syslog over TCP or TLS and of HTTPS, each of which can hang, close, say no and start anew."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import h11
from tests import ports
from tests.logplex.listener import PATIENCE

from celadon.platform import certificates
from celadon.platform.settings import Settings


class Receiver:
    """A server on a port of its own. `content` is the whole frames that came, connection by connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._streams: list[bytearray] = []
        # Of whole frames.
        self.count = 0
        self.requests: list[dict[str, str]] = []
        self.connections = 0
        # What is answered to requests of HTTP; None closes instead.
        self.status: int | None = 200
        self.http = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        # It stays ours while nobody listens.
        self._held = ports.reserved()
        self.port = int(self._held.getsockname()[1])

    async def __aenter__(self) -> "Receiver":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._held.close()

    async def start(self) -> None:
        """On the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls, limit=64 << 10)

    async def stop(self) -> None:
        """As a program that ends well: what has come is read, then connections close."""
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await asyncio.sleep(0)

    @property
    def content(self) -> bytes:
        return b"".join(bytes(stream[: _whole(stream)]) for stream in self._streams)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await (self._answer(reader, writer) if self.http else self._take(reader))
        except h11.RemoteProtocolError:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        stream = bytearray()
        self._streams.append(stream)
        while True:
            await self.reading.wait()
            piece = await reader.read(256 << 10)
            if not piece:
                return
            stream += piece
            self.count += piece.count(b"\n")

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        body = bytearray()
        while True:
            await self.reading.wait()
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(256 << 10))
            elif isinstance(event, h11.Request):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                headers["target"] = event.target.decode()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.requests.append(headers)
                if self.status is None:
                    return
                if self.status < 300:
                    self._streams.append(body)
                    self.count += body.count(b"\n")
                body = bytearray()
                answer = h11.Response(status_code=self.status, headers=[("Content-Length", "2")])
                for each in (answer, h11.Data(data=b"ok"), h11.EndOfMessage()):
                    writer.write(connection.send(each) or b"")
                await writer.drain()
                connection.start_next_cycle()
            else:
                return


def _whole(stream: bytearray) -> int:
    """Where the last whole frame ends: a message ends with its newline."""
    return stream.rfind(b"\n") + 1


def tls(settings: Settings, name: str = "127.0.0.1") -> ssl.SSLContext:
    """For a server of this name, by the platform's own authority, which drains trust."""
    pem = settings.home / f"{name}.pem"
    certificates.issue(settings, datetime.now(UTC))
    pem.write_text(certificates.for_hosts(settings, [name], datetime.now(UTC)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def until(what: str, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.01)
