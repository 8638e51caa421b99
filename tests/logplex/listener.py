"""A real Logplex with its listener on a Unix socket, and a client that reads a stream as it comes."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from celadon.logplex import streams, tail
from celadon.logplex.manager import Logplex
from celadon.model import logline
from celadon.model.guest import Guest, Loss
from celadon.store.lines import Lines

# Only a failure takes so long; the machine may be busy with other tests.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log session as the store has it, as far as Logplex asks."""

    app_id: str = "app-1"
    lines: int = 100
    tail: bool = False
    dyno: str | None = None
    source: str | None = None
    grep: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=5))

    @property
    def guest(self) -> Guest:
        return Guest(account_id="somebody", authorization_id=None, app_id=self.app_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a test has: the platform's writer, Logplex, the socket, and the sessions that are known by their secret."""

    home: Path
    lines: Lines
    logplex: Logplex
    socket: str
    sessions: dict[str, Session]
    # What ends the tails that are open.
    tails: set["asyncio.Future[Loss]"] = field(default_factory=set)

    def say(self, message: str, *, app: str = "app-1", source: str = "app", ps: str = "web.1") -> None:
        self.lines.append(app, logline.Source(source=source, ps=ps), message)

    @contextlib.asynccontextmanager
    async def get(self, secret: str, accept: str = "*/*", **headers: str) -> AsyncIterator["Answer"]:
        reader, writer = await asyncio.open_unix_connection(self.socket)
        fields = {"Host": "localhost", "Accept": accept, **{name.replace("_", "-"): at for name, at in headers.items()}}
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"GET /streams/{secret}?tail=true HTTP/1.1\r\n{text}\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        status, *rest = head.decode().split("\r\n")
        pairs = dict(line.split(": ", 1) for line in rest if line)
        try:
            yield Answer(int(status.split()[1]), {name.lower(): value for name, value in pairs.items()}, reader)
        finally:
            writer.close()


class Answer:
    """The status and the body of one answer, chunk by chunk."""

    def __init__(self, status: int, headers: Mapping[str, str], reader: asyncio.StreamReader) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader
        self.text = ""

    async def until(self, wanted: str, patience: float = PATIENCE) -> str:
        """Read until the text holds what is wanted; returns all of it."""
        async with asyncio.timeout(patience):
            while wanted not in self.text:
                assert await self._chunk(), f"the stream ended without {wanted!r}: {self.text[-500:]!r}"
        return self.text

    async def all(self) -> str:
        """Read until the end, for at most PATIENCE."""
        async with asyncio.timeout(PATIENCE):
            while await self._chunk():
                pass
        return self.text

    async def json(self) -> dict[str, str]:
        read: dict[str, str] = json.loads(await self._reader.readexactly(int(self.headers["content-length"])))
        return read

    async def _chunk(self) -> bool:
        size = int(await self._reader.readline() or b"0", 16)
        data = await self._reader.readexactly(size + 2) if size else b""
        # A chunk may end in the middle of a character only if the listener cut it there, which it does not.
        self.text += data[:-2].decode(errors="surrogateescape")
        return bool(size)


@contextlib.asynccontextmanager
async def running(
    home: Path, *, window: int = 8 << 20, buffer: int = tail.BUFFER, **sessions: Session
) -> AsyncIterator[Running]:
    """Logplex over `home`, listening."""
    logplex = Logplex(home, window)
    tails: set[asyncio.Future[Loss]] = set()
    application = streams.application(sessions.get, logplex.fresh, lambda guest: present(guest, tails), buffer)
    with tempfile.TemporaryDirectory(prefix="logplex-") as directory:
        socket = f"{directory}/logplex.sock"
        config = uvicorn.Config(application, uds=socket, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            serving = [tasks.create_task(logplex.run()), tasks.create_task(server.serve())]
            async with asyncio.timeout(PATIENCE):
                while not server.started:
                    await asyncio.sleep(0.005)
            lines = Lines(home)
            yield Running(home=home, lines=lines, logplex=logplex, socket=socket, sessions=sessions, tails=tails)
            server.should_exit = True
            serving[0].cancel()


@contextlib.contextmanager
def present(guest: Guest, tails: set["asyncio.Future[Loss]"] | None = None) -> Iterator["asyncio.Future[Loss]"]:
    """A reader who may stay until the test ends it by `tails`."""
    tails = tails if tails is not None else set()
    ended = asyncio.get_running_loop().create_future()
    tails.add(ended)
    try:
        yield ended
    finally:
        tails.discard(ended)


async def settled(logplex: Logplex, app: str, count: int) -> bytes:
    """The channel's content once it has so many lines; fails after PATIENCE."""
    channel = logplex.channel(app)
    async with asyncio.timeout(PATIENCE):
        while (content := whole(logplex, app)).count(b"\n") < count:
            await asyncio.wait_for(channel.growth.wait(), PATIENCE)
    return content


def whole(logplex: Logplex, app: str) -> bytes:
    channel = logplex.channel(app)
    content, position = b"", channel.first
    while position < channel.end:
        start, block = channel.read(position, 1 << 20)
        content, position = content + block, start + len(block)
    return content
